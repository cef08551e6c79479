//! What the fuzzers share: a caller of the engine.

use packager::{
    ContentKey, KeyId, LabelledKey, MemorySource, ObjectFacts, ObjectId, Options, ProbeOptions,
    Scheme, SegmentBuffer, Source,
};
use std::collections::HashMap;

/// The key of the tests, which sealed the seeds.
pub fn content_key() -> ContentKey {
    ContentKey {
        kid: KeyId(*b"\xa1\x6e\x40\x2b\x90\x56\xe3\x71\xf3\x6d\x34\x8a\xa6\x2b\xb7\x49"),
        value: *b"\x87\x23\x7d\x20\xa1\x9f\x58\xa7\x40\xc0\x56\x84\xe6\x99\xb4\xaa",
    }
}

/// One of the schemes, or none; the same for the same bytes.
pub fn scheme(bytes: &[u8]) -> Option<Scheme> {
    match bytes.len() % 5 {
        0 => None,
        1 => Some(Scheme::Cbcs),
        2 => Some(Scheme::Cenc),
        3 => Some(Scheme::Cens),
        _ => Some(Scheme::Cbc1),
    }
}

/// Probes, plans, renders every object and writes the manifests; what is refused is refused.
pub fn package(source: &dyn Source, scheme: Option<Scheme>) -> Option<()> {
    let movie = packager::probe_with(source, &ProbeOptions { salvage: true }).ok()?;
    let options = Options {
        scheme,
        content_keys: scheme
            .map(|_| LabelledKey::for_all(content_key()))
            .into_iter()
            .collect(),
        ..Options::default()
    };
    let plan = packager::plan(&[movie], &options).ok()?;
    let mut buffer = SegmentBuffer::default();
    let mut facts: HashMap<ObjectId, ObjectFacts> = HashMap::new();
    for object in plan.objects() {
        let rendered = plan.render(object, &[source], &mut buffer, &mut |_| Ok(()));
        facts.insert(object, rendered.ok()?);
    }
    let manifests = plan.manifests(&|object| facts[&object]);
    manifests.expect("what was rendered has manifests");
    Some(())
}

/// Bytes as a source.
pub fn source(bytes: &[u8]) -> MemorySource {
    MemorySource(bytes.to_vec())
}

//! Packages a source in memory, as a caller would.

use crate::verify::Files;
use packager::{
    ContentKey, Depth, FileLayout, KeyId, LabelledKey, ObjectFacts, ObjectId, Options, Plan,
    Scheme, SegmentBuffer, Source,
};
use std::collections::BTreeMap;

/// The key of all tests.
pub fn content_key() -> ContentKey {
    ContentKey {
        kid: KeyId(*b"\xa1\x6e\x40\x2b\x90\x56\xe3\x71\xf3\x6d\x34\x8a\xa6\x2b\xb7\x49"),
        value: *b"\x87\x23\x7d\x20\xa1\x9f\x58\xa7\x40\xc0\x56\x84\xe6\x99\xb4\xaa",
    }
}

/// Options with a scheme, its key and a fixed seed.
pub fn options(scheme: Option<Scheme>) -> Options {
    Options {
        scheme,
        content_keys: scheme
            .map(|_| LabelledKey::for_all(content_key()))
            .into_iter()
            .collect(),
        iv_seed: *b"a seed of a test",
        license_url: Some("https://example.org/license/clearkey".into()),
        hls_key_url: Some("https://example.org/license/key/".into()),
        ..Options::default()
    }
}

/// A package, with all of its files.
pub struct Package {
    pub options: Options,
    pub plan: Plan,
    /// Media by object.
    pub objects: BTreeMap<ObjectId, Vec<u8>>,
    /// The index of each rendition; empty with a file a segment.
    pub indexes: Vec<Vec<u8>>,
    /// Manifests by path.
    pub manifests: BTreeMap<String, String>,
}

impl Package {
    /// Probes, plans and renders all.
    pub fn make(source: &dyn Source, options: &Options) -> Result<Self, packager::Error> {
        Self::of_all(&[source], options)
    }

    /// One package of several inputs.
    pub fn of_all(sources: &[&dyn Source], options: &Options) -> Result<Self, packager::Error> {
        let movies = sources.iter().map(|source| packager::probe(*source));
        Self::of(&movies.collect::<Result<Vec<_>, _>>()?, sources, options)
    }

    /// One package of inputs that were probed.
    pub fn of(
        movies: &[packager::Movie],
        sources: &[&dyn Source],
        options: &Options,
    ) -> Result<Self, packager::Error> {
        let plan = packager::plan(movies, options)?;
        let mut buffer = SegmentBuffer::default();
        let mut objects = BTreeMap::new();
        let mut facts = BTreeMap::new();
        for object in plan.objects() {
            let (file, of_object) = render(&plan, object, sources, &mut buffer)?;
            objects.insert(object, file);
            facts.insert(object, of_object);
        }
        let indexes = (0..).zip(plan.renditions());
        let indexes = indexes.map(|(rendition, _)| {
            let index = plan.index(rendition, &|object| facts[&object])?;
            assert_eq!(index.len() as u64, plan.index_size(rendition));
            Ok(index)
        });
        let indexes = indexes.collect::<Result<Vec<_>, packager::Error>>()?;
        let manifests = plan.manifests(&|object| facts[&object])?;
        let manifests = manifests
            .into_iter()
            .map(|manifest| (manifest.path, manifest.text))
            .collect();
        Ok(Self {
            options: options.clone(),
            plan,
            objects,
            indexes,
            manifests,
        })
    }

    /// All files of the package, by path.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let manifests = self.manifests.iter();
        let manifests = manifests.map(|(path, text)| (path.clone(), text.clone().into_bytes()));
        let mut files: BTreeMap<String, Vec<u8>> = manifests.collect();
        for (object, bytes) in &self.objects {
            let file = files.entry(self.plan.path(*object)).or_default();
            file.extend_from_slice(bytes);
            if object.segment == 0 {
                file.extend_from_slice(&self.indexes[object.rendition as usize]);
            }
        }
        files
    }

    /// Fails unless it holds before all checks of `verify`.
    pub fn verify(&self, sources: &[&dyn Source]) {
        let report = Files(self.files()).verify(sources, Depth::Full);
        let failures: Vec<_> = report.failures().collect();
        assert!(failures.is_empty(), "{failures:#?}");
    }

    /// Whether each rendition is one file.
    pub fn is_single_file(&self) -> bool {
        self.options.layout == FileLayout::SingleFile
    }

    /// The init segment and the media segments of a rendition.
    pub fn rendition(&self, index: u32) -> Vec<&[u8]> {
        self.objects
            .iter()
            .filter(|(object, _)| object.rendition == index)
            .filter(|(object, _)| object.segment != ObjectId::KEY_PICTURES)
            .map(|(_, bytes)| bytes.as_slice())
            .collect()
    }

    /// The files of a rendition, one behind the other: all of its one file, if it is one.
    pub fn joined(&self, index: u32) -> Vec<u8> {
        let parts = self.rendition(index);
        [
            parts[0],
            &self.indexes[index as usize],
            &parts[1..].concat(),
        ]
        .concat()
    }

    /// A rendition, decrypted by the engine when it is encrypted.
    pub fn decrypted(&self, index: u32) -> Vec<u8> {
        if !self.plan.renditions()[index as usize].encrypted {
            return self.joined(index);
        }
        let keys = self.options.content_keys.iter();
        let keys: Vec<ContentKey> = keys.map(|labelled| labelled.key.clone()).collect();
        match self.is_single_file() {
            true => decrypt_with(&[&self.joined(index)], &keys),
            false => decrypt_with(&self.rendition(index), &keys),
        }
        .expect("decrypts")
    }

    /// Numbers of the renditions.
    pub fn indices(&self) -> std::ops::Range<u32> {
        0..self.plan.renditions().len() as u32
    }
}

/// The file of an object, and what the engine says of it.
pub fn render(
    plan: &Plan,
    object: ObjectId,
    sources: &[&dyn Source],
    buffer: &mut SegmentBuffer,
) -> Result<(Vec<u8>, ObjectFacts), packager::Error> {
    let mut file = Vec::new();
    let facts = plan.render(object, sources, buffer, &mut |bytes| {
        file.extend_from_slice(bytes);
        Ok(())
    })?;
    let read = ObjectFacts::read(&packager::MemorySource(file.clone()))?;
    assert_eq!(facts, read, "{object:?}");
    Ok((file, facts))
}

/// A key that depends on a number only.
pub fn numbered_key(number: u8) -> ContentKey {
    ContentKey {
        kid: KeyId([0xc0 | number; 16]),
        value: std::array::from_fn(|at| (at as u8).wrapping_mul(59) ^ (0x91 + number)),
    }
}

/// Decrypts init and media segments with the key of the tests.
pub fn decrypt(inputs: &[&[u8]]) -> Vec<u8> {
    decrypt_with(inputs, &[content_key()]).expect("decrypts")
}

/// Decrypts init and media segments.
pub fn decrypt_with(inputs: &[&[u8]], keys: &[ContentKey]) -> Result<Vec<u8>, packager::Error> {
    let sources: Vec<_> = inputs
        .iter()
        .map(|bytes| packager::MemorySource(bytes.to_vec()))
        .collect();
    let sources: Vec<&dyn Source> = sources.iter().map(|source| source as &dyn Source).collect();
    let mut output = Vec::new();
    packager::decrypt(&sources, keys, &mut output)?;
    Ok(output)
}

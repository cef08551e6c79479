//! Language tags (RFC 5646) and names from the codes of ISO 639-2 that files hold, and back.

use isolang::Language;

/// Codes of ISO 639-2/B, which older files use, and their equals in 639-2/T.
const BIBLIOGRAPHIC: [(&str, &str); 20] = [
    ("alb", "sqi"),
    ("arm", "hye"),
    ("baq", "eus"),
    ("bur", "mya"),
    ("chi", "zho"),
    ("cze", "ces"),
    ("dut", "nld"),
    ("fre", "fra"),
    ("geo", "kat"),
    ("ger", "deu"),
    ("gre", "ell"),
    ("ice", "isl"),
    ("mac", "mkd"),
    ("mao", "mri"),
    ("may", "msa"),
    ("per", "fas"),
    ("rum", "ron"),
    ("slo", "slk"),
    ("tib", "bod"),
    ("wel", "cym"),
];

/// The shortest tag of a language: `en` for `eng`. `None` when the file does not say.
pub(super) fn tag(code: &str) -> Option<&str> {
    if matches!(code, "und" | "mis" | "zxx" | "") {
        return None;
    }
    if code.contains('-') {
        return Some(code);
    }
    Some(
        find(code)
            .and_then(|language| language.to_639_1())
            .unwrap_or(code),
    )
}

/// The English name of a language, with what a tag adds to it: `Portuguese (BR)`.
pub(super) fn name(code: &str) -> Option<String> {
    tag(code)?;
    let name = find(code)?.to_name();
    Some(match code.split_once('-') {
        None => name.to_string(),
        Some((_, rest)) => format!("{name} ({rest})"),
    })
}

/// What tracks hold for a tag or a code: three letters, or a tag with the shortest code when a script, a region
/// or a variant is told. `None` when its first part is no language.
pub(crate) fn code(text: &str) -> Option<String> {
    let mut parts = text.trim().split(['-', '_']);
    let language = find(&parts.next()?.to_ascii_lowercase())?;
    let others: Vec<String> = parts.map(subtag).collect::<Option<_>>()?;
    if others.is_empty() {
        return Some(language.to_639_3().into());
    }
    let shortest = language.to_639_1().unwrap_or(language.to_639_3());
    Some(format!("{shortest}-{}", others.join("-")))
}

/// The three letters of ISO 639-2 that boxes hold.
pub(crate) fn three_letters(code: &str) -> &str {
    let first = code.split('-').next().unwrap_or_default();
    match find(first) {
        Some(language) if first.len() != 3 => language.to_639_3(),
        _ => first,
    }
}

/// A part of a tag behind the language, in the usual spelling: `Hant`, `BR`, `419`, `valencia`.
fn subtag(part: &str) -> Option<String> {
    let sound = (2..=8).contains(&part.len()) && part.bytes().all(|c| c.is_ascii_alphanumeric());
    let lower = part.to_ascii_lowercase();
    sound.then(|| match lower.len() {
        2 => lower.to_ascii_uppercase(),
        4 if lower.bytes().all(|c| c.is_ascii_alphabetic()) => {
            let (first, rest) = lower.split_at(1);
            format!("{}{rest}", first.to_ascii_uppercase())
        }
        _ => lower,
    })
}

/// The language of a code of two or three letters, or of the first part of a tag.
fn find(code: &str) -> Option<Language> {
    let code = code.split('-').next().unwrap_or_default();
    if code.len() == 2 {
        return Language::from_639_1(code);
    }
    let terminological = BIBLIOGRAPHIC
        .iter()
        .find(|(old, _)| *old == code)
        .map_or(code, |(_, new)| *new);
    Language::from_639_3(terminological)
}

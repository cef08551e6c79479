//! Language tags (RFC 5646) and names from the codes of ISO 639-2 that files hold.

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
    Some(
        find(code)
            .and_then(|language| language.to_639_1())
            .unwrap_or(code),
    )
}

/// The English name of a language.
pub(super) fn name(code: &str) -> Option<&'static str> {
    tag(code)?;
    find(code).map(|language| language.to_name())
}

fn find(code: &str) -> Option<Language> {
    let terminological = BIBLIOGRAPHIC
        .iter()
        .find(|(old, _)| *old == code)
        .map_or(code, |(_, new)| *new);
    Language::from_639_3(terminological)
}

//! What the name of an input says of its language and of what it is for: `subs.en.vtt`, `fr.m4a`,
//! `film.pt-BR.forced.srt`, `x.en.sdh.vtt`.

use packager::{Movie, Role, TrackKind};
use std::path::Path;

/// What a name says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InputHints {
    /// As tracks hold it: `eng`, `pt-BR`.
    pub language: Option<String>,
    /// What it is for.
    pub role: Option<Role>,
}

/// Languages of three letters that have no code of two. Others are left out: many are English words.
const THREE_LETTERS: [&str; 8] = ["fil", "yue", "cmn", "haw", "gsw", "ast", "nds", "mul"];

/// Reads the parts of a file's name, from the extension to the front, as long as they say something.
pub fn parse(path: &Path) -> InputHints {
    let mut hints = InputHints::default();
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    let mut parts = stem.unwrap_or_default().rsplit('.').peekable();
    while let Some(part) = parts.next() {
        // Behind a language, `hi` is for the hearing impaired; else it is Hindi.
        let is_hindi = part.eq_ignore_ascii_case("hi")
            && parts.peek().is_none_or(|before| language(before).is_none());
        if let (None, Some(role)) = (hints.role, role(part).filter(|_| !is_hindi)) {
            hints.role = Some(role);
        } else if let (None, Some(language)) = (&hints.language, language(part)) {
            hints.language = Some(language);
        } else {
            break;
        }
    }
    hints
}

impl InputHints {
    /// Tells a movie what its name says, unless it has a picture: `it.mp4` may be a film of that name.
    pub fn apply(&self, movie: &mut Movie) -> Result<(), packager::Error> {
        if movie
            .tracks
            .iter()
            .any(|track| track.kind == TrackKind::Video)
        {
            return Ok(());
        }
        if let Some(language) = &self.language {
            movie.set_language(language)?;
        }
        if let Some(role) = self.role {
            movie.set_role(role);
        }
        Ok(())
    }
}

fn role(part: &str) -> Option<Role> {
    Some(match part.to_ascii_lowercase().as_str() {
        "forced" => Role::ForcedSubtitle,
        "sdh" | "cc" | "hi" => Role::Caption,
        "commentary" => Role::Commentary,
        "description" | "ad" => Role::Description,
        "dub" => Role::Dub,
        _ => return None,
    })
}

fn language(part: &str) -> Option<String> {
    let first = part.split(['-', '_']).next()?.to_ascii_lowercase();
    let code = packager::language_code(part)?;
    let is_known = match first.len() {
        2 => true,
        _ => {
            // Tags have the shortest code.
            let tag = packager::language_code(&format!("{first}-ZZ"));
            let has_two = tag.is_some_and(|tag| tag.len() == "en-ZZ".len());
            has_two || THREE_LETTERS.contains(&first.as_str())
        }
    };
    is_known.then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, language: Option<&str>, role: Option<Role>) {
        let hints = parse(Path::new(name));
        assert_eq!(
            (hints.language.as_deref(), hints.role),
            (language, role),
            "{name}"
        );
    }

    #[test]
    fn names_tell_languages_and_roles() {
        check("subs.en.vtt", Some("eng"), None);
        check("/films/fr.m4a", Some("fra"), None);
        check(
            "movie.fra.forced.srt",
            Some("fra"),
            Some(Role::ForcedSubtitle),
        );
        check("x.en.sdh.vtt", Some("eng"), Some(Role::Caption));
        check("x.SDH.EN.vtt", Some("eng"), Some(Role::Caption));
        check("x.pt-br.vtt", Some("pt-BR"), None);
        check("x.ger.commentary.m4a", Some("deu"), Some(Role::Commentary));
        check("x.fil.ad.m4a", Some("fil"), Some(Role::Description));
        check("x.hi.srt", Some("hin"), None);
        check("x.en.hi.srt", Some("eng"), Some(Role::Caption));
        check("x.hi.forced.srt", Some("hin"), Some(Role::ForcedSubtitle));
    }

    #[test]
    fn names_that_say_nothing_tell_nothing() {
        for name in [
            "subtitles.vtt",
            "sub.srt",
            "the.war.vtt",
            "film.2024.srt",
            "a.xx.vtt",
            "en.x.vtt",
        ] {
            check(name, None, None);
        }
    }
}

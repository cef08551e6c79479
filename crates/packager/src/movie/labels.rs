//! What a person says of an input: its language, and what it is for.

use super::{Movie, Track, TrackKind};
use crate::Error;
use crate::manifest::language;

/// What a track is for, where the ordinary is not meant (the values of `urn:mpeg:dash:role:2011`, ISO/IEC
/// 23009-1, 5.8.5.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// The one to play unless somebody chooses.
    Main,
    /// Another to choose.
    Alternate,
    /// Remarks of the makers.
    Commentary,
    /// Sound in another language than the original.
    Dub,
    /// Sound that tells what is to be seen.
    Description,
    /// Subtitles for those who do not hear (SDH): sounds, too.
    Caption,
    /// Subtitles for those who do not understand the language.
    Subtitle,
    /// Subtitles that are always shown: foreign speech, signs.
    ForcedSubtitle,
}

impl Role {
    /// The value of a `Role` element of DASH.
    pub fn dash(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Alternate => "alternate",
            Self::Commentary => "commentary",
            Self::Dub => "dub",
            Self::Description => "description",
            Self::Caption => "caption",
            Self::Subtitle => "subtitle",
            Self::ForcedSubtitle => "forced-subtitle",
        }
    }
}

/// A language as tracks hold it, from a tag (BCP 47) or a code (ISO 639): three letters, or a tag when a
/// script or a region is told (`eng` from `en`, `pt-BR` from `por-br`). `None` when it is no language.
pub fn language_code(text: &str) -> Option<String> {
    language::code(text)
}

impl Movie {
    /// Sets the language of all sound and text.
    ///
    /// # Errors
    /// [`Error::InvalidOptions`] when it is no language; see [`language_code`].
    pub fn set_language(&mut self, language: &str) -> Result<(), Error> {
        let Some(code) = language_code(language) else {
            let what = format!(
                "{language:?} is no language: a tag (`en`, `pt-BR`) or a code of ISO 639 is meant"
            );
            return Err(Error::InvalidOptions(what));
        };
        for track in &mut self.tracks {
            if matches!(track.kind, TrackKind::Audio | TrackKind::Text) {
                track.language.clone_from(&code);
            }
        }
        Ok(())
    }

    /// Sets the role of all sound and text that it fits: a caption is text, a dub is sound.
    pub fn set_role(&mut self, role: Role) {
        for track in &mut self.tracks {
            if track.takes(role) {
                track.role = Some(role);
            }
        }
    }
}

impl Track {
    fn takes(&self, role: Role) -> bool {
        match (self.kind, role) {
            (TrackKind::Audio, Role::Caption | Role::Subtitle | Role::ForcedSubtitle)
            | (TrackKind::Text, Role::Dub | Role::Description) => false,
            (kind, _) => matches!(kind, TrackKind::Audio | TrackKind::Text),
        }
    }
}

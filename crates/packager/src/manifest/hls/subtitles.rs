//! Subtitles in the multivariant playlist (RFC 8216, 4.3.4.1).

use crate::manifest::language;
use crate::presentation::{Presentation, RenditionFacts};
use crate::{Role, TrackKind};

/// The group of all subtitles: every variant goes with it.
pub(super) const GROUP: &str = "text";

/// What variants say of the subtitles that go with them.
#[derive(Default)]
pub(super) struct Subtitles<'a> {
    /// In the order of the presentation.
    pub members: Vec<&'a RenditionFacts<'a>>,
}

impl<'a> Subtitles<'a> {
    /// Those of a presentation.
    pub fn of(presentation: &'a Presentation<'a>) -> Self {
        let sets = presentation.of_kind(TrackKind::Text);
        Self {
            members: sets.flat_map(|set| &set.renditions).collect(),
        }
    }

    /// `EXT-X-MEDIA` of each. None is shown unless somebody, or the system's settings, choose it.
    pub fn lines(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for (number, member) in (1..).zip(&self.members) {
            let mut name = name(member, number);
            if names.contains(&name) {
                name = format!("{name} {number}");
            }
            names.push(name);
        }
        let members = self.members.iter().zip(names);
        members.map(|(member, name)| line(member, &name)).collect()
    }

    /// The most that any of them takes, in bits a second, at peak and on average.
    pub fn bandwidth(&self) -> (u64, u64) {
        let peak = self.members.iter().map(|member| member.bandwidth).max();
        let average = self.members.iter().map(|member| member.average_bandwidth);
        (peak.unwrap_or(0), average.max().unwrap_or(0))
    }
}

/// What people choose it by: unique in the group.
fn name(member: &RenditionFacts<'_>, number: usize) -> String {
    let language = match language::name(member.language) {
        Some(name) => name,
        None => format!("Subtitles {number}"),
    };
    match member.role {
        Some(Role::ForcedSubtitle) => format!("{language} (forced)"),
        Some(Role::Caption) => format!("{language} (SDH)"),
        Some(Role::Commentary) => format!("{language} (commentary)"),
        _ => language,
    }
}

fn line(member: &RenditionFacts<'_>, name: &str) -> String {
    let language = language::tag(member.language);
    let language = language.map_or(String::new(), |tag| format!(",LANGUAGE=\"{tag}\""));
    let default = match member.role {
        Some(Role::Main) => "YES",
        _ => "NO",
    };
    let particular = match member.role {
        Some(Role::ForcedSubtitle) => ",FORCED=YES",
        Some(Role::Caption) => {
            ",CHARACTERISTICS=\"public.accessibility.transcribes-spoken-dialog,public.accessibility.describes-music-and-sound\""
        }
        _ => "",
    };
    format!(
        "#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"{GROUP}\",NAME=\"{name}\"{language},DEFAULT={default},AUTOSELECT=YES{particular},URI=\"{}\"",
        member.playlist()
    )
}

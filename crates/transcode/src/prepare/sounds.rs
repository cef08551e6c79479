//! Which sounds a ladder has: every one of the source, in every form that is wanted.

use super::{MAX_SOUNDS, Work};
use crate::encoding::SoundOutput;
use crate::ladder::{self, LadderPlan};
use crate::order::Order;
use crate::probe::{Track, TrackKind};
use crate::profile::Profile;

impl Work<'_> {
    /// Every sound of the source in every form that is wanted and that it has.
    pub(super) fn sounds(&self, ladder: &LadderPlan, notes: &mut Vec<String>) -> Vec<SoundOutput> {
        let tracks = self.facts.tracks.iter();
        let tracks: Vec<_> = tracks
            .filter_map(|track| Some((track, channels(track)?)))
            .collect();
        if let Some((first, _)) = tracks.get(MAX_SOUNDS) {
            notes.push(format!(
                "the file has more than {MAX_SOUNDS} sounds: those from track {} on are left out",
                first.index
            ));
        }
        let mut outputs: Vec<SoundOutput> = Vec::new();
        for (track, has) in tracks.into_iter().take(MAX_SOUNDS) {
            let fits = |wish: &&ladder::Sound| wish.channels <= 2 || wish.channels <= has;
            let mut wishes: Vec<_> = ladder.sounds.iter().filter(fits).collect();
            if wishes.is_empty() {
                wishes.extend(ladder.sounds.last());
            }
            for wish in wishes {
                let made = wish.channels.min(if has >= 6 { has } else { has.min(2) });
                let loudness = self.complaints.loudness;
                let as_it_is = *self.order == Order::Auto
                    && loudness.is_none()
                    && track.codec == "aac"
                    && has == made
                    && (1..=wish.bitrate + wish.bitrate / 4).contains(&track.bit_rate);
                outputs.push(SoundOutput {
                    track: track.index,
                    language: track.language.clone(),
                    codec: (!as_it_is).then_some(wish.codec),
                    channels: made,
                    bitrate: wish.bitrate,
                    loudness,
                });
            }
        }
        outputs
    }
}

impl Order {
    pub(super) fn sounds(&self, channels: u32) -> Vec<ladder::Sound> {
        match self {
            Self::Profile(Profile { audio, .. }) => ladder::sounds_of_profile(audio, channels),
            Self::None | Self::Auto => ladder::usual_sounds(channels),
        }
    }
}

/// Channels of a track that is sound.
pub(super) fn channels(track: &Track) -> Option<u32> {
    match &track.kind {
        TrackKind::Audio(audio) if audio.channels > 0 => Some(audio.channels),
        _ => None,
    }
}

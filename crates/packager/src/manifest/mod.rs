//! Writes manifests from a [`Presentation`]: the MPD and the playlists over the same segments.

mod dash;
mod hls;
pub(crate) mod language;

use crate::presentation::Presentation;
use crate::{Error, Manifest, TrackKind};

/// All manifests of a package; the MPD alone when HLS has no METHOD for the scheme.
///
/// # Errors
/// Only when XML cannot be written, which has no known cause.
pub(crate) fn write(presentation: &Presentation<'_>) -> Result<Vec<Manifest>, Error> {
    let mut manifests = vec![Manifest {
        path: "stream.mpd".into(),
        text: dash::write(presentation)?,
    }];
    let mut schemes = presentation
        .renditions()
        .filter_map(|facts| facts.protection);
    if !schemes.all(|protection| protection.scheme.hls_method().is_some()) {
        return Ok(manifests);
    }
    manifests.push(Manifest {
        path: "master.m3u8".into(),
        text: hls::write_multivariant(presentation),
    });
    for rendition in presentation.renditions() {
        manifests.push(Manifest {
            path: rendition.playlist(),
            text: hls::write_media(presentation, rendition),
        });
        if rendition.kind == TrackKind::Video {
            manifests.push(Manifest {
                path: rendition.key_picture_playlist(),
                text: hls::key_pictures::write(presentation, rendition),
            });
        }
    }
    Ok(manifests)
}

#[cfg(test)]
mod tests;

//! I-frame playlists (RFC 8216, 4.3.3.6 and 4.3.4.3): the key pictures of a rendition, where they lie in its media.

use super::{append, head, key_change, line, map_line, range_text, start_keys, video_values};
use crate::presentation::{Presentation, RenditionFacts};

/// The line of the multivariant playlist that points at the I-frame playlist of a rendition.
pub(super) fn variant(rendition: &RenditionFacts<'_>) -> String {
    let (peak, average) = rendition.key_picture_bandwidths();
    let mut text = format!(
        "#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH={peak},AVERAGE-BANDWIDTH={average},CODECS=\"{}\"",
        rendition.codec
    );
    text.push_str(&video_values(rendition, false));
    append(
        &mut text,
        format_args!(",URI=\"{}\"", rendition.key_picture_playlist()),
    );
    text
}

/// The I-frame playlist of a rendition.
pub(in crate::manifest) fn write(
    presentation: &Presentation<'_>,
    rendition: &RenditionFacts<'_>,
) -> String {
    let pictures = rendition.key_pictures_throughout();
    let lengths = pictures
        .iter()
        .map(|picture| rendition.seconds(picture.length));
    let mut text = head(lengths.fold(presentation.longest_segment, f64::max));
    line(&mut text, "#EXT-X-I-FRAMES-ONLY");
    let mut key = start_keys(&mut text, presentation, rendition);
    match rendition.key_init_file() {
        Some(file) => line(&mut text, &format!("#EXT-X-MAP:URI=\"{file}\"")),
        None => line(&mut text, &map_line(rendition)),
    }
    for picture in pictures {
        for line in key_change(&mut key, picture.kid, rendition, presentation) {
            super::line(&mut text, &line);
        }
        let seconds = rendition.seconds(picture.length);
        append(
            &mut text,
            format_args!(
                "#EXTINF:{seconds:.6},\n#EXT-X-BYTERANGE:{}\n{}\n",
                range_text(picture.offset, picture.size),
                rendition.file(picture.number)
            ),
        );
    }
    text.push_str("#EXT-X-ENDLIST\n");
    text
}

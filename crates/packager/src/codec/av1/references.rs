//! The frames that later frames may refer to (AV1, 7.8, 7.20, 7.21).

use super::frame::SEGMENTS;
use crate::codec::CodecError;

/// How many frames are kept.
pub(super) const REFERENCES: usize = 8;
/// How many of them a frame may name.
pub(super) const REFERENCES_OF_A_FRAME: usize = 7;

/// A frame that is kept: what the headers of later frames depend on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reference {
    pub upscaled_width: u32,
    pub height: u32,
    pub order_hint: u32,
    pub is_key: bool,
    /// By how much a segment's quantiser differs.
    pub quantiser_changes: [Option<i32>; SEGMENTS],
}

/// `None` is a frame of before the first that was read.
pub(super) type References = [Option<Reference>; REFERENCES];

/// A reference that must be there.
pub(super) fn known(references: &References, index: usize) -> Result<&Reference, CodecError> {
    let reference = references.get(index).and_then(Option::as_ref);
    reference.ok_or_else(|| {
        CodecError(format!(
            "reference frame {index} is not known: the segment does not start with a key frame"
        ))
    })
}

/// Shows a kept frame; a key frame takes the place of all (7.21).
pub(super) fn show(references: &mut References, index: usize) -> Result<(), CodecError> {
    let shown = *known(references, index)?;
    if shown.is_key {
        *references = [Some(shown); REFERENCES];
    }
    Ok(())
}

/// `get_relative_dist` (5.9.3): `a - b` in a circle.
fn distance(a: u32, b: u32, bits: u32) -> i32 {
    let difference = a as i32 - b as i32;
    let sign = 1 << (bits - 1);
    (difference & (sign - 1)) - (difference & sign)
}

/// `set_frame_refs` (7.8): the references of a frame that names two only.
pub(super) fn derive(
    references: &References,
    (last, golden): (usize, usize),
    order_hint: u32,
    hint_bits: u32,
) -> Result<[usize; REFERENCES_OF_A_FRAME], CodecError> {
    let mut distances = [0; REFERENCES];
    for (index, place) in distances.iter_mut().enumerate() {
        *place = distance(known(references, index)?.order_hint, order_hint, hint_bits);
    }
    // Of frames at one distance, the later one is the latest and the earlier one the earliest.
    let candidates = || distances.into_iter().enumerate().map(|(at, far)| (far, at));
    let (mut used, mut found) = ([false; REFERENCES], [None; REFERENCES_OF_A_FRAME]);
    let mut take = |place: usize, index: Option<usize>, used: &mut [bool; REFERENCES]| {
        if let (Some(place), Some(index)) = (found.get_mut(place), index)
            && place.is_none()
        {
            *place = Some(index);
            if let Some(flag) = used.get_mut(index) {
                *flag = true;
            }
        }
    };
    let is_free = |used: &[bool; REFERENCES], at: usize| used.get(at) == Some(&false);
    let [
        last_place,
        second,
        third,
        golden_place,
        backward,
        second_backward,
        alternative,
    ] = [0, 1, 2, 3, 4, 5, 6];
    take(last_place, Some(last), &mut used);
    take(golden_place, Some(golden), &mut used);
    let free = candidates().filter(|(far, at)| *far >= 0 && is_free(&used, *at));
    let latest_behind = free.max().map(|(_, at)| at);
    take(alternative, latest_behind, &mut used);
    for place in [backward, second_backward] {
        let free = candidates().filter(|(far, at)| *far >= 0 && is_free(&used, *at));
        let earliest_behind = free.min().map(|(_, at)| at);
        take(place, earliest_behind, &mut used);
    }
    for place in [second, third, backward, second_backward, alternative] {
        let free = candidates().filter(|(far, at)| *far < 0 && is_free(&used, *at));
        let latest_before = free.max().map(|(_, at)| at);
        take(place, latest_before, &mut used);
    }
    let earliest = candidates().min().map_or(0, |(_, at)| at);
    Ok(found.map(|index| index.unwrap_or(earliest)))
}

/// `skipModeAllowed` (5.9.22): whether there are two references to skip between.
pub(super) fn can_skip(
    references: &References,
    of_frame: [usize; REFERENCES_OF_A_FRAME],
    order_hint: u32,
    hint_bits: u32,
) -> Result<bool, CodecError> {
    let (mut before, mut has_behind) = (None::<u32>, false);
    let mut hints = [0; REFERENCES_OF_A_FRAME];
    for (hint, index) in hints.iter_mut().zip(of_frame) {
        *hint = known(references, index)?.order_hint;
        let far = distance(*hint, order_hint, hint_bits);
        has_behind |= far > 0;
        if far < 0 && before.is_none_or(|before| distance(*hint, before, hint_bits) > 0) {
            before = Some(*hint);
        }
    }
    Ok(match before {
        None => false,
        Some(_) if has_behind => true,
        Some(before) => hints
            .iter()
            .any(|hint| distance(*hint, before, hint_bits) < 0),
    })
}

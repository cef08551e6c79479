//! Checks 30, 31, 33 and 34: protection as the MPD describes it.

use crate::KeyId;
use crate::verify::book::Book;
use crate::verify::mpd::{Mpd, Representation};
use crate::verify::track::Track;
use crate::verify::xml::Element;
use base64::Engine as _;
use std::collections::BTreeSet;

const MP4_PROTECTION: &str = "urn:mpeg:dash:mp4protection:2011";
const CLEAR_KEY: &str = "e2719d58-a985-b3c9-781a-b030af78d30e";
const COMMON: &str = "1077efec-c0b2-4d02-ace3-3c1e52e2fb4b";
/// FairPlay has no `pssh`: players ask with `skd://` of HLS.
const FAIR_PLAY: &str = "94ce86fb-07ff-4f43-adb8-93d2fa968ca2";

/// The checks on one Representation.
pub(super) fn check(book: &mut Book, representation: &Representation, track: &Track, place: &str) {
    let all: Vec<&Element> = representation.elements("ContentProtection").collect();
    let Some(scheme) = track.init.scheme() else {
        book.ensure(31, all.is_empty(), &place, || {
            "a clear rendition has ContentProtection".into()
        });
        return;
    };
    let clear = track.kids.is_empty();
    book.ensure(34, !clear || !all.is_empty(), &place, || {
        "protection is not signalled before the clear lead ends".into()
    });
    let is_common = |element: &&Element| element.attribute("schemeIdUri") == Some(MP4_PROTECTION);
    let on_set = representation
        .set_element
        .all("ContentProtection")
        .find(is_common);
    let own = representation
        .element
        .all("ContentProtection")
        .find(is_common);
    book.ensure(31, on_set.is_some(), &place, || {
        format!("no ContentProtection of {MP4_PROTECTION} on the AdaptationSet")
    });
    let fourcc = scheme.scheme_type.to_string();
    for common in [on_set, own].into_iter().flatten() {
        let value = common.attribute("value");
        book.ensure(31, value == Some(&fourcc), &place, || {
            format!(
                "ContentProtection says {}, the media '{fourcc}'",
                crate::verify::words::value(value)
            )
        });
    }
    default_key(book, track, (own, on_set), &all, place);
    for element in &all {
        system(book, element, track, place);
    }
}

/// Check 30.
fn default_key(
    book: &mut Book,
    track: &Track,
    (own, on_set): (Option<&Element>, Option<&Element>),
    all: &[&Element],
    place: &str,
) {
    let Some(kid) = track.init.kid() else {
        return;
    };
    let uuid = KeyId(kid).uuid();
    let named = own.and_then(|element| element.attribute("cenc:default_KID"));
    let named = named.or(on_set.and_then(|element| element.attribute("cenc:default_KID")));
    book.ensure(30, named.is_some(), &place, || "no cenc:default_KID".into());
    if let Some(named) = named {
        let same = named.split_whitespace().any(|name| name == uuid);
        book.ensure(30, same, &place, || {
            format!("default_KID is '{named}', the media's {uuid}")
        });
    }
    // Other systems may repeat it; on the Representation the word of the set is overruled.
    if own.is_none() {
        for other in all
            .iter()
            .filter_map(|element| element.attribute("cenc:default_KID"))
        {
            let same = other.split_whitespace().any(|name| name == uuid);
            book.ensure(30, same, &place, || {
                format!("a default_KID is '{other}', the media's {uuid}")
            });
        }
    }
}

/// Check 31 on the element of one protection system.
fn system(book: &mut Book, element: &Element, track: &Track, place: &str) {
    let id = element
        .attribute("schemeIdUri")
        .unwrap_or_default()
        .to_ascii_lowercase();
    let Some(id) = id.strip_prefix("urn:uuid:") else {
        return;
    };
    if id == CLEAR_KEY {
        let url = ["dashif:Laurl", "dashif:laurl", "ck:Laurl"]
            .iter()
            .find_map(|name| element.child(name));
        let url = url.is_some_and(|url| !url.text.trim().is_empty());
        book.advise(31, url, &place, || {
            "ClearKey without a licence URL (dashif:Laurl)".into()
        });
        return;
    }
    let init = &track.init;
    if let Some(pro) = element.child("mspr:pro") {
        let text: String = pro.text.split_whitespace().collect();
        let object = base64::engine::general_purpose::STANDARD.decode(text);
        let known = init
            .pssh
            .iter()
            .filter_map(|(_, parsed)| parsed.as_ref().ok());
        let same = object.is_ok_and(|object| known.into_iter().any(|pssh| pssh.data == object));
        book.ensure(31, same, &place, || {
            "mspr:pro is not the data of a 'pssh' of the init segment".into()
        });
    }
    let Some(pssh) = element.child("cenc:pssh") else {
        let free = id == FAIR_PLAY || id == COMMON;
        book.ensure(31, free, &place, || format!("system {id} has no cenc:pssh"));
        return;
    };
    let text: String = pssh.text.split_whitespace().collect();
    let bytes = base64::engine::general_purpose::STANDARD.decode(text);
    match bytes {
        Err(_) => book.must(31, &place, format!("cenc:pssh of system {id} is no base64")),
        Ok(bytes) => {
            let same = init.pssh.iter().any(|(box_, _)| *box_ == bytes);
            book.ensure(31, same, &place, || {
                format!("cenc:pssh of system {id} is none of the init segment's")
            });
        }
    }
}

/// Check 33: keys of their own are signalled apart.
pub(super) fn key_sets(book: &mut Book, mpd: &Mpd, tracks: &[Track]) {
    let of =
        |representation: &Representation| representation.track.and_then(|index| tracks.get(index));
    let kid = |representation: &Representation| of(representation)?.init.kid();
    let kids: BTreeSet<_> = mpd.representations.iter().filter_map(kid).collect();
    if kids.len() < 2 {
        return;
    }
    book.performed(33);
    for representation in &mpd.representations {
        let Some(own) = kid(representation) else {
            continue;
        };
        let shared = mpd.representations.iter().any(|other| {
            (other.period, other.set) == (representation.period, representation.set)
                && kid(other).is_some_and(|kid| kid != own)
        });
        let named = representation.element.all("ContentProtection");
        let named = named
            .filter_map(|element| element.attribute("cenc:default_KID"))
            .next()
            .is_some();
        let place = format!("{}: Representation '{}'", mpd.path, representation.id);
        book.ensure(33, !shared || named, &place, || {
            "it shares an AdaptationSet with one of another key, and has no default_KID of its own"
                .into()
        });
    }
}

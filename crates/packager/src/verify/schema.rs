//! Check 36: the rules of the MPD's schema (ISO/IEC 23009-1, Annex B) as a table, and those of its text that a
//! schema cannot say.

mod rules;
mod values;

use super::book::Book;
use super::xml::Element;
use rules::{Rule, rule};
use std::collections::BTreeSet;
pub(super) use values::{duration, range};

/// The number of this check.
const SCHEMA: u32 = 36;

/// Checks a whole document; `path` is its file.
pub(super) fn check(book: &mut Book, path: &str, mpd: &Element) {
    book.performed(SCHEMA);
    if mpd.name != "MPD" {
        let what = format!(
            "the document is '{}', not 'MPD' of urn:mpeg:dash:schema:mpd:2011",
            mpd.name
        );
        return book.must(SCHEMA, &path, what);
    }
    element(book, path, mpd);
    document(book, path, mpd);
    let mut periods = BTreeSet::new();
    for period in mpd.all("Period") {
        if let Some(id) = period.attribute("id")
            && !periods.insert(id)
        {
            book.must(SCHEMA, &path, format!("two Periods have the id '{id}'"));
        }
        unique(book, path, period);
        for set in period.all("AdaptationSet") {
            adaptation_set(book, path, period, set);
        }
    }
}

/// One element and all inside.
fn element(book: &mut Book, path: &str, element: &Element) {
    if let Some(rule) = rule(&element.name) {
        attributes(book, path, element, &rule);
        children(book, path, element, &rule);
    }
    for child in &element.children {
        self::element(book, path, child);
    }
}

fn attributes(book: &mut Book, path: &str, element: &Element, rule: &Rule) {
    let place = format!("{path}: {}", describe(element));
    for name in rule.required {
        if element.attribute(name).is_none() {
            book.must(SCHEMA, &place, format!("the attribute '{name}' is missing"));
        }
    }
    for (name, value) in &element.attributes {
        // Attributes of other namespaces are free.
        if name.contains([':', '}']) {
            continue;
        }
        match rule
            .attributes
            .iter()
            .flat_map(|list| list.iter())
            .find(|(known, _)| known == name)
        {
            None => book.must(SCHEMA, &place, format!("there is no attribute '{name}'")),
            Some((_, kind)) if !kind.accepts(value) => {
                let what = format!("{name}=\"{}\" is no {}", shortened(value), kind.name());
                book.must(SCHEMA, &place, what);
            }
            Some(_) => {}
        }
    }
}

fn children(book: &mut Book, path: &str, element: &Element, rule: &Rule) {
    let place = format!("{path}: {}", describe(element));
    let order: Vec<&str> = rule
        .children
        .iter()
        .flat_map(|list| list.iter().copied())
        .collect();
    let mut reached = 0;
    let mut seen = BTreeSet::new();
    for child in &element.children {
        let name = child.name.as_str();
        if name.contains([':', '}']) {
            continue;
        }
        let Some(position) = order.iter().position(|known| *known == name) else {
            book.must(SCHEMA, &place, format!("'{name}' cannot be inside"));
            continue;
        };
        if position < reached {
            let before = order.get(reached).copied().unwrap_or_default();
            book.must(SCHEMA, &place, format!("'{name}' is behind '{before}'"));
        }
        reached = reached.max(position);
        if !seen.insert(name) && rule.single.contains(&name) {
            book.must(SCHEMA, &place, format!("'{name}' is there twice"));
        }
    }
    for name in rule.needed {
        if !seen.contains(name) {
            book.must(SCHEMA, &place, format!("no '{name}' is inside"));
        }
    }
}

/// What an MPD of its type must have (5.3.1.2).
fn document(book: &mut Book, path: &str, mpd: &Element) {
    let last = mpd.all("Period").last();
    let is_dynamic = mpd.attribute("type") == Some("dynamic");
    if is_dynamic {
        for name in ["availabilityStartTime", "publishTime"] {
            let there = mpd.attribute(name).is_some();
            book.ensure(SCHEMA, there, &path, || {
                format!("a dynamic MPD needs '{name}'")
            });
        }
        return;
    }
    let has_duration = mpd.attribute("mediaPresentationDuration").is_some()
        || last.is_some_and(|period| period.attribute("duration").is_some());
    book.ensure(SCHEMA, has_duration, &path, || {
        "a static MPD needs 'mediaPresentationDuration'".into()
    });
    for name in ["minimumUpdatePeriod", "timeShiftBufferDepth"] {
        let there = mpd.attribute(name).is_some();
        book.ensure(SCHEMA, !there, &path, || {
            format!("a static MPD has no '{name}'")
        });
    }
}

/// Ids are unique in a Period (5.3.3.2, 5.3.5.2).
fn unique(book: &mut Book, path: &str, period: &Element) {
    let (mut sets, mut representations) = (BTreeSet::new(), BTreeSet::new());
    for set in period.all("AdaptationSet") {
        if let Some(id) = set.attribute("id")
            && !sets.insert(id)
        {
            book.must(
                SCHEMA,
                &path,
                format!("two AdaptationSets have the id '{id}'"),
            );
        }
        for id in set
            .all("Representation")
            .filter_map(|element| element.attribute("id"))
        {
            if !representations.insert(id) {
                book.must(
                    SCHEMA,
                    &path,
                    format!("two Representations have the id '{id}'"),
                );
            }
        }
    }
}

fn adaptation_set(book: &mut Book, path: &str, period: &Element, set: &Element) {
    for representation in set.all("Representation") {
        let place = format!("{path}: {}", describe(representation));
        let either = |name: &str| representation.attribute(name).or(set.attribute(name));
        book.ensure(SCHEMA, either("mimeType").is_some(), &place, || {
            "neither it nor its AdaptationSet has a 'mimeType'".into()
        });
        for (own, most) in [("width", "maxWidth"), ("height", "maxHeight")] {
            let within = match (representation.number::<u32>(own), set.number::<u32>(most)) {
                (Some(own), Some(most)) => own <= most,
                _ => true,
            };
            book.ensure(SCHEMA, within, &place, || {
                format!("'{own}' is above '{most}' of its set")
            });
        }
        let levels = [representation, set, period];
        for name in ["SegmentBase", "SegmentList", "SegmentTemplate"] {
            if levels.iter().any(|level| level.child(name).is_some()) {
                segment_information(book, &place, name, &levels);
            }
        }
    }
}

/// What segment information says together, inherited attributes and elements included (5.3.9).
fn segment_information(book: &mut Book, place: &str, name: &str, levels: &[&Element; 3]) {
    let found: Vec<&Element> = levels
        .iter()
        .filter_map(|level| level.child(name))
        .collect();
    let attribute = |key: &str| found.iter().find_map(|element| element.attribute(key));
    let timeline = found
        .iter()
        .find_map(|element| element.child("SegmentTimeline"));
    let (with_duration, with_timeline) = (attribute("duration").is_some(), timeline.is_some());
    book.ensure(SCHEMA, !(with_duration && with_timeline), &place, || {
        format!("{name} has both 'duration' and 'SegmentTimeline'")
    });
    if let Some(timeline) = timeline {
        for s in timeline.all("S") {
            let right = s.number::<u64>("d").is_none_or(|d| d > 0)
                && s.number::<i64>("r").is_none_or(|r| r >= -1);
            book.ensure(SCHEMA, right, &place, || {
                "an S lasts no time, or has 'r' below -1".into()
            });
        }
    }
    if name != "SegmentTemplate" {
        return;
    }
    for key in ["media", "initialization", "index"] {
        let Some(template) = attribute(key) else {
            continue;
        };
        let wrong = unknown_identifier(template, key == "media");
        book.ensure(SCHEMA, wrong.is_none(), &place, || {
            format!(
                "{key}=\"{}\": {}",
                shortened(template),
                wrong.unwrap_or_default()
            )
        });
    }
    let media = attribute("media").unwrap_or_default();
    let addressed =
        with_duration || with_timeline || !(media.contains("$Number") || media.contains("$Time"));
    book.ensure(SCHEMA, addressed, &place, || {
        "SegmentTemplate has neither 'duration' nor 'SegmentTimeline'".into()
    });
    let by_time = media.contains("$Time");
    book.ensure(SCHEMA, !by_time || with_timeline, &place, || {
        "$Time$ needs a SegmentTimeline".into()
    });
}

/// What is wrong with the identifiers of a template (5.3.9.4.4).
fn unknown_identifier(template: &str, is_media: bool) -> Option<String> {
    let mut parts = template.split('$');
    parts.next();
    let inside: Vec<&str> = parts.step_by(2).collect();
    if template.matches('$').count() % 2 == 1 {
        return Some("a '$' stands alone".into());
    }
    for identifier in inside {
        let (name, format) = match identifier.split_once('%') {
            Some((name, format)) => (name, Some(format)),
            None => (identifier, None),
        };
        let known = match name {
            "" | "RepresentationID" => format.is_none(),
            "Bandwidth" => true,
            "Number" | "Time" | "SubNumber" => is_media,
            _ => false,
        };
        let well_formed = format.is_none_or(|format| {
            let digits = format
                .strip_prefix('0')
                .and_then(|rest| rest.strip_suffix('d'));
            digits.is_some_and(|digits| {
                !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
            })
        });
        if !known || !well_formed {
            return Some(format!("'${identifier}$' is no identifier here"));
        }
    }
    None
}

/// Names an element so that it is found again.
pub(super) fn describe(element: &Element) -> String {
    match element.attribute("id") {
        Some(id) => format!("{} '{}'", element.name, shortened(id)),
        None => element.name.clone(),
    }
}

/// At most 60 characters of a text.
pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(60) {
        None => text.to_string(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::{Outcome, xml};

    fn findings(mpd: &str) -> Vec<String> {
        let mut book = Book::default();
        check(&mut book, "x.mpd", &xml::parse(mpd).unwrap());
        let report = book.finish();
        match &report.checks[35].outcome {
            Outcome::Failed(findings) => findings.iter().map(|f| f.what.clone()).collect(),
            other => {
                assert!(matches!(other, Outcome::Passed), "{other:?}");
                Vec::new()
            }
        }
    }

    /// A good MPD with one text replaced; the findings must hold `expect`.
    fn fails(from: &str, to: &str, expect: &str) {
        let good = r#"<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-live:2011" type="static" mediaPresentationDuration="PT8S" minBufferTime="PT2S"><Period id="0"><AdaptationSet id="1" mimeType="video/mp4" maxWidth="320" segmentAlignment="true" startWithSAP="1"><Role schemeIdUri="urn:mpeg:dash:role:2011" value="main"/><SegmentTemplate timescale="1000" media="$RepresentationID$/$Number%05d$.m4s" initialization="i.mp4"><SegmentTimeline><S t="0" d="4000" r="1"/></SegmentTimeline></SegmentTemplate><Representation id="v" bandwidth="1000" width="320" height="180" sar="1:1" frameRate="30000/1001"/></AdaptationSet></Period></MPD>"#;
        assert_eq!(findings(good), Vec::<String>::new());
        assert!(good.contains(from), "{from}");
        let found = findings(&good.replacen(from, to, 1));
        assert!(
            found.iter().any(|what| what.contains(expect)),
            "{to}: {found:?}"
        );
    }

    #[test]
    fn the_rules_of_the_schema_are_kept() {
        fails("minBufferTime=\"PT2S\"", "", "'minBufferTime' is missing");
        fails(" profiles=", " profile=", "no attribute 'profile'");
        fails("PT8S", "8 s", "is no duration");
        fails("type=\"static\"", "type=\"vod\"", "is no");
        fails("bandwidth=\"1000\"", "bandwidth=\"-1\"", "is no number");
        fails("id=\"v\"", "id=\"a v\"", "is no text without spaces");
        fails("30000/1001", "29.97", "is no frame rate");
        fails("startWithSAP=\"1\"", "startWithSAP=\"7\"", "is no SAP type");
        fails(
            "<Role",
            "<BaseURL>a/</BaseURL><Role",
            "'Role' is behind 'BaseURL'",
        );
        fails("<Role", "<Reel/><Role", "'Reel' cannot be inside");
        fails(" d=\"4000\"", "", "'d' is missing");
        fails(" d=\"4000\"", " d=\"0\"", "lasts no time");
        fails("mimeType=\"video/mp4\"", "", "has a 'mimeType'");
        fails("width=\"320\"", "width=\"321\"", "above 'maxWidth'");
        fails(
            " mediaPresentationDuration=\"PT8S\"",
            "",
            "needs 'mediaPresentationDuration'",
        );
        fails(
            "type=\"static\"",
            "type=\"static\" minimumUpdatePeriod=\"PT1S\"",
            "has no 'minimumUpdatePeriod'",
        );
        fails("type=\"static\"", "type=\"dynamic\"", "needs 'publishTime'");
        fails(
            "timescale=\"1000\"",
            "timescale=\"1000\" duration=\"4000\"",
            "both 'duration'",
        );
        fails("$Number%05d$", "$Nummer$", "is no identifier");
        fails("$Number%05d$", "$Number%5d$", "is no identifier");
        fails("i.mp4", "$Number$.mp4", "is no identifier");
        fails(
            "</AdaptationSet>",
            "</AdaptationSet><AdaptationSet id=\"1\"/>",
            "id '1'",
        );
        fails(
            "</AdaptationSet>",
            "<Representation id=\"v\" bandwidth=\"1\"/></AdaptationSet>",
            "id 'v'",
        );
        fails("xmlns=\"urn:mpeg:dash:schema:mpd:2011\"", "", "not 'MPD'");
    }
}

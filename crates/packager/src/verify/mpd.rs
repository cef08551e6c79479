//! An MPD as checks look at it: representations with the places of their media, whatever the addressing.

use super::location::{Files, Location, resolve};
use super::schema::{duration, range};
use super::sidx::{self, Index};
use super::xml::{self, Element};
use crate::Error;
use std::sync::Arc;

/// How many segments the representations of an MPD may have together.
const MAX_SEGMENTS: usize = 400_000;
/// How many bytes an MPD may have.
const MAX_MPD: u64 = 16 << 20;

/// An MPD.
pub(super) struct Mpd {
    /// Its file.
    pub path: String,
    /// The document.
    pub root: Element,
    /// In document order.
    pub representations: Vec<Representation>,
    /// What stands in the way of finding media.
    pub obstacles: Vec<String>,
}

/// One Representation, with what it inherits.
pub(super) struct Representation {
    /// Index of the Period.
    pub period: usize,
    /// Index of the AdaptationSet in its Period.
    pub set: usize,
    /// The element.
    pub element: Arc<Element>,
    /// The AdaptationSet around it.
    pub set_element: Arc<Element>,
    /// Its id.
    pub id: String,
    /// Whether it is for trick modes: key pictures only.
    pub trick: bool,
    /// Ticks a second of its segment information.
    pub timescale: u64,
    /// Whether the timescale stands in the MPD.
    pub timescale_given: bool,
    /// `presentationTimeOffset`, in ticks.
    pub offset: u64,
    /// The init segment.
    pub init: Option<Location>,
    /// Its media.
    pub segments: Vec<Listed>,
    /// Whether times come from a SegmentTimeline.
    pub has_timeline: bool,
    /// What the index of a single file says, and where the MPD says that it lies.
    pub index: Option<(Index, Option<(u64, u64)>)>,
    /// A whole file without segment information (WebVTT).
    pub whole_file: Option<String>,
    /// Which of the package's tracks it is.
    pub track: Option<usize>,
}

/// A segment as the MPD lists it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Listed {
    /// Where it is.
    pub at: Location,
    /// Start and length in ticks; `None` when the MPD does not say.
    pub time: Option<(u64, u64)>,
}

impl Representation {
    /// An attribute of the Representation or its AdaptationSet.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        let own = self.element.attribute(name);
        own.or_else(|| self.set_element.attribute(name))
    }

    /// A numeric attribute of the Representation or its AdaptationSet.
    pub fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.attribute(name)?.trim().parse().ok()
    }

    /// Elements of one name, of the Representation and its AdaptationSet.
    pub fn elements<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.element.all(name).chain(self.set_element.all(name))
    }
}

impl Mpd {
    /// Reads an MPD of the package; `Ok(Err)` says why it is none.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(files: &mut Files<'_>, path: &str) -> Result<Result<Self, String>, Error> {
        let text = match files.text(path, MAX_MPD) {
            Ok(Some(text)) => text,
            Ok(None) => return Ok(Err("it is not there".into())),
            Err(Error::Io(error)) => return Err(Error::Io(error)),
            Err(error) => return Ok(Err(error.to_string())),
        };
        let root = match xml::parse(&text) {
            Ok(root) => root,
            Err(what) => return Ok(Err(what)),
        };
        let mut mpd = Self {
            path: path.to_string(),
            representations: Vec::new(),
            obstacles: Vec::new(),
            root: Element::default(),
        };
        mpd.collect(files, &root)?;
        mpd.root = root;
        Ok(Ok(mpd))
    }

    /// A duration of the document's element, in seconds.
    pub fn seconds(&self, name: &str) -> Option<f64> {
        duration(self.root.attribute(name)?)
    }

    fn collect(&mut self, files: &mut Files<'_>, root: &Element) -> Result<(), Error> {
        let base = based(&self.path, root);
        let total = root
            .attribute("mediaPresentationDuration")
            .and_then(duration);
        let count = root.all("Period").count();
        let inside = |element: &Element, name: &str| -> Vec<Arc<Element>> {
            let children = element.children.iter();
            children
                .filter(|child| child.name == name)
                .cloned()
                .collect()
        };
        let mut left = MAX_SEGMENTS;
        for (period, element) in inside(root, "Period").iter().enumerate() {
            let own = element.attribute("duration").and_then(duration);
            let period_duration = own.or(total.filter(|_| count == 1));
            let base = based(&base, element);
            for (set, set_element) in inside(element, "AdaptationSet").iter().enumerate() {
                let base = based(&base, set_element);
                for inner in &inside(set_element, "Representation") {
                    let levels = [inner, set_element, element];
                    let found = Levels {
                        levels,
                        base: based(&base, inner),
                        period_duration,
                        most: left,
                    };
                    let representation =
                        found.representation(files, (period, set), &mut self.obstacles)?;
                    left = left.saturating_sub(representation.segments.len() + 1);
                    self.representations.push(representation);
                }
            }
        }
        Ok(())
    }
}

/// The base of references inside an element.
fn based(base: &str, element: &Element) -> String {
    match element.child("BaseURL") {
        Some(url) => resolve(base, &url.text),
        None => base.to_string(),
    }
}

/// A Representation among the elements around it, the innermost first.
struct Levels<'a> {
    levels: [&'a Arc<Element>; 3],
    base: String,
    period_duration: Option<f64>,
    /// How many segments may still be listed.
    most: usize,
}

impl Levels<'_> {
    /// An attribute of segment information, inherited.
    fn attribute(&self, name: &str, key: &str) -> Option<&str> {
        self.levels
            .iter()
            .filter_map(|level| level.child(name))
            .find_map(|element| element.attribute(key))
    }

    /// An element of segment information, inherited.
    fn child(&self, name: &str, key: &str) -> Option<&Element> {
        self.levels
            .iter()
            .filter_map(|level| level.child(name))
            .find_map(|element| element.child(key))
    }

    fn has(&self, name: &str) -> bool {
        self.levels.iter().any(|level| level.child(name).is_some())
    }

    fn number(&self, name: &str, key: &str) -> Option<u64> {
        self.attribute(name, key)?.trim().parse().ok()
    }

    fn representation(
        &self,
        files: &mut Files<'_>,
        (period, set): (usize, usize),
        obstacles: &mut Vec<String>,
    ) -> Result<Representation, Error> {
        let [element, set_element, _] = self.levels;
        let kinds = ["SegmentTemplate", "SegmentList", "SegmentBase"];
        let kind = kinds.into_iter().find(|kind| self.has(kind));
        let timescale = kind.and_then(|kind| self.number(kind, "timescale"));
        let id = element.attribute("id").unwrap_or_default().to_string();
        let trick = |element: &Element| {
            let id = "http://dashif.org/guidelines/trickmode";
            element
                .all("EssentialProperty")
                .any(|property| property.attribute("schemeIdUri") == Some(id))
        };
        let mut found = Representation {
            period,
            set,
            trick: trick(element) || trick(set_element),
            element: Arc::clone(element),
            set_element: Arc::clone(set_element),
            id,
            timescale: timescale.filter(|timescale| *timescale > 0).unwrap_or(1),
            timescale_given: timescale.is_some(),
            offset: kind
                .and_then(|kind| self.number(kind, "presentationTimeOffset"))
                .unwrap_or(0),
            init: None,
            segments: Vec::new(),
            has_timeline: kind.is_some_and(|kind| self.child(kind, "SegmentTimeline").is_some()),
            index: None,
            whole_file: None,
            track: None,
        };
        let outcome = match kind {
            Some("SegmentTemplate") => self.template(&mut found),
            Some("SegmentList") => self.list(&mut found),
            Some(_) => self.single_file(files, &mut found)?,
            None => {
                found.whole_file = Some(self.base.clone());
                Ok(())
            }
        };
        if let Err(what) = outcome {
            obstacles.push(format!("Representation '{}': {what}", found.id));
        }
        Ok(found)
    }

    /// Start and length of each segment: from the timeline, or from `duration`.
    fn times(&self, kind: &str, found: &Representation) -> Result<Vec<(u64, u64)>, String> {
        let too_many = || format!("more than {MAX_SEGMENTS} segments in the MPD");
        let end = |timescale: u64| {
            self.period_duration.map(|seconds| {
                found
                    .offset
                    .saturating_add((seconds * timescale as f64).ceil() as u64)
            })
        };
        let mut times: Vec<(u64, u64)> = Vec::new();
        if let Some(timeline) = self.child(kind, "SegmentTimeline") {
            let entries: Vec<&Element> = timeline.all("S").collect();
            let mut time = 0_u64;
            for (at, s) in entries.iter().enumerate() {
                let length = s.number::<u64>("d").unwrap_or(0);
                time = s.number("t").unwrap_or(time);
                let next = entries.get(at + 1).and_then(|next| next.number::<u64>("t"));
                let repeats = match s.number::<i64>("r").unwrap_or(0) {
                    negative if negative < 0 => {
                        let until = next.or(end(found.timescale)).unwrap_or(time);
                        until
                            .saturating_sub(time)
                            .div_ceil(length.max(1))
                            .saturating_sub(1)
                    }
                    repeats => repeats as u64,
                };
                for _ in 0..=repeats {
                    if times.len() >= self.most {
                        return Err(too_many());
                    }
                    times.push((time, length));
                    time = time.saturating_add(length);
                }
            }
            return Ok(times);
        }
        let length = self.number(kind, "duration").unwrap_or(0);
        if length == 0 {
            return Ok(times);
        }
        let Some(seconds) = self.period_duration else {
            return Err("the length of its Period is not known".into());
        };
        let ticks = seconds * found.timescale as f64;
        let count = (ticks / length as f64 - 1e-6).ceil().max(1.0);
        if count > self.most as f64 {
            return Err(too_many());
        }
        Ok((0..count as u64)
            .map(|number| {
                (
                    found.offset.saturating_add(number.saturating_mul(length)),
                    length,
                )
            })
            .collect())
    }

    fn template(&self, found: &mut Representation) -> Result<(), String> {
        const KIND: &str = "SegmentTemplate";
        let bandwidth = found.number::<u64>("bandwidth").unwrap_or(0);
        let fill = |template: &str, number: u64, time: u64| {
            fill_in(template, &found.id, bandwidth, number, time)
        };
        let init = self
            .attribute(KIND, "initialization")
            .map(|template| fill(template, 0, 0));
        let init = init
            .map(|url| Location::file(resolve(&self.base, &url)))
            .or(self.initialization(KIND));
        let media = self.attribute(KIND, "media").unwrap_or_default();
        let first = self.number(KIND, "startNumber").unwrap_or(1);
        let mut times = self.times(KIND, found)?;
        let exact = self.child(KIND, "SegmentTimeline").is_some();
        if times.is_empty() && !media.is_empty() {
            times.push((found.offset, 0));
        }
        let segments = times
            .iter()
            .zip(first..)
            .map(|((time, length), number)| Listed {
                at: Location::file(resolve(&self.base, &fill(media, number, *time))),
                time: (exact || *length > 0).then_some((*time, *length)),
            });
        let segments = segments.collect();
        found.segments = segments;
        found.init = init;
        Ok(())
    }

    fn list(&self, found: &mut Representation) -> Result<(), String> {
        const KIND: &str = "SegmentList";
        let times = self.times(KIND, found)?;
        let list = self
            .levels
            .iter()
            .filter_map(|level| level.child(KIND))
            .find(|list| list.child("SegmentURL").is_some());
        let urls: Vec<&Element> = list
            .map(|list| list.all("SegmentURL").collect())
            .unwrap_or_default();
        if urls.len() > self.most {
            return Err(format!("more than {MAX_SEGMENTS} segments in the MPD"));
        }
        found.segments = urls
            .iter()
            .enumerate()
            .map(|(at, url)| Listed {
                at: Location {
                    path: match url.attribute("media") {
                        Some(media) => resolve(&self.base, media),
                        None => self.base.clone(),
                    },
                    range: url.attribute("mediaRange").and_then(range),
                },
                time: times.get(at).copied(),
            })
            .collect();
        found.init = self.initialization(KIND);
        Ok(())
    }

    /// `Initialization` as an element.
    fn initialization(&self, kind: &str) -> Option<Location> {
        let element = self.child(kind, "Initialization")?;
        Some(Location {
            path: match element.attribute("sourceURL") {
                Some(url) => resolve(&self.base, url),
                None => self.base.clone(),
            },
            range: element.attribute("range").and_then(range),
        })
    }

    /// One file: its `sidx` lists the segments.
    fn single_file(
        &self,
        files: &mut Files<'_>,
        found: &mut Representation,
    ) -> Result<Result<(), String>, Error> {
        const KIND: &str = "SegmentBase";
        let index_range = self.attribute(KIND, "indexRange").and_then(range);
        found.init = Some(self.initialization(KIND).unwrap_or(Location {
            path: self.base.clone(),
            range: index_range.map(|(start, _)| (0, start)),
        }));
        let Some(source) = files.open(&self.base)? else {
            return Ok(Err(format!("{} is not there", self.base)));
        };
        let index = match sidx::find(source)? {
            Ok(index) => index,
            Err(what) => return Ok(Err(format!("{}: {what}", self.base))),
        };
        found.segments = index
            .references
            .iter()
            .map(|reference| Listed {
                at: Location {
                    path: self.base.clone(),
                    range: Some((reference.start, reference.end)),
                },
                time: Some((reference.time, reference.duration)),
            })
            .collect();
        if !found.timescale_given {
            found.timescale = u64::from(index.timescale.max(1));
        }
        found.index = Some((index, index_range));
        Ok(Ok(()))
    }
}

/// Puts values into a template (5.3.9.4.4).
fn fill_in(template: &str, id: &str, bandwidth: u64, number: u64, time: u64) -> String {
    let mut text = String::new();
    for (at, part) in template.split('$').enumerate() {
        if at % 2 == 0 {
            text.push_str(part);
            continue;
        }
        let (name, format) = part.split_once('%').unwrap_or((part, ""));
        let width: usize = format.trim_end_matches('d').parse().unwrap_or(0);
        // No number is that long: what asks for more is wrong elsewhere.
        let width = width.min(20);
        match name {
            "" => text.push('$'),
            "RepresentationID" => text.push_str(id),
            "Number" => text.push_str(&format!("{number:0width$}")),
            "Time" => text.push_str(&format!("{time:0width$}")),
            "Bandwidth" => text.push_str(&format!("{bandwidth:0width$}")),
            _ => {}
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_filled_in() {
        for (template, expect) in [
            ("$RepresentationID$/$Number$.m4s", "v/7.m4s"),
            ("$Number%05d$-$Time$-$Bandwidth%04d$", "00007-900-1000"),
            ("a$$b", "a$b"),
        ] {
            assert_eq!(fill_in(template, "v", 1000, 7, 900), expect);
        }
    }
}

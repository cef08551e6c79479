//! A CPIX document of a packaging: its keys, what protection systems say of them, and what each key is for.

use super::element::{CPIX, PSKC};
use crate::plan::Plan;
use crate::{ContentKey, Error, KeyId, Label, LabelledKey, Options, ProtectionSystem, Scheme};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};
use std::io;
use zeroize::Zeroizing;

type Xml = Writer<Vec<u8>>;

/// Writes the keys, systems and rules of a packaging as a CPIX document. It holds the keys in plain text.
///
/// # Errors
/// [`Error::InvalidOptions`] when nothing is encrypted, or as [`ProtectionSystem::init`].
pub fn write_cpix(
    plan: &Plan,
    options: &Options,
    content_id: Option<&str>,
) -> Result<Zeroizing<String>, Error> {
    let Some(scheme) = options.scheme else {
        let what = "nothing is encrypted, so there is nothing to say in CPIX";
        return Err(Error::InvalidOptions(what.into()));
    };
    let document = Document {
        options,
        scheme,
        systems: systems(options, scheme)?,
        rules: rules(plan, options),
        content_id,
    };
    // Roomy, since a buffer that grows leaves copies of keys behind.
    let mut xml = Writer::new_with_indent(Vec::with_capacity(document.capacity()), b' ', 2);
    document.write(&mut xml)?;
    let mut bytes = xml.into_inner();
    bytes.push(b'\n');
    // The error of the conversion would hold the bytes.
    let text = String::from_utf8(bytes).map_err(|_| io::Error::other("the XML is no text"))?;
    Ok(Zeroizing::new(text))
}

struct Document<'a> {
    options: &'a Options,
    scheme: Scheme,
    systems: Vec<System>,
    rules: Vec<UsageRule>,
    content_id: Option<&'a str>,
}

/// What one system says of one key.
struct System {
    id: [u8; 16],
    kid: KeyId,
    pssh: Option<String>,
    content_protection: Option<String>,
    hls: Option<String>,
}

/// Which renditions a label means.
struct UsageRule {
    kid: KeyId,
    /// From 1; `None` without crypto periods.
    period: Option<usize>,
    label: RuleLabel,
}

enum RuleLabel {
    All,
    Label(Label),
}

fn systems(options: &Options, scheme: Scheme) -> Result<Vec<System>, Error> {
    let common = [ProtectionSystem::Common];
    let systems = match options.systems.as_slice() {
        [] => &common,
        systems => systems,
    };
    let mut found = Vec::new();
    for key in unique(&options.content_keys) {
        for system in systems {
            let Some(init) = system.init(std::slice::from_ref(key), scheme)? else {
                continue;
            };
            let method = scheme.hls_method().unwrap_or_default();
            let hls = system.hls_key(key, scheme)?;
            let hls = hls.map(|hls| hls.lines(method).join("\n"));
            let mpd = init.mpd.unwrap_or_default();
            let elements = [
                ("pssh", "urn:mpeg:cenc:2013", mpd.pssh),
                ("pro", "urn:microsoft:playready", mpd.playready_object),
            ];
            let mut xml = String::new();
            for (name, space, text) in elements {
                if let Some(text) = text {
                    xml.push_str(&format!("<{name} xmlns=\"{space}\">{text}</{name}>"));
                }
            }
            xml.push_str(mpd.xml.as_deref().unwrap_or_default());
            found.push(System {
                id: init.system_id,
                kid: key.kid,
                pssh: init.pssh.map(|pssh| STANDARD.encode(pssh)),
                content_protection: Some(xml).filter(|xml| !xml.is_empty()),
                hls,
            });
        }
    }
    Ok(found)
}

/// The keys, each once.
fn unique(keys: &[LabelledKey]) -> Vec<&ContentKey> {
    let mut found: Vec<&ContentKey> = Vec::new();
    for key in keys {
        if !found.iter().any(|other| other.kid == key.key.kid) {
            found.push(&key.key);
        }
    }
    found
}

/// A rule a label and period; keys without a label are for the renditions that take them, by name.
fn rules(plan: &Plan, options: &Options) -> Vec<UsageRule> {
    let keys = &options.content_keys;
    let has_labels = keys.iter().any(|key| key.label.is_some());
    let mut rules = Vec::new();
    for (index, key) in keys.iter().enumerate() {
        let before = keys.iter().take(index);
        let number = before.filter(|other| other.label == key.label).count() + 1;
        let period = options.crypto_period.map(|_| number);
        let rule = |label| UsageRule {
            kid: key.key.kid,
            period,
            label,
        };
        match &key.label {
            Some(label) => rules.push(rule(RuleLabel::Label(label.clone()))),
            None if !has_labels => rules.push(rule(RuleLabel::All)),
            None => {
                let taken = plan.renditions().iter().zip(&plan.tracks);
                let taken = taken.filter(|(_, track)| {
                    let unlabelled = || keys.iter().filter(|key| key.label.is_none());
                    track.protections.first().is_some_and(|protection| {
                        unlabelled().any(|key| key.key.kid == protection.kid())
                    })
                });
                let names = taken.map(|(rendition, _)| Label::Rendition(rendition.name.clone()));
                rules.extend(names.map(|label| rule(RuleLabel::Label(label))));
            }
        }
    }
    rules
}

impl Document<'_> {
    /// More bytes than the document will have.
    fn capacity(&self) -> usize {
        const MARKUP: usize = 1024;
        let texts = self.systems.iter().flat_map(|system| {
            [&system.pssh, &system.content_protection, &system.hls]
                .into_iter()
                .flatten()
        });
        let texts: usize = texts.map(|text| text.len() * 2).sum();
        let entries = self.options.content_keys.len() + self.systems.len() + self.rules.len() * 2;
        texts + (entries + 4) * MARKUP + self.content_id.map_or(0, |id| id.len() * 6)
    }

    fn write(&self, xml: &mut Xml) -> io::Result<()> {
        xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
        let mut attributes = vec![("xmlns", CPIX), ("xmlns:pskc", PSKC), ("version", "2.3")];
        attributes.extend(self.content_id.map(|id| ("contentId", id)));
        element(xml, "CPIX", &attributes, |xml| {
            element(xml, "ContentKeyList", &[], |xml| self.write_keys(xml))?;
            element(xml, "DRMSystemList", &[], |xml| self.write_systems(xml))?;
            let periods = self.rules.iter().filter_map(|rule| rule.period).max();
            if let Some(count) = periods {
                element(xml, "ContentKeyPeriodList", &[], |xml| {
                    for number in 1..=count {
                        let (id, index) = (format!("period_{number}"), number.to_string());
                        let attributes = [("id", id.as_str()), ("index", &index)];
                        empty(xml, "ContentKeyPeriod", &attributes)?;
                    }
                    Ok(())
                })?;
            }
            element(xml, "ContentKeyUsageRuleList", &[], |xml| {
                self.rules.iter().try_for_each(|rule| write_rule(xml, rule))
            })
        })
    }

    fn write_keys(&self, xml: &mut Xml) -> io::Result<()> {
        for key in unique(&self.options.content_keys) {
            let kid = key.kid.uuid();
            let attributes = [
                ("kid", kid.as_str()),
                ("commonEncryptionScheme", self.scheme.fourcc()),
            ];
            let value = Zeroizing::new(STANDARD.encode(key.value));
            element(xml, "ContentKey", &attributes, |xml| {
                element(xml, "Data", &[], |xml| {
                    element(xml, "pskc:Secret", &[], |xml| {
                        text(xml, "pskc:PlainValue", &value, &[])
                    })
                })
            })?;
        }
        Ok(())
    }

    fn write_systems(&self, xml: &mut Xml) -> io::Result<()> {
        for system in &self.systems {
            let (id, kid) = (KeyId(system.id).uuid(), system.kid.uuid());
            let attributes = [("systemId", id.as_str()), ("kid", &kid)];
            element(xml, "DRMSystem", &attributes, |xml| {
                if let Some(pssh) = &system.pssh {
                    text(xml, "PSSH", pssh, &[])?;
                }
                if let Some(data) = &system.content_protection {
                    text(xml, "ContentProtectionData", &STANDARD.encode(data), &[])?;
                }
                if let Some(lines) = &system.hls {
                    let playlist = [("playlist", "media")];
                    text(xml, "HLSSignalingData", &STANDARD.encode(lines), &playlist)?;
                }
                Ok(())
            })?;
        }
        Ok(())
    }
}

fn write_rule(xml: &mut Xml, rule: &UsageRule) -> io::Result<()> {
    let kid = rule.kid.uuid();
    let track_type = match &rule.label {
        RuleLabel::All => Some("ALL".to_string()),
        RuleLabel::Label(Label::Rendition(_)) => None,
        RuleLabel::Label(label) => Some(label.to_string().to_ascii_uppercase()),
    };
    let mut attributes = vec![("kid", kid.as_str())];
    attributes.extend(
        track_type
            .as_ref()
            .map(|text| ("intendedTrackType", text.as_str())),
    );
    element(xml, "ContentKeyUsageRule", &attributes, |xml| {
        if let Some(number) = rule.period {
            let id = format!("period_{number}");
            empty(xml, "KeyPeriodFilter", &[("periodId", &id)])?;
        }
        match &rule.label {
            RuleLabel::All => Ok(()),
            RuleLabel::Label(Label::Rendition(name)) => {
                empty(xml, "LabelFilter", &[("label", name)])
            }
            RuleLabel::Label(Label::Audio) => empty(xml, "AudioFilter", &[]),
            RuleLabel::Label(label) => {
                let (least, most) = label.pixels();
                let (least, most) = (least.to_string(), most.map(|most| most.to_string()));
                let mut attributes = vec![("minPixels", least.as_str())];
                attributes.extend(most.as_ref().map(|most| ("maxPixels", most.as_str())));
                empty(xml, "VideoFilter", &attributes)
            }
        }
    })
}

fn element(
    xml: &mut Xml,
    name: &str,
    attributes: &[(&str, &str)],
    body: impl FnOnce(&mut Xml) -> io::Result<()>,
) -> io::Result<()> {
    let start = BytesStart::new(name).with_attributes(attributes.iter().copied());
    xml.write_event(Event::Start(start))?;
    body(xml)?;
    xml.write_event(Event::End(BytesEnd::new(name)))
}

fn text(xml: &mut Xml, name: &str, text: &str, attributes: &[(&str, &str)]) -> io::Result<()> {
    element(xml, name, attributes, |xml| {
        xml.write_event(Event::Text(BytesText::new(text)))
    })
}

fn empty(xml: &mut Xml, name: &str, attributes: &[(&str, &str)]) -> io::Result<()> {
    let start = BytesStart::new(name).with_attributes(attributes.iter().copied());
    xml.write_event(Event::Empty(start))
}

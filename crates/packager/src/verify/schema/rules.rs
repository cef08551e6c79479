//! What each element of an MPD may have: attributes, and the elements inside in their order.

use super::values::Kind::{self, *};

type Attributes = &'static [(&'static str, Kind)];
type Names = &'static [&'static str];

/// What an element may have.
#[derive(Clone, Copy, Default)]
pub(super) struct Rule {
    /// Lists of attributes: its own and those of the types that it extends.
    pub attributes: &'static [Attributes],
    /// Attributes that must be there.
    pub required: Names,
    /// Lists of elements, in order.
    pub children: &'static [Names],
    /// Elements that may be there once only.
    pub single: Names,
    /// Elements that must be there.
    pub needed: Names,
}

const ON_DEMAND_ONCE: Names = &[
    "SegmentBase",
    "SegmentList",
    "SegmentTemplate",
    "AssetIdentifier",
];
const CONTENT_TYPES: Kind = OneOf(&["text", "image", "audio", "video", "application", "font"]);

const BASE_ATTRIBUTES: Attributes = &[
    ("profiles", Text),
    ("width", Uint),
    ("height", Uint),
    ("sar", Ratio),
    ("frameRate", FrameRate),
    ("audioSamplingRate", Uints),
    ("mimeType", Text),
    ("segmentProfiles", Text),
    ("codecs", Text),
    ("containerProfiles", Text),
    ("supplementalCodecs", Text),
    ("maximumSAPPeriod", Double),
    ("startWithSAP", Sap),
    ("maxPlayoutRate", Double),
    ("codingDependency", Bool),
    ("scanType", OneOf(&["progressive", "interlaced", "unknown"])),
    ("selectionPriority", Uint),
    ("tag", Text),
];
const BASE_CHILDREN: Names = &[
    "FramePacking",
    "AudioChannelConfiguration",
    "ContentProtection",
    "OutputProtection",
    "EssentialProperty",
    "SupplementalProperty",
    "InbandEventStream",
    "Switching",
    "RandomAccess",
    "GroupLabel",
    "Label",
    "ProducerReferenceTime",
    "ContentPopularityRate",
    "Resync",
];
const SET_ATTRIBUTES: Attributes = &[
    ("id", Uint),
    ("group", Uint),
    ("lang", Language),
    ("contentType", CONTENT_TYPES),
    ("par", Ratio),
    ("minBandwidth", Uint),
    ("maxBandwidth", Uint),
    ("minWidth", Uint),
    ("maxWidth", Uint),
    ("minHeight", Uint),
    ("maxHeight", Uint),
    ("minFrameRate", FrameRate),
    ("maxFrameRate", FrameRate),
    ("segmentAlignment", UintOrBool),
    ("subsegmentAlignment", UintOrBool),
    ("subsegmentStartsWithSAP", Sap),
    ("bitstreamSwitching", Bool),
    ("initializationSetRef", Uints),
    ("initializationPrincipal", Text),
];
const SET_CHILDREN: Names = &[
    "Accessibility",
    "Role",
    "Rating",
    "Viewpoint",
    "ContentComponent",
    "BaseURL",
    "SegmentBase",
    "SegmentList",
    "SegmentTemplate",
    "Representation",
];
const SEGMENT_BASE: Attributes = &[
    ("timescale", Uint),
    ("eptDelta", Int),
    ("pdDelta", Int),
    ("presentationTimeOffset", Ulong),
    ("presentationDuration", Ulong),
    ("timeShiftBufferDepth", Duration),
    ("indexRange", Range),
    ("indexRangeExact", Bool),
    ("availabilityTimeOffset", Double),
    ("availabilityTimeComplete", Bool),
];
const SEGMENT_BASE_CHILDREN: Names = &["Initialization", "RepresentationIndex", "FailoverContent"];
const MULTIPLE: Attributes = &[
    ("duration", Uint),
    ("startNumber", Uint),
    ("endNumber", Uint),
];
const MULTIPLE_CHILDREN: Names = &["SegmentTimeline", "BitstreamSwitching"];
const SEGMENT_ONCE: Names = &[
    "Initialization",
    "RepresentationIndex",
    "FailoverContent",
    "SegmentTimeline",
    "BitstreamSwitching",
];
const MPD_ATTRIBUTES: Attributes = &[
    ("id", Text),
    ("profiles", Text),
    ("type", OneOf(&["static", "dynamic"])),
    ("availabilityStartTime", DateTime),
    ("availabilityEndTime", DateTime),
    ("publishTime", DateTime),
    ("mediaPresentationDuration", Duration),
    ("minimumUpdatePeriod", Duration),
    ("minBufferTime", Duration),
    ("timeShiftBufferDepth", Duration),
    ("suggestedPresentationDelay", Duration),
    ("maxSegmentDuration", Duration),
    ("maxSubsegmentDuration", Duration),
];

const MPD_CHILDREN: Names = &[
    "ProgramInformation",
    "BaseURL",
    "Location",
    "PatchLocation",
    "ServiceDescription",
    "InitializationSet",
    "InitializationGroup",
    "InitializationPresentation",
    "ContentProtection",
    "Period",
    "Metrics",
    "EssentialProperty",
    "SupplementalProperty",
    "UTCTiming",
    "LeapSecondInformation",
];
const PERIOD_CHILDREN: Names = &[
    "BaseURL",
    "SegmentBase",
    "SegmentList",
    "SegmentTemplate",
    "AssetIdentifier",
    "EventStream",
    "ServiceDescription",
    "ContentProtection",
    "AdaptationSet",
    "Subset",
    "SupplementalProperty",
    "EmptyAdaptationSet",
    "GroupLabel",
    "Preselection",
];

/// The rule of an element; `None` for those of other namespaces and rare ones.
pub(super) fn rule(name: &str) -> Option<Rule> {
    let none = Rule::default();
    Some(match name {
        "MPD" => Rule {
            attributes: &[MPD_ATTRIBUTES],
            required: &["profiles", "minBufferTime"],
            children: &[MPD_CHILDREN],
            single: &["LeapSecondInformation"],
            needed: &["Period"],
        },
        "Period" => Rule {
            attributes: &[&[
                ("id", Text),
                ("start", Duration),
                ("duration", Duration),
                ("bitstreamSwitching", Bool),
            ]],
            children: &[PERIOD_CHILDREN],
            single: ON_DEMAND_ONCE,
            ..none
        },
        "AdaptationSet" | "EmptyAdaptationSet" => Rule {
            attributes: &[BASE_ATTRIBUTES, SET_ATTRIBUTES],
            children: &[BASE_CHILDREN, SET_CHILDREN],
            single: ON_DEMAND_ONCE,
            ..none
        },
        "Representation" => Rule {
            attributes: &[
                BASE_ATTRIBUTES,
                &[
                    ("id", NoSpace),
                    ("bandwidth", Uint),
                    ("qualityRanking", Uint),
                    ("dependencyId", Text),
                    ("associationId", Text),
                    ("associationType", Text),
                    ("mediaStreamStructureId", Text),
                ],
            ],
            required: &["id", "bandwidth"],
            children: &[
                BASE_CHILDREN,
                &[
                    "BaseURL",
                    "ExtendedBandwidth",
                    "SubRepresentation",
                    "SegmentBase",
                    "SegmentList",
                    "SegmentTemplate",
                ],
            ],
            single: ON_DEMAND_ONCE,
            ..none
        },
        _ => return segment_rule(name).or(descriptor_rule(name)),
    })
}

fn segment_rule(name: &str) -> Option<Rule> {
    let none = Rule::default();
    Some(match name {
        "SegmentBase" => Rule {
            attributes: &[SEGMENT_BASE],
            children: &[SEGMENT_BASE_CHILDREN],
            single: SEGMENT_ONCE,
            ..none
        },
        "SegmentList" => Rule {
            attributes: &[SEGMENT_BASE, MULTIPLE],
            children: &[SEGMENT_BASE_CHILDREN, MULTIPLE_CHILDREN, &["SegmentURL"]],
            single: SEGMENT_ONCE,
            ..none
        },
        "SegmentTemplate" => Rule {
            attributes: &[
                SEGMENT_BASE,
                MULTIPLE,
                &[
                    ("media", Text),
                    ("index", Text),
                    ("initialization", Text),
                    ("bitstreamSwitching", Text),
                ],
            ],
            children: &[SEGMENT_BASE_CHILDREN, MULTIPLE_CHILDREN],
            single: SEGMENT_ONCE,
            ..none
        },
        "SegmentTimeline" => Rule {
            children: &[&["Pattern", "S"]],
            ..none
        },
        "S" => Rule {
            attributes: &[&[
                ("t", Ulong),
                ("n", Ulong),
                ("d", Ulong),
                ("r", Int),
                ("k", Ulong),
            ]],
            required: &["d"],
            ..none
        },
        "SegmentURL" => Rule {
            attributes: &[&[
                ("media", Text),
                ("mediaRange", Range),
                ("index", Text),
                ("indexRange", Range),
            ]],
            ..none
        },
        "Initialization" | "RepresentationIndex" | "BitstreamSwitching" => Rule {
            attributes: &[&[("sourceURL", Text), ("range", Range)]],
            ..none
        },
        _ => return None,
    })
}

fn descriptor_rule(name: &str) -> Option<Rule> {
    let none = Rule::default();
    Some(match name {
        "FramePacking"
        | "AudioChannelConfiguration"
        | "OutputProtection"
        | "EssentialProperty"
        | "SupplementalProperty"
        | "Accessibility"
        | "Role"
        | "Rating"
        | "Viewpoint"
        | "UTCTiming"
        | "AssetIdentifier"
        | "Scope" => Rule {
            attributes: &[&[("schemeIdUri", Text), ("value", Text), ("id", Text)]],
            required: &["schemeIdUri"],
            ..none
        },
        "ContentProtection" => Rule {
            attributes: &[&[
                ("schemeIdUri", Text),
                ("value", Text),
                ("id", Text),
                ("robustness", NoSpace),
                ("refId", Text),
                ("ref", Text),
            ]],
            required: &["schemeIdUri"],
            ..none
        },
        "InbandEventStream" | "EventStream" => Rule {
            attributes: &[&[
                ("schemeIdUri", Text),
                ("value", Text),
                ("timescale", Uint),
                ("presentationTimeOffset", Ulong),
            ]],
            required: &["schemeIdUri"],
            children: &[&["Event"]],
            ..none
        },
        "Label" | "GroupLabel" => Rule {
            attributes: &[&[("id", Uint), ("lang", Language)]],
            ..none
        },
        "BaseURL" => Rule {
            attributes: &[&[
                ("serviceLocation", Text),
                ("byteRange", Text),
                ("availabilityTimeOffset", Double),
                ("availabilityTimeComplete", Bool),
                ("timeShiftBufferDepth", Duration),
                ("rangeAccess", Bool),
            ]],
            ..none
        },
        "ProgramInformation" => Rule {
            attributes: &[&[("lang", Language), ("moreInformationURL", Text)]],
            children: &[&["Title", "Source", "Copyright"]],
            single: &["Title", "Source", "Copyright"],
            ..none
        },
        "Subset" => Rule {
            attributes: &[&[("contains", Uints), ("id", Text)]],
            required: &["contains"],
            ..none
        },
        _ => return None,
    })
}

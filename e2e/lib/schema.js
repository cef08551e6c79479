// The rules of the DASH schema (ISO/IEC 23009-1, DASH-MPD.xsd) for all that our MPDs may hold: which elements, in which order,
// with which attributes of which form. What is not in this list is an error.

const DURATION = /^PT(\d+H)?(\d+M)?(\d+(\.\d+)?S)?$/;
const UNSIGNED = /^\d+$/;
const RANGE = /^\d+-\d+$/;
const BOOLEAN = /^(true|false)$/;
const RATIO = /^\d+:\d+$/;
const RATE = /^\d+(\/[1-9]\d*)?$/;
const NUMBER = /^\d+(\.\d+)?$/;
const URI = /^[a-z][a-z0-9+.-]*:\S+$/;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const LIST = /^\S+(\s\S+)*$/;
const ANY = /^\S/;

const DESCRIPTOR = { required: { schemeIdUri: URI }, optional: { value: ANY, id: ANY } };
/** Attributes and first elements that sets and representations have in common. */
const COMMON = {
  profiles: LIST, width: UNSIGNED, height: UNSIGNED, sar: RATIO, frameRate: RATE, audioSamplingRate: /^\d+( \d+)?$/,
  mimeType: /^[a-z]+\/[a-z0-9.+-]+$/, codecs: ANY, startWithSAP: /^[0-6]$/, maxPlayoutRate: NUMBER, codingDependency: BOOLEAN,
};
const COMMON_CHILDREN = ["AudioChannelConfiguration", "ContentProtection", "EssentialProperty", "SupplementalProperty", "Label"];
const SEGMENTS = ["SegmentBase", "SegmentList", "SegmentTemplate"];
const SEGMENT_ATTRIBUTES = { timescale: UNSIGNED, presentationTimeOffset: UNSIGNED };
const MULTIPLE = { ...SEGMENT_ATTRIBUTES, duration: UNSIGNED, startNumber: UNSIGNED };

const ELEMENTS = {
  MPD: {
    required: { profiles: LIST, minBufferTime: DURATION, type: /^static$/, mediaPresentationDuration: DURATION },
    optional: { id: ANY, maxSegmentDuration: DURATION, maxSubsegmentDuration: DURATION },
    children: ["Period"],
  },
  Period: { required: {}, optional: { id: ANY, start: DURATION, duration: DURATION }, children: ["AdaptationSet"] },
  AdaptationSet: {
    required: {},
    optional: {
      ...COMMON, id: UNSIGNED, group: UNSIGNED, lang: /^[a-zA-Z]{2,8}(-[a-zA-Z0-9]{1,8})*$/, contentType: /^(video|audio|text)$/, par: RATIO,
      maxWidth: UNSIGNED, maxHeight: UNSIGNED, minWidth: UNSIGNED, minHeight: UNSIGNED, maxFrameRate: RATE, minFrameRate: RATE,
      segmentAlignment: BOOLEAN, subsegmentAlignment: BOOLEAN, subsegmentStartsWithSAP: /^[0-6]$/, selectionPriority: UNSIGNED,
    },
    children: [...COMMON_CHILDREN, "Accessibility", "Role", ...SEGMENTS, "Representation"],
  },
  Representation: {
    required: { id: LIST, bandwidth: UNSIGNED },
    optional: COMMON,
    children: [...COMMON_CHILDREN, "BaseURL", ...SEGMENTS],
  },
  SegmentBase: {
    required: {},
    optional: { ...SEGMENT_ATTRIBUTES, indexRange: RANGE, indexRangeExact: BOOLEAN },
    children: ["Initialization"],
  },
  SegmentList: { required: {}, optional: MULTIPLE, children: ["Initialization", "SegmentTimeline", "SegmentURL"] },
  SegmentTemplate: {
    required: { media: ANY, initialization: ANY },
    optional: MULTIPLE,
    children: ["SegmentTimeline"],
  },
  SegmentTimeline: { required: {}, optional: {}, children: ["S"] },
  S: { required: { d: UNSIGNED }, optional: { t: UNSIGNED, r: UNSIGNED } },
  SegmentURL: { required: {}, optional: { media: ANY, mediaRange: RANGE } },
  Initialization: { required: {}, optional: { sourceURL: ANY, range: RANGE } },
  BaseURL: { required: {}, optional: {}, text: true },
  Label: { required: {}, optional: { id: UNSIGNED, lang: ANY }, text: true },
  ContentProtection: {
    required: { schemeIdUri: URI },
    optional: { value: ANY, "cenc:default_KID": UUID },
    // Elements of other namespaces: licences and data of protection systems.
    foreign: true,
  },
  Role: DESCRIPTOR,
  Accessibility: DESCRIPTOR,
  EssentialProperty: DESCRIPTOR,
  SupplementalProperty: DESCRIPTOR,
  AudioChannelConfiguration: DESCRIPTOR,
};

const NAMESPACE = "urn:mpeg:dash:schema:mpd:2011";

/** Everything in which an MPD does not hold against the rules. */
export function faultsOf(element, path = "") {
  const here = `${path}/${element.nodeName}`;
  const rule = ELEMENTS[element.localName];
  if (!rule || element.namespaceURI !== NAMESPACE) return [`${here} is not known`];
  const inside = [...element.childNodes].filter((node) => node.nodeType === node.ELEMENT_NODE);
  const own = inside.filter((node) => node.namespaceURI === NAMESPACE);
  const faults = attributeFaults(element, rule, here);
  if (!rule.foreign && own.length < inside.length) faults.push(`${here} has elements of other namespaces`);
  if (!rule.text && inside.length === 0 && element.textContent.trim() !== "") faults.push(`${here} has text`);
  const order = own.map((node) => (rule.children ?? []).indexOf(node.localName));
  if (order.includes(-1)) faults.push(`${here} has an element that does not belong there: ${own[order.indexOf(-1)].localName}`);
  if (order.some((place, at) => at > 0 && place < order[at - 1])) faults.push(`${here}: its elements are in a wrong order`);
  const ids = own.map((node) => node.getAttribute("id")).filter((id) => id !== null);
  if (new Set(ids).size < ids.length) faults.push(`${here}: an id is there twice`);
  return [...faults, ...own.flatMap((node) => faultsOf(node, here))];
}

function attributeFaults(element, { required, optional }, here) {
  const faults = Object.keys(required)
    .filter((name) => !element.hasAttribute(name))
    .map((name) => `${here} has no ${name}`);
  for (const { name, value } of element.attributes) {
    if (name === "xmlns" || name.startsWith("xmlns:")) continue;
    const form = required[name] ?? optional[name];
    if (!form) faults.push(`${here}/@${name} is not known`);
    else if (!form.test(value)) faults.push(`${here}/@${name} is ${JSON.stringify(value)}`);
  }
  return faults;
}

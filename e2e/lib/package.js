// A package on disk as its manifests describe it, read with other people's parsers.
import { readFile } from "node:fs/promises";
import path from "node:path";
import { DOMParser, onErrorStopParsing } from "@xmldom/xmldom";

/** Reads an MPD; what is no well-formed XML is an error. */
export async function readMpd(file) {
  const parser = new DOMParser({ onError: onErrorStopParsing });
  return parser.parseFromString(await readFile(file, "utf8"), "application/xml").documentElement;
}

/** The elements of a name among the children. */
export const children = (element, name) =>
  [...element.childNodes].filter((node) => node.nodeType === node.ELEMENT_NODE && (!name || node.localName === name));

const child = (element, name) => children(element, name)[0] ?? null;

/** An attribute of a Representation, or of its AdaptationSet. */
const common = (set, representation, name) => representation.getAttribute(name) ?? set.getAttribute(name);

/** Bytes of a file: all, or from the first to the last of a range as MPDs write it. */
function part(folder, name, range = null) {
  const [first, last] = range?.split("-").map(Number) ?? [0, null];
  return { file: path.join(folder, name), first, last };
}

/** Where the media of a Representation are, the init segment first. */
function mediaOf(folder, set, representation) {
  const base = child(representation, "BaseURL")?.textContent ?? "";
  const list = child(representation, "SegmentList");
  if (list) {
    const init = child(list, "Initialization");
    return [
      part(folder, init.getAttribute("sourceURL") ?? base, init.getAttribute("range")),
      ...children(list, "SegmentURL").map((url) =>
        part(folder, url.getAttribute("media") ?? base, url.getAttribute("mediaRange")),
      ),
    ];
  }
  const template = child(representation, "SegmentTemplate") ?? child(set, "SegmentTemplate");
  if (!template) return [part(folder, base)];
  const named = (attribute) =>
    template.getAttribute(attribute).replace("$RepresentationID$", representation.getAttribute("id"));
  const start = Number(template.getAttribute("startNumber") ?? 1);
  const media = Array.from({ length: segmentCount(set, template) }, (_, at) =>
    part(folder, named("media").replace("$Number$", start + at)),
  );
  return [part(folder, named("initialization")), ...media];
}

function segmentCount(set, template) {
  const timeline = child(template, "SegmentTimeline");
  if (timeline) {
    return children(timeline, "S").reduce((sum, s) => sum + 1 + Number(s.getAttribute("r") ?? 0), 0);
  }
  const seconds = Number(template.getAttribute("duration")) / Number(template.getAttribute("timescale") ?? 1);
  return Math.ceil(durationSeconds(set) / seconds - 1e-6);
}

/** The length of the presentation of any element. */
export function durationSeconds(element) {
  const text = element.ownerDocument.documentElement.getAttribute("mediaPresentationDuration");
  const [, hours = 0, minutes = 0, seconds = 0] = /^PT(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?$/.exec(text);
  return Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
}

/**
 * The renditions of a package, after its MPD.
 * @returns {{ id: string, mime: string, codecs: string | null, kid: string | null, trick: boolean,
 *   media: { file: string, first: number, last: number | null }[] }[]}
 */
export function renditions(folder, mpd) {
  return children(mpd, "Period").flatMap((period) =>
    children(period, "AdaptationSet").flatMap((set) =>
      children(set, "Representation").map((representation) => ({
        id: representation.getAttribute("id"),
        mime: common(set, representation, "mimeType"),
        codecs: common(set, representation, "codecs"),
        kid: children(set, "ContentProtection")[0]?.getAttribute("cenc:default_KID") ?? null,
        scheme: children(set, "ContentProtection")[0]?.getAttribute("value") ?? null,
        trick: children(set, "EssentialProperty").length > 0,
        media: mediaOf(folder, set, representation),
      })),
    ),
  );
}

/** The bytes of one part. */
export async function bytesOf({ file, first, last }) {
  const all = await readFile(file);
  if (last !== null && last >= all.length) throw new Error(`${file} has ${all.length} bytes, not ${last + 1}`);
  return all.subarray(first, last === null ? undefined : last + 1);
}

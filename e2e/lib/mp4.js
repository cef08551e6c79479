// Media as mp4box reads them, strictly: whatever it warns of is an error, but for what it cannot know.
import { createFile, Log } from "mp4box";

const UNKNOWN = [
  // It says so of itself, when several segments are one behind the other.
  /^ISOFile: Found multiple boxes of type styp but no array exists/,
  // Version 2.4.1 reads on behind the last metadata block of FLAC, for it takes the flag the other way round.
  /^BoxParser: Parsing of box 'dfLa' read \d+ more bytes/,
  // It does not know Apple Lossless.
  /^BoxParser: Unknown (box|sample entry) type: 'alac'$/,
];

/**
 * Reads an init segment and what follows it.
 * @param {Buffer[]} parts
 * @returns {{ info: object, file: object, samples: object[], boxes: Map<string, object[]> }} `boxes` by their types
 */
export function readMp4(parts) {
  const complaints = [];
  const { warn, error } = Log;
  Log.warn = Log.error = (module, text) => {
    const complaint = `${module}: ${text}`;
    if (!UNKNOWN.some((pattern) => pattern.test(complaint))) complaints.push(complaint);
  };
  try {
    const file = createFile();
    let info = null;
    file.onReady = (ready) => (info = ready);
    file.onError = (module, text) => complaints.push(`${module}: ${text}`);
    let at = 0;
    for (const bytes of parts) {
      const buffer = new Uint8Array(bytes).buffer;
      buffer.fileStart = at;
      at += buffer.byteLength;
      file.appendBuffer(buffer);
    }
    file.flush();
    if (!info) complaints.push("there is no movie");
    if (complaints.length > 0) throw new Error(`mp4box: ${complaints.join("; ")}`);
    const samples = info.tracks.flatMap(({ id }) => file.getTrackSamplesInfo(id));
    return { info, file, samples, boxes: collect(file.boxes), end: at };
  } finally {
    Object.assign(Log, { warn, error });
  }
}

/** All boxes of all depths. */
function collect(boxes, found = new Map()) {
  for (const box of boxes) {
    found.set(box.type, [...(found.get(box.type) ?? []), box]);
    collect(box.boxes ?? [], found);
    // Sample entries.
    if (Array.isArray(box.entries)) collect(box.entries.filter((entry) => entry?.hdr_size), found);
  }
  return found;
}

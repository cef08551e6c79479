// Strict readers of other people on everything that the command line writes: mp4box on media, hls-parser on playlists, an
// XML parser and the rules of the schema on MPDs.
import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { DOMParser } from "@xmldom/xmldom";
import hlsParser from "hls-parser";
import { makeClip } from "../lib/media.js";
import { readMp4 } from "../lib/mp4.js";
import { bytesOf, durationSeconds, readMpd, renditions } from "../lib/package.js";
import { packageFile } from "../lib/reelpack.js";
import { faultsOf } from "../lib/schema.js";
import { ffmpeg, run } from "../lib/tools.js";

hlsParser.setOptions({ strictMode: true });

const KEY = { kid: "a16e402b9056e371f36d348aa62bb749", key: "87237d20a19f58a740c05684e699b4aa" };
const KID = "a16e402b-9056-e371-f36d-348aa62bb749";
const SECONDS = 5;
const SCHEMES = ["none", "cbcs", "cenc", "cens", "cbc1"];
const LAYOUTS = ["segments", "single-file"];

const picture = ["-f", "lavfi", "-i", `testsrc2=size=320x180:rate=25:duration=${SECONDS},format=yuv420p`];
const sound = ["-f", "lavfi", "-i", `sine=frequency=440:sample_rate=48000:duration=${SECONDS}`];
/** Encoders of picture and sound of the other inputs. */
const CODECS = {
  "hevc-eac3": ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error:keyint=50", "-tag:v", "hvc1", "-c:a", "eac3"],
  "av1-flac": ["-c:v", "libaom-av1", "-cpu-used", "8", "-usage", "realtime", "-g", "50", "-c:a", "flac"],
  "vp9-opus": ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "50", "-c:a", "libopus"],
  "avc3-alac": ["-c:v", "libx264", "-g", "50", "-tag:v", "avc3", "-bsf:v", "dump_extra=freq=keyframe", "-c:a", "alac"],
};

let folder;
/** Inputs by name, and how many samples ffprobe counts in each of their tracks. */
const inputs = {};

before(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), "reelpack-readers-"));
  const add = async (name, file) => (inputs[name] = { file, packets: await packetsOf(file) });
  await add("avc1-aac", await makeClip(path.join(folder, "avc1-aac.mp4"), SECONDS));
  for (const [name, encoders] of Object.entries(CODECS)) {
    const file = path.join(folder, `${name}.mp4`);
    await ffmpeg([...picture, ...sound, ...encoders, "-strict", "experimental", file]);
    await add(name, file);
  }
});
after(() => rm(folder, { recursive: true, force: true }));

async function packetsOf(file) {
  const entries = ["-count_packets", "-show_entries", "stream=codec_type,nb_read_packets", "-of", "json"];
  const { streams } = JSON.parse(await run("ffprobe", ["-v", "error", ...entries, file]));
  return Object.fromEntries(streams.map((stream) => [stream.codec_type, Number(stream.nb_read_packets)]));
}

/** Packages an input, and files beside it; gives the folder. */
async function packaged(name, scheme, layout, beside = []) {
  const out = path.join(folder, `${name}-${beside.length}-${scheme}-${layout}`);
  const options = ["--scheme", scheme, "--layout", layout, "--segment-duration", "2"];
  await packageFile([inputs[name].file, ...beside], out, options, KEY);
  return out;
}

for (const layout of LAYOUTS) {
  for (const scheme of SCHEMES) {
    test(`H.264 and AAC, ${scheme}, ${layout}`, async () =>
      checkPackage(await packaged("avc1-aac", scheme, layout), { scheme, packets: inputs["avc1-aac"].packets }));
  }
  for (const name of Object.keys(CODECS)) {
    test(`${name}, clear and cbcs, ${layout}`, async () => {
      for (const scheme of ["none", "cbcs"]) {
        await checkPackage(await packaged(name, scheme, layout), { scheme, packets: inputs[name].packets });
      }
    });
  }
  test(`subtitles, ${layout}`, async () => {
    const words = path.join(folder, "words.en.vtt");
    await writeFile(words, "WEBVTT\n\n00:00.500 --> 00:01.500\nFirst\n\n00:01.800 --> 00:02.600\nSecond\n");
    const out = await packaged("avc1-aac", "cbcs", layout, [words]);
    const master = hlsParser.parse(await readFile(path.join(out, "master.m3u8"), "utf8"));
    assert.equal(master.variants[0].subtitles.length, 1);
    await checkPackage(out, { scheme: "cbcs", packets: inputs["avc1-aac"].packets });
  });
}

/** All of a package. */
async function checkPackage(out, { scheme, packets }) {
  const mpd = await readMpd(path.join(out, "stream.mpd"));
  assert.deepEqual(faultsOf(mpd), []);
  const all = renditions(out, mpd);
  assert.ok(all.length >= 2, "picture and sound");
  for (const rendition of all) {
    await checkMedia(rendition, scheme, packets);
  }
  if (["cens", "cbc1"].includes(scheme)) {
    assert.deepEqual(await playlistsIn(out), [], "HLS has no method for the scheme");
  } else {
    await checkPlaylists(out, scheme, durationSeconds(mpd));
  }
}

/** The media of one rendition. */
async function checkMedia(rendition, scheme, packets) {
  const { id, codecs, media, mime, trick } = rendition;
  if (mime === "text/vtt") return;
  const { info, samples, boxes, file } = readMp4(await Promise.all(media.map(bytesOf)));
  assert.equal(info.tracks.length, 1, id);
  const [track] = info.tracks;
  const kind = mime.startsWith("video") ? "video" : "audio";
  const due = trick ? media.length - 1 : packets[kind];
  assert.equal(samples.length, due, `${id}: samples`);
  const payload = file.mdats.reduce((sum, mdat) => sum + mdat.size - mdat.hdr_size, 0);
  const sizes = samples.reduce((sum, sample) => sum + sample.size, 0);
  if (!trick) assert.equal(sizes, payload, `${id}: the samples fill the media`);
  if (kind === "video") {
    assert.equal(samples[0].is_sync, true, `${id}: the first sample is a sync sample`);
  }
  if (scheme === "none") {
    assert.ok(sameCodec(codecs, track.codec), `${id}: the MPD says ${codecs}, mp4box ${track.codec}`);
    for (const type of ["sinf", "senc", "saiz", "saio", "pssh"]) assert.equal(boxes.get(type), undefined, type);
  } else {
    checkProtection(rendition, scheme, track, boxes);
  }
}

/** mp4box leaves out the optional half of VP9's string, and AC-3 and others are spelled in two ways. */
const sameCodec = (ours, theirs) => ours.toLowerCase().startsWith(theirs.toLowerCase());

function checkProtection({ id, codecs, kid, scheme: named }, scheme, track, boxes) {
  assert.match(track.codec, /^enc[va]$/, id);
  const [frma] = boxes.get("frma");
  assert.ok(sameCodec(codecs, frma.data_format), `${id}: ${codecs} is ${frma.data_format} inside`);
  const [schm] = boxes.get("schm");
  assert.deepEqual([schm.scheme_type, schm.scheme_version], [scheme, 0x10000], id);
  const [tenc] = boxes.get("tenc");
  assert.equal(tenc.default_isProtected, 1, id);
  assert.equal(tenc.default_KID.replaceAll("-", ""), KEY.kid, id);
  assert.deepEqual([kid, named], [KID, scheme], id);
  const fragments = boxes.get("traf");
  for (const traf of fragments) {
    if (!traf.senc) continue;
    assert.equal(traf.saiz.sample_count, traf.truns[0].sample_count, `${id}: one entry a sample`);
    assert.equal(traf.saio.offset.length, 1, id);
  }
}

async function playlistsIn(out) {
  const names = await readdir(out, { recursive: true });
  return names.filter((name) => name.endsWith(".m3u8"));
}

/** All playlists, and that they are just those that the multivariant one names. */
async function checkPlaylists(out, scheme, seconds) {
  const master = hlsParser.parse(await readFile(path.join(out, "master.m3u8"), "utf8"));
  assert.equal(master.isMasterPlaylist, true);
  const named = new Set(["master.m3u8"]);
  for (const variant of master.variants) {
    named.add(variant.uri);
    for (const media of [...variant.audio, ...variant.subtitles]) named.add(media.uri);
  }
  assert.deepEqual(new Set(await playlistsIn(out)), named);
  for (const name of named) if (name !== "master.m3u8") await checkPlaylist(out, name, scheme, seconds);
}

async function checkPlaylist(out, name, scheme, seconds) {
  const playlist = hlsParser.parse(await readFile(path.join(out, name), "utf8"));
  assert.equal(playlist.isMasterPlaylist, false, name);
  assert.equal(playlist.playlistType, "VOD", name);
  assert.equal(playlist.endlist, true, name);
  const sum = playlist.segments.reduce((total, { duration }) => total + duration, 0);
  assert.ok(Math.abs(sum - seconds) < 0.1, `${name}: ${sum} s of ${seconds} s`);
  for (const segment of playlist.segments) {
    assert.ok(Math.round(segment.duration) <= playlist.targetDuration, `${name}: ${segment.duration}`);
    await checkPart(out, name, segment);
    if (segment.map) await checkPart(out, name, segment.map);
    const isText = segment.uri.endsWith(".vtt");
    assert.equal(Boolean(segment.map), !isText, `${name}: a map`);
    const method = isText ? undefined : { none: undefined, cbcs: "SAMPLE-AES", cenc: "SAMPLE-AES-CTR" }[scheme];
    assert.equal(segment.key?.method, method, name);
  }
}

/** That the bytes are there which a playlist names. */
async function checkPart(out, name, { uri, byterange }) {
  const { size } = await stat(path.join(out, path.dirname(name), uri));
  assert.ok(size > 0, uri);
  if (byterange) assert.ok(byterange.offset + byterange.length <= size, `${name}: ${uri} is shorter`);
}

test("mp4box finds what is wrong", async () => {
  const out = path.join(folder, "damaged");
  await packageFile(inputs["avc1-aac"].file, out, ["--scheme", "none"], KEY);
  const init = await readFile(path.join(out, "video/init.mp4"));
  assert.equal(readMp4([init]).info.tracks.length, 1);
  const at = init.indexOf("mvex");
  for (const [offset, value] of [[-1, 60], [-1, 3], [0, 0x21]]) {
    const damaged = Buffer.from(init);
    damaged[at + offset] = value;
    assert.throws(() => readMp4([damaged]), /mp4box/, `${value} at ${offset}`);
  }
});

test("the rules for MPDs find what is wrong", () => {
  const mpd = (inside, attributes = 'type="static" mediaPresentationDuration="PT5S"') =>
    faultsOf(
      new DOMParser().parseFromString(
        `<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:x" minBufferTime="PT2S" ${attributes}>${inside}</MPD>`,
        "application/xml",
      ).documentElement,
    );
  assert.deepEqual(mpd("<Period/>"), []);
  for (const inside of [
    "<Period><AdaptationSet mimeTyp='video/mp4'/></Period>",
    "<Period><AdaptationSet><Representation id='1'/></AdaptationSet></Period>",
    "<Period><AdaptationSet><Role schemeIdUri='urn:x'/><ContentProtection schemeIdUri='urn:x'/></AdaptationSet></Period>",
    "<Period><AdaptationSet><Representation id='1' bandwidth='fast'/></AdaptationSet></Period>",
    "<Period><BaseURL>x</BaseURL></Period>",
    "<Period>text</Period>",
  ]) {
    assert.equal(mpd(inside).length, 1, inside);
  }
  assert.equal(mpd("<Period/>", 'type="static"').length, 1);
});

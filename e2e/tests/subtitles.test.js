// Subtitles in other players: chosen by their language, and shown when the source shows them.
import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import { showFrame, waitForPlayback } from "../lib/browser.js";
import { packageAsset, upload } from "../lib/library.js";
import { CLIP, WORDS, addSubtitles } from "../lib/media.js";
import { frameNumber } from "../lib/pixels.js";
import { until } from "../lib/tools.js";
import { world } from "../lib/world.js";

/** Packages, by how many seconds late their pictures start. */
const packs = {};

const here = world(async ({ server, clip, folder }) => {
  // In HLS, Shaka Player waits for a segment of the picture before it shows subtitles: here it keeps some to be loaded.
const config = { streaming: { bufferingGoal: 2, rebufferingGoal: 0.5 } };

for (const late of [0, 1.5]) {
    const file = await addSubtitles(clip, path.join(folder, `words-${late}.mp4`), late);
    const asset = await upload(server, file);
    assert.deepEqual(asset.tracks.map((track) => track.kind), ["video", "audio", "text"]);
    packs[late] = await packageAsset(server, asset.id, { scheme: "none" });
  }
});

/** Chooses the English subtitles; true when the player has made them its choice. */
const CHOOSE = {
  shaka: () => {
    const track = window.player?.getTextTracks().find((one) => one.language === "en");
    if (track) window.player.selectTextTrack(track);
    return Boolean(track);
  },
  dashjs: () => {
    const tracks = window.player?.getTracksFor("text") ?? [];
    const index = tracks.findIndex((one) => one.lang === "en");
    if (index >= 0) window.player.setTextTrack(index);
    // It forgets a choice that comes before its tracks of text are there.
    const shown = [...document.querySelector("video").textTracks].some((one) => one.mode === "showing");
    return shown && window.player.getCurrentTextTrackIndex() === index;
  },
  hlsjs: () => {
    const tracks = window.player?.subtitleTracks ?? [];
    const index = tracks.findIndex((one) => one.lang === "en");
    if (index >= 0) window.player.subtitleTrack = index;
    return index >= 0;
  },
};

/** The cues that the browser holds, and those that it shows. */
const cues = () => {
  const tracks = [...document.querySelector("video").textTracks];
  const list = (of) =>
    tracks.flatMap((track) =>
      [...((track.mode === "disabled" ? null : of(track)) ?? [])].map(({ startTime, endTime, text }) => ({
        start: startTime,
        end: endTime,
        text: text.replaceAll("&amp;", "&"),
      })),
    );
  return { all: list((track) => track.cues), shown: list((track) => track.activeCues) };
};

/** Seconds that a cue may be off: times are rounded to 1/1000 s on the way. */
const TOLERANCE = 0.003;

/**
 * What the player takes off the source's times, told by its picture: the time of the first picture or sound, to the delay of
 * reordered pictures. Cues must follow it.
 */
async function shiftOfPicture(page, late) {
  const { mediaTime, png } = await showFrame(page, 6.5 / CLIP.rate + 5);
  return late + (await frameNumber(png)) / CLIP.rate - mediaTime;
}

async function expectWords(page, player, late) {
  await waitForPlayback(page);
  await until("English subtitles can be chosen", () => page.evaluate(CHOOSE[player]));
  const shift = await shiftOfPicture(page, late);
  assert.ok(Math.abs(shift - late) < 0.1, `the player takes ${shift} s off`);
  // A time in the middle of a cue that began segments before; then backwards.
  for (const [sourceSeconds, expect] of [
    [8.5, [WORDS[0]]],
    [10, [WORDS[1]]],
    [9.25, []],
    [2, [WORDS[0]]],
    ...(late > 0 ? [] : [[0.5, []]]),
  ]) {
    const seconds = sourceSeconds - shift;
    await page.evaluate((time) => {
      const video = document.querySelector("video");
      video.pause();
      video.currentTime = time;
    }, seconds);
    const due = expect.map((cue) => cue.text);
    await until(`${JSON.stringify(due)} at ${seconds} s`, async () => {
      const { shown } = await page.evaluate(cues);
      return JSON.stringify(shown.map((cue) => cue.text)) === JSON.stringify(due);
    });
    const { shown } = await page.evaluate(cues);
    for (const [index, cue] of expect.entries()) {
      // Some players cut a cue at 0, some do not.
      const begins = Math.max(shown[index].start, 0) - Math.max(cue.start - shift, 0);
      const off = Math.max(Math.abs(begins), Math.abs(shown[index].end - (cue.end - shift)));
      assert.ok(off < TOLERANCE, `${JSON.stringify(shown[index])} is ${JSON.stringify(cue)}`);
    }
  }
}

// In HLS, Shaka Player waits for a segment of the picture before it shows subtitles: here it keeps some to be loaded.
const config = { streaming: { bufferingGoal: 2, rebufferingGoal: 0.5 } };

for (const late of [0, 1.5]) {
  for (const [manifest, player] of [
    ["dash", "shaka"],
    ["dash", "dashjs"],
    ["hls", "shaka"],
    ["hls", "hlsjs"],
  ]) {
    const what = late > 0 ? ` beside a picture that starts ${late} s late` : "";
    test(`subtitles of ${manifest}${what} are shown at their times in ${player}`, () =>
      here.withPage(async (page) => {
        await page.goto(`${here.players.url}/${player}`);
        await page.evaluate((what) => void window.start(what), { url: packs[late][`${manifest}_url`], config });
        await expectWords(page, player, late);
      }));
  }
}

// Subtitles in other players: chosen by their language, and shown when the source shows them.
import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import { waitForPlayback } from "../lib/browser.js";
import { packageAsset, upload } from "../lib/library.js";
import { WORDS, addSubtitles } from "../lib/media.js";
import { until } from "../lib/tools.js";
import { world } from "../lib/world.js";

let pack;

const here = world(async ({ server, clip, folder }) => {
  const file = await addSubtitles(clip, path.join(folder, "words.mp4"));
  const asset = await upload(server, file);
  assert.deepEqual(asset.tracks.map((track) => track.kind), ["video", "audio", "text"]);
  pack = await packageAsset(server, asset.id, { scheme: "none" });
});

/** Chooses the English subtitles; true when there are some to choose. */
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
    return index >= 0;
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

/** Seconds that a cue may be off: clocks of players count in 1/1000 s. */
const TOLERANCE = 0.002;

async function expectWords(page, player) {
  await waitForPlayback(page);
  await until("English subtitles can be chosen", () => page.evaluate(CHOOSE[player]));
  // A time in the middle of a cue that began segments before; then backwards.
  for (const [seconds, expect] of [
    [8.5, [WORDS[0]]],
    [10, [WORDS[1]]],
    [9.25, []],
    [2, [WORDS[0]]],
    [0.5, []],
  ]) {
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
      const off = Math.max(Math.abs(shown[index].start - cue.start), Math.abs(shown[index].end - cue.end));
      assert.ok(off < TOLERANCE, `${JSON.stringify(shown[index])} is ${JSON.stringify(cue)}`);
    }
  }
}

for (const [manifest, player] of [
  ["dash", "shaka"],
  ["dash", "dashjs"],
  ["hls", "shaka"],
  ["hls", "hlsjs"],
]) {
  test(`subtitles of ${manifest} are shown at their times in ${player}`, () =>
    here.withPage(async (page) => {
      await page.goto(`${here.players.url}/${player}`);
      await page.evaluate((what) => void window.start(what), { url: pack[`${manifest}_url`] });
      await expectWords(page, player);
    }));
}

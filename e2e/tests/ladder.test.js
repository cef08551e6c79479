// A ladder in a player: switching up and down between encrypted renditions loses no frame and repeats none.
import assert from "node:assert/strict";
import { test } from "node:test";
import { describe, photographVideo } from "../lib/browser.js";
import { packageAsset, upload } from "../lib/library.js";
import { CLIP } from "../lib/media.js";
import { frameNumber } from "../lib/pixels.js";
import { world } from "../lib/world.js";

const packs = {};
/** The source itself, and two that are encoded. */
const LADDER = "[[video]]\nshort_side = 240\ncrf = 20\n[[video]]\nshort_side = 180\ncrf = 20\n";

const here = world(async ({ server, clip }) => {
  const asset = await upload(server, clip);
  for (const scheme of ["cbcs", "cenc"]) {
    const options = { scheme, ladder: LADDER, segment_duration: 2 };
    packs[scheme] = await packageAsset(server, asset.id, options);
  }
});

/** So slow that a busy machine shows every frame, and there is time for photographs. */
const RATE = 0.4;

/** Notes every frame that is presented: its number by its time, and the width of its rendition. */
const watch = (page) =>
  page.evaluate((rate) => {
    const video = document.querySelector("video");
    window.shown = [];
    window.waited = 0;
    video.addEventListener("waiting", () => (window.waited += 1));
    const seen = (_, frame) => {
      const number = Math.round(frame.mediaTime * rate);
      window.shown.push({ number, width: frame.width, presented: frame.presentedFrames });
      video.requestVideoFrameCallback(seen);
    };
    video.requestVideoFrameCallback(seen);
  }, CLIP.rate);

/** Takes another rendition every second and a half, up and down in turn, until the video ends. */
const switchUntilEnd = (page) =>
  page.evaluate(async (rate) => {
    const video = document.querySelector("video");
    const player = window.player;
    video.playbackRate = rate;
    let turn = 0;
    const timer = setInterval(() => {
      const tracks = player.getVariantTracks().sort((one, other) => one.height - other.height);
      const order = [0, tracks.length - 1, Math.floor(tracks.length / 2), tracks.length - 1];
      // What is in the buffer is played, so that nothing is to be seen of the change.
      player.selectVariantTrack(tracks[order[turn % order.length]], false);
      turn += 1;
    }, 1500);
    if (!video.ended) await new Promise((resolve) => video.addEventListener("ended", resolve));
    clearInterval(timer);
    window.over = true;
  }, RATE);

const newest = (page) => page.evaluate(() => window.shown.at(-1)?.number ?? 0);

/** Photographs what is played: the picture is the one that the browser names, give or take the time that it takes. */
async function photograph(page) {
  let photographs = 0;
  while (!(await page.evaluate(() => window.over ?? false))) {
    const before = await newest(page);
    const number = await frameNumber(await photographVideo(page));
    const after = await newest(page);
    const right = number !== null && before - 1 <= number && number <= after + 1;
    assert.ok(right, `the picture is frame ${number}, the browser names ${before} to ${after}; ${await describe(page)}`);
    photographs += 1;
  }
  return photographs;
}

for (const scheme of ["cbcs", "cenc"]) {
  test(`Shaka Player switches between ${scheme} renditions and shows every frame once`, () =>
    here.withPage(async (page) => {
      await page.goto(`${here.players.url}/shaka`);
      await watch(page);
      // A short buffer, so that a change is seen soon.
      const config = { streaming: { bufferingGoal: 2, rebufferingGoal: 0.5 }, abr: { enabled: false } };
      page.setDefaultTimeout(90_000);
      await page.evaluate((media) => void window.start(media), { url: packs[scheme].dash_url, config });
      await page.waitForFunction(() => document.querySelector("video").readyState >= 3);
      const [photographs] = await Promise.all([photograph(page), switchUntilEnd(page)]);
      assert.ok(photographs >= 10, `${photographs} photographs`);
      const { shown, waited } = await page.evaluate(() => ({ shown: window.shown, waited: window.waited }));
      const told = `${JSON.stringify(shown.map(({ number, width }) => `${number}/${width}`))} ${await describe(page)}`;
      for (let index = 1; index < shown.length; index += 1) {
        const [before, now] = [shown[index - 1], shown[index]];
        // A frame that this page was not called for was on the screen all the same.
        const missed = now.presented - before.presented - 1;
        assert.equal(now.number, before.number + 1 + missed, `after frame ${before.number}: ${told}`);
      }
      assert.equal(shown.at(-1).number, CLIP.rate * CLIP.seconds - 1, told);
      const widths = shown.map((frame) => frame.width);
      const steps = widths.slice(1).map((width, index) => Math.sign(width - widths[index]));
      assert.ok(steps.includes(1) && steps.includes(-1), `it goes up and down: ${told}`);
      // The first wait is for the first frame.
      assert.ok(waited <= 1, `it stalled ${waited} times: ${told}`);
    }));
}

// What "plays" means: the right pixels at the right times, and sound that is decoded.
import assert from "node:assert/strict";
import { decodedAudioBytes, describe, showFrame, waitForPlayback } from "./browser.js";
import { CLIP } from "./media.js";
import { frameNumber, likeness } from "./pixels.js";
import { until } from "./tools.js";

/** Frames of the generated clip to look at: in each segment of 4 s, backwards too. */
const FRAMES = [30, 262, 161];

/** The picture of the generated clip at three times, reached by seeking. */
export async function expectClipPixels(page, frames = FRAMES) {
  for (const frame of frames) {
    const seconds = (frame + 0.5) / CLIP.rate;
    const { mediaTime, png } = await showFrame(page, seconds);
    const shown = await frameNumber(png);
    assert.equal(shown, frame, `at ${seconds} s: the picture is frame ${shown}; ${await describe(page)}`);
    const named = Math.round(mediaTime * CLIP.rate);
    assert.equal(named, frame, `the browser names frame ${named} (${mediaTime} s), the picture is ${shown}`);
  }
}

/** A mean difference of pixels (of 255) that two decoders and a screenshot may make. */
const TOLERANCE = 4;
/** How much better another frame may fit: neighbours of a still scene are alike. */
const SLACK = 0.5;

/** The picture of a real video at three times, against ffmpeg's frames of the source. */
export async function expectSourcePixels(page, frames) {
  const last = frames.at(-1).seconds;
  for (const share of [0.2, 0.8, 0.5]) {
    // The middle between two frames, so that there is no doubt which one is due.
    const index = Math.floor((frames.length - 1) * share);
    const seconds = (frames[index].seconds + frames[index + 1].seconds) / 2;
    assert.ok(seconds < last);
    const { mediaTime, png } = await showFrame(page, seconds);
    assert.ok(
      Math.abs(mediaTime - frames[index].seconds) < 0.005,
      `at ${seconds} s the browser names ${mediaTime} s, the source has a frame at ${frames[index].seconds} s`,
    );
    const like = await likeness(png, frames, seconds);
    assert.ok(
      like.difference < TOLERANCE && like.difference <= like.best + SLACK,
      `at ${seconds} s the picture differs by ${like.difference} of 255; the best frame by ${like.best}`,
    );
  }
}

/** Plays on from where it is and expects sound to be decoded meanwhile. */
export async function expectSound(page) {
  const before = await decodedAudioBytes(page);
  await page.evaluate(() => document.querySelector("video").play());
  await until("sound is decoded", async () => (await decodedAudioBytes(page)) > before + 4000);
}

/** Everything at once, of the generated clip. */
export async function expectClipPlays(page) {
  await waitForPlayback(page);
  await expectClipPixels(page);
  await expectSound(page);
}

/** Everything at once, of a real video. */
export async function expectSourcePlays(page, frames) {
  await waitForPlayback(page);
  await expectSourcePixels(page, frames);
  await expectSound(page);
}

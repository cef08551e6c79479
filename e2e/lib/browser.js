// Debian's Chromium, and what the tests do with a <video> in it.
import { chromium } from "playwright-core";

const EXECUTABLE = process.env.CHROMIUM ?? "/usr/bin/chromium";
// The flags with which Chromium plays ClearKey headless and as root, without talking to anybody.
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export const startBrowser = () =>
  chromium.launch({ executablePath: EXECUTABLE, headless: true, args: FLAGS });

/** A page whose faults fail the test: `check()` gives them. */
export async function openPage(browser, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1000, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  const faults = [];
  page.on("pageerror", (error) => faults.push(error.message));
  return { page, faults, close: () => context.close() };
}

/** Drops files from the disk on the middle of an element, as a person with a mouse does. */
export async function dropFiles(page, selector, files) {
  const box = await page.locator(selector).boundingBox();
  const at = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  const data = { items: [], files, dragOperationsMask: 1 };
  const session = await page.context().newCDPSession(page);
  for (const type of ["dragEnter", "dragOver", "drop"]) {
    await session.send("Input.dispatchDragEvent", { type, ...at, data });
  }
  await session.detach();
}

/** Waits until the video has moved past a time by itself. */
export async function waitForPlayback(page, seconds = 0.3) {
  await page
    .waitForFunction((least) => (document.querySelector("video")?.currentTime ?? 0) > least, seconds)
    .catch(async (error) => {
      throw new Error(`playback does not start: ${await describe(page)}\n${error.message}`);
    });
}

/** What a page with a player says about itself, for messages of failed tests. */
export const describe = (page) =>
  page.evaluate(() => {
    const video = document.querySelector("video");
    const said = [...document.querySelectorAll('[role="alert"], [role="status"], #log')]
      .map((element) => element.textContent?.trim())
      .filter((text) => text);
    return JSON.stringify({
      url: location.href,
      said,
      video: video && {
        time: video.currentTime,
        paused: video.paused,
        readyState: video.readyState,
        error: video.error?.message,
        presented: video.presented,
      },
    });
  });

/** A seek is over when the presented frame is the one on show at that time: at most this much before. */
const FRAME_AT_MOST_SECONDS = 0.25;

/**
 * Pauses the video on the frame at `seconds` and photographs it.
 * @returns {Promise<{ mediaTime: number, png: Buffer }>} the time of the frame that the browser
 *   says it presents, and its pixels
 */
export async function showFrame(page, seconds) {
  await page.evaluate((time) => {
    const video = document.querySelector("video");
    video.pause();
    // The bar of the native controls would cover a part of the picture.
    video.controls = false;
    if (!video.watched) {
      video.watched = true;
      const seen = (_, metadata) => {
        video.presented = metadata.mediaTime;
        video.requestVideoFrameCallback(seen);
      };
      video.requestVideoFrameCallback(seen);
    }
    video.presented = null;
    video.currentTime = time;
  }, seconds);
  await page
    .waitForFunction(
      ([time, before]) => {
        const { presented, seeking } = document.querySelector("video");
        return !seeking && presented !== null && presented <= time + 0.001 && presented > time - before;
      },
      [seconds, FRAME_AT_MOST_SECONDS],
    )
    .catch(async (error) => {
      throw new Error(`no frame after the seek to ${seconds}: ${await describe(page)}\n${error.message}`);
    });
  const mediaTime = await presentedTime(page);
  const png = await photographVideo(page);
  if ((await presentedTime(page)) !== mediaTime) throw new Error("the paused video presented another frame");
  return { mediaTime, png };
}

const presentedTime = (page) => page.evaluate(() => document.querySelector("video").presented);

/** The pixels of the picture on the screen, without the bars around it. */
export async function photographVideo(page) {
  const video = page.locator("video");
  await video.scrollIntoViewIfNeeded();
  const clip = await video.evaluate((element) => {
    const box = element.getBoundingClientRect();
    const scale = Math.min(box.width / element.videoWidth, box.height / element.videoHeight) || 1;
    const width = element.videoWidth * scale || box.width;
    const height = element.videoHeight * scale || box.height;
    return {
      x: box.x + scrollX + (box.width - width) / 2,
      y: box.y + scrollY + (box.height - height) / 2,
      width,
      height,
    };
  });
  return page.screenshot({ clip, fullPage: true, animations: "disabled" });
}

/** Bytes of sound that the browser has decoded so far. */
export const decodedAudioBytes = (page) =>
  page.evaluate(() => document.querySelector("video").webkitAudioDecodedByteCount);

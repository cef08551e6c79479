// Plays packages for scripts/table/run.py: each line of the standard input asks for one package, as JSON; each line of
// the standard output is the answer to the line before. The first line says what is here.
//
// usage: node table.js FOLDER KEYFILE
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { describe, openPage, startBrowser, waitForPlayback } from "./lib/browser.js";
import { expectClipPixels, expectSound } from "./lib/expect.js";
import { startFiles } from "./lib/files.js";
import { startPlayers } from "./lib/players.js";
import { until } from "./lib/tools.js";

/** Frames to look at, in each segment of 2 s, backwards too. */
const FRAMES = [30, 120, 77];
/** Schemes that HLS has methods for. */
const HLS_SCHEMES = ["none", "cbcs", "cenc"];
const PLAYERS = {
  DASH: { page: "shaka", manifest: "stream.mpd" },
  HLS: { page: "hlsjs", manifest: "master.m3u8" },
};

const EXPECT = {
  picture: (page) => expectClipPixels(page, FRAMES),
  sound: expectSound,
  text: expectCues,
};

/** The cues of the source, as the browser has them; then the picture beside them. */
async function expectCues(page, { cues }) {
  const shown = () =>
    page.evaluate(() =>
      [...document.querySelector("video").textTracks].flatMap((track) =>
        [...(track.cues ?? [])].map(({ startTime, endTime, text }) => [
          Math.round(startTime * 1000),
          Math.round(endTime * 1000),
          text.replaceAll(/<[^>]*>/g, "").trim(),
        ]),
      ),
    );
  let seen = [];
  await until("all cues are there", async () => (seen = await shown()).length >= cues.length).catch((error) => {
    throw new Error(`${error.message}; there are ${JSON.stringify(seen)}`);
  });
  assert.deepEqual(seen, cues);
  await expectClipPixels(page, FRAMES);
}

/** Asks the browser whether it plays the codec under the scheme; gives the reason if not. */
async function reasonAgainst(page, { kind, codec, scheme }, version) {
  if (kind === "text") return null;
  const type = `${kind === "picture" ? "video" : "audio"}/mp4; codecs="${codec}"`;
  if (!(await page.evaluate((asked) => MediaSource.isTypeSupported(asked), type))) {
    return `Chromium ${version} does not play ${codec} (\`MediaSource.isTypeSupported\`).`;
  }
  if (scheme === "none") return null;
  const capability = { contentType: type, encryptionScheme: scheme, robustness: "" };
  const list = kind === "picture" ? "videoCapabilities" : "audioCapabilities";
  const granted = await page.evaluate(
    (configuration) =>
      navigator.requestMediaKeySystemAccess("org.w3.clearkey", [configuration]).then(
        () => true,
        () => false,
      ),
    { initDataTypes: ["cenc", "keyids"], [list]: [capability] },
  );
  return granted ? null : `Chromium ${version} does not play ${codec} under ${scheme} with ClearKey (\`requestMediaKeySystemAccess\`).`;
}

const [folder, keyFile] = process.argv.slice(2);
const [kid, key] = (await readFile(keyFile, "utf8")).trim().split(":");
const media = await startFiles(folder, { kid, key });
const licenceUrl = `${media.url}/license/clearkey`;
const players = await startPlayers();
const browser = await startBrowser();

/** Plays one package with one player; gives `ok`, `absent` or `fault`. */
async function play(question, protocol) {
  const { page, faults, close } = await openPage(browser);
  const player = PLAYERS[protocol];
  try {
    await page.goto(`${players.url}/${player.page}`);
    const absent = await reasonAgainst(page, question, browser.version());
    if (absent) return { absent };
    const what = {
      url: `${media.url}/${question.folder}/${player.manifest}`,
      text: question.kind === "text",
      ...(question.scheme === "none" ? {} : { licenceUrl }),
    };
    // Not awaited: a player that never becomes ready is told by what is expected of the video.
    await page.evaluate((value) => void window.start(value), what);
    await waitForPlayback(page);
    await EXPECT[question.kind](page, question);
    assert.deepEqual(faults, []);
    return { ok: true };
  } catch (error) {
    return { fault: `${error.message.split("\n")[0]}; ${await describe(page)}` };
  } finally {
    await close();
  }
}

/** Both players at once: most of the time they wait. */
async function answer(question) {
  if (!HLS_SCHEMES.includes(question.scheme)) return {};
  const [DASH, HLS] = await Promise.all([play(question, "DASH"), play(question, "HLS")]);
  return { DASH, HLS };
}

const versionOf = async (name) =>
  JSON.parse(await readFile(new URL(`node_modules/${name}/package.json`, import.meta.url), "utf8")).version;

const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
say({
  licenceUrl,
  versions: {
    Chromium: browser.version(),
    "Shaka Player": await versionOf("shaka-player"),
    "hls.js": await versionOf("hls.js"),
  },
});
for await (const line of createInterface({ input: process.stdin })) say(await answer(JSON.parse(line)));
await browser.close();
await players.stop();
await media.stop();

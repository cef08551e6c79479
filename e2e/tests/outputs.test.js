// Packages of the command line in other people's players: single files, segments that are counted, key pictures.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { after, test } from "node:test";
import { showFrame, waitForPlayback } from "../lib/browser.js";
import { expectClipPlays, expectSound } from "../lib/expect.js";
import { startFiles } from "../lib/files.js";
import { CLIP, makeClip } from "../lib/media.js";
import { frameNumber } from "../lib/pixels.js";
import { packageFile } from "../lib/reelpack.js";
import { ffmpeg, until } from "../lib/tools.js";
import { world } from "../lib/world.js";

const KEY = { kid: "a16e402b9056e371f36d348aa62bb749", key: "87237d20a19f58a740c05684e699b4aa" };
/** Long enough that players do not have all of it at once; its last segment is half as long as the others. */
const LONG_SECONDS = 38;
/** Frames from key picture to key picture in the clips, and to that which a segment starts with. */
const SEGMENT_FRAMES = 100;
/** Packages of the long clip. */
const LONG = [
  ["segments", "none"],
  ["segments", "cbcs"],
  ["segments", "cenc"],
  ["single-file", "none"],
  ["single-file", "cbcs"],
];

let files;

const here = world(async ({ folder, clip }) => {
  files = await startFiles(folder, KEY);
  const make = (input, name, options) =>
    packageFile(input, path.join(folder, name), [...options, "--license-url", `${files.url}/licence`], KEY);
  for (const scheme of ["cbcs", "cenc", "none"]) {
    await make(clip, `single-${scheme}`, ["--layout", "single-file", "--scheme", scheme]);
  }
  const long = await makeClip(path.join(folder, "long.mp4"), LONG_SECONDS);
  for (const [layout, scheme] of LONG) {
    await make(long, `long-${layout}-${scheme}`, ["--layout", layout, "--scheme", scheme]);
  }
  // The picture alone, half a second late: the presentation starts with it.
  const late = path.join(folder, "late.mp4");
  await ffmpeg(["-itsoffset", "0.5", "-i", clip, "-map", "0:v", "-t", "10.5", "-c", "copy", late]);
  await make(late, "late", ["--scheme", "none"]);
});
after(() => files?.stop());

const url = (file) => `${files.url}/${file}`;

/** Opens one of the players and starts it; the page says what fails. */
const inPlayer = (player, media, expect) =>
  here.withPage(async (page) => {
    await page.goto(`${here.players.url}/${player}`);
    // Not awaited: a player that never becomes ready is told by what is expected of the video.
    await page.evaluate((what) => void window.start(what), media);
    await expect(page);
  });

for (const scheme of ["cbcs", "cenc", "none"]) {
  for (const player of ["shaka", "dashjs"]) {
    test(`DASH on demand, ${scheme}, in ${player} from the manifest alone`, () =>
      inPlayer(player, { url: url(`single-${scheme}/stream.mpd`) }, expectClipPlays));
  }
  test(`HLS of byte ranges, ${scheme}, in hls.js`, () => {
    const licenceUrl = scheme === "none" ? undefined : url("licence");
    return inPlayer("hlsjs", { url: url(`single-${scheme}/master.m3u8`), licenceUrl }, expectClipPlays);
  });
}

test("HLS of byte ranges in Shaka Player", () =>
  inPlayer("shaka", { url: url("single-none/master.m3u8") }, expectClipPlays));

test("media of single files are asked for in ranges only", () => {
  const media = files.requests.filter((one) => /^single-.*\.mp4$/.test(one.path));
  assert.ok(media.length > 0);
  assert.deepEqual(
    media.filter((one) => one.range === null),
    [],
  );
});

for (const player of ["shaka", "dashjs"]) {
  test(`segments that the MPD counts, with an offset and a short last one, in ${player}`, async () => {
    const mpd = await readFile(path.join(here.folder, "late/stream.mpd"), "utf8");
    assert.match(mpd, /<SegmentTemplate [^>]*presentationTimeOffset="\d+"[^>]* duration="\d+"\/>/);
    const from = files.requests.length;
    await inPlayer(player, { url: url("late/stream.mpd") }, async (page) => {
      await waitForPlayback(page);
      // The last one is in the short segment; both are shown when the source's clock says half a second more.
      for (const frame of [130, 240]) {
        const { png } = await showFrame(page, (frame + 0.5) / CLIP.rate);
        assert.equal(await frameNumber(png), frame);
      }
      await page.evaluate(() => void document.querySelector("video").play());
      await page.waitForFunction(() => document.querySelector("video").ended);
    });
    const asked = files.requests.slice(from).map((one) => one.path);
    const segments = [...new Set(asked.filter((name) => name.endsWith(".m4s")))].sort();
    assert.deepEqual(segments, ["late/video/1.m4s", "late/video/2.m4s", "late/video/3.m4s"]);
  });
}

test("dash.js leaves out the set of key pictures", () =>
  inPlayer("dashjs", { url: url("long-segments-none/stream.mpd") }, async (page) => {
    await waitForPlayback(page);
    const found = await page.evaluate(() => ({
      tracks: window.player.getTracksFor("video").length,
      representations: window.player.getRepresentationsByType("video").map((one) => one.id),
    }));
    assert.deepEqual(found, { tracks: 1, representations: ["video"] });
  }));

/** The ranges of key pictures that a package's I-frame playlist names, as `path range`. */
async function keyPictures(name) {
  const single = name.includes("single-file");
  const playlist = path.join(here.folder, name, single ? "video-iframes.m3u8" : "video/iframes.m3u8");
  const text = await readFile(playlist, "utf8");
  const folder = single ? name : `${name}/video`;
  const found = [...text.matchAll(/#EXT-X-BYTERANGE:(\d+)@(\d+)\n(.*)\n/g)];
  return found.map(([, size, first, file]) => `${folder}/${file} ${first}-${Number(first) + Number(size) - 1}`);
}

for (const [layout, scheme] of LONG) {
  // Shaka Player takes the keys of playlists from its configuration only.
  for (const manifest of scheme === "none" ? ["stream.mpd", "master.m3u8"] : ["stream.mpd"]) {
    test(`trick mode of ${manifest}, ${layout}, ${scheme}, in Shaka Player`, async () => {
      const pack = `long-${layout}-${scheme}`;
      const pictures = await keyPictures(pack);
      assert.equal(pictures.length, Math.ceil((LONG_SECONDS * CLIP.rate) / SEGMENT_FRAMES));
      await inPlayer("shaka", { url: url(`${pack}/${manifest}`) }, async (page) => {
        await waitForPlayback(page);
        await expectSound(page);
        const from = files.requests.length;
        await page.evaluate(() => window.player.trickPlay(8));
        await page.waitForFunction(() => document.querySelector("video").currentTime > 24);
        const asked = files.requests.slice(from).map((one) => `${one.path} ${one.range}`);
        const shared = pictures.filter((one) => asked.includes(one));
        assert.ok(shared.length >= 3, `key pictures: ${shared}; all: ${asked.join("\n")}`);
        await page.evaluate(() => document.querySelector("video").pause());
        // A key picture stays until the next one.
        const png = await until("a key picture is shown", async () => {
          const shot = await page.locator("video").screenshot();
          return (await frameNumber(shot)) % SEGMENT_FRAMES === 0 ? shot : null;
        });
        assert.ok((await frameNumber(png)) >= SEGMENT_FRAMES);
        await page.evaluate(() => window.player.cancelTrickPlay());
        // Shaka Player 5.2 loses the picture when a seek comes before the first append of the set it went back to
        // (never with `streaming.segmentPrefetchLimit: 0`): people's fingers are slower than that.
        await page.waitForFunction(() => document.querySelector("video").readyState >= 2);
        for (const frame of [930, 130]) {
          const shown = await showFrame(page, (frame + 0.5) / CLIP.rate);
          assert.equal(await frameNumber(shown.png), frame);
        }
        await expectSound(page);
      });
    });
  }
}

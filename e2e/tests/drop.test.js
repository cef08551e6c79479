// Dropping a file on the page and nothing else ends in playback, decrypted, in that page.
import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import { dropFiles, waitForPlayback } from "../lib/browser.js";
import { expectClipPlays, expectSourcePlays } from "../lib/expect.js";
import { realVideos, sourceFrames } from "../lib/media.js";
import { ffmpeg } from "../lib/tools.js";
import { world } from "../lib/world.js";

const here = world();

async function dropAndPlay(page, file) {
  await page.goto(here.server.url);
  await dropFiles(page, '[data-testid="drop-zone"]', [file]);
  await page.waitForURL(/\/assets\/ast_/);
  await page.getByRole("heading", { level: 1, name: path.basename(file) }).waitFor();
  await waitForPlayback(page);
  const id = decodeURIComponent(new URL(page.url()).pathname.split("/").at(-1));
  return here.server.api("GET", `/api/v1/assets/${id}`);
}

test("a dropped clip is encrypted with cbcs and plays", () =>
  here.withPage(async (page) => {
    const asset = await dropAndPlay(page, here.clip);
    assert.equal(asset.packages.length, 1);
    const [pack] = asset.packages;
    assert.deepEqual([pack.status, pack.scheme, pack.encrypt], ["Ready", "cbcs", "all"]);
    assert.ok(pack.renditions.every((rendition) => rendition.encrypted));
    await expectClipPlays(page);
  }));

test("a dropped clip in WebM is converted, says so, and plays", () =>
  here.withPage(async (page) => {
    const webm = path.join(here.folder, "clip.webm");
    await ffmpeg(["-i", here.clip, "-c:v", "libvpx", "-b:v", "2M", "-deadline", "realtime", "-c:a", "libvorbis", webm]);
    const asset = await dropAndPlay(page, webm);
    assert.deepEqual([asset.container, asset.conversion.encodes], ["matroska", true]);
    await page.getByText("encoded anew as H.264").waitFor();
    assert.deepEqual(
      asset.packages[0].renditions.map((rendition) => rendition.codec.slice(0, 4)),
      ["avc1", "mp4a"],
    );
  }));

test("its HLS plays in the page too, with the key of the licence server", () =>
  here.withPage(async (page) => {
    await dropAndPlay(page, here.clip);
    const licence = page.waitForResponse((response) => response.url().endsWith("/license/clearkey"));
    await page.getByRole("radio", { name: "HLS" }).check();
    assert.equal((await licence).status(), 200);
    await page.waitForFunction(() => document.querySelector(".player")?.dataset.phase === "ready");
    await expectClipPlays(page);
  }));

test("real videos are dropped and play", async (t) => {
  for (const file of await realVideos()) {
    await t.test(path.basename(file), () =>
      here.withPage(async (page) => {
        await dropAndPlay(page, file);
        await expectSourcePlays(page, await sourceFrames(file));
      }),
    );
  }
});

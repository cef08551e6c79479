// Dropping a file on the page and nothing else ends in playback, decrypted, in that page.
import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import { dropFiles, waitForPlayback } from "../lib/browser.js";
import { expectClipPlays, expectSourcePlays } from "../lib/expect.js";
import { realVideos, sourceFrames } from "../lib/media.js";
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

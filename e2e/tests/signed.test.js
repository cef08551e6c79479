// An asset whose playback is signed plays on the page as it does for a viewer: by tokens that the page gets for itself.
import assert from "node:assert/strict";
import { test } from "node:test";
import { packageAsset, upload } from "../lib/library.js";
import { until } from "../lib/tools.js";
import { world } from "../lib/world.js";

let asset;
let pack;

const here = world(async ({ server, clip }) => {
  asset = await upload(server, clip);
  pack = await packageAsset(server, asset.id, { scheme: "cbcs", extras: ["poster", "storyboard"] });
  await server.api("PUT", `/api/v1/assets/${asset.id}/playback`, { policy: "signed" });
});

test("without a token nobody gets anything", async () => {
  for (const url of [pack.dash_url, pack.hls_url, pack.poster_url]) {
    assert.equal((await fetch(url)).status, 401, url);
  }
});

for (const format of ["DASH", "HLS"]) {
  test(`the page plays it as ${format}, decrypted, with its storyboard`, () =>
    here.withPage(async (page) => {
      const refused = [];
      page.on("response", (response) => {
        if (response.status() >= 400) refused.push(`${response.status()} ${response.url()}`);
      });
      await page.goto(`${here.server.url}/assets/${asset.id}`);
      const video = page.locator("video");
      await video.waitFor();
      if (format === "HLS") {
        await page.locator('.player[data-phase="ready"]').waitFor();
        await page.getByRole("radio", { name: "HLS" }).check();
      }
      await page.locator('.player[data-phase="ready"]').waitFor();
      await video.evaluate(async (element) => {
        element.muted = true;
        await element.play();
      });
      const time = () => video.evaluate((element) => element.currentTime);
      await until("it plays", async () => (await time()) > 1 || null);
      const bar = page.getByRole("slider", { name: "Look ahead" });
      await bar.waitFor();
      await bar.hover();
      await page.getByRole("img", { name: /^The picture at / }).waitFor();
      assert.deepEqual(refused, []);
    }));
}

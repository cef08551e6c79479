// The packages in other players, from another origin: DASH from the manifest alone, HLS as each
// player can.
import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import { expectClipPlays, expectSourcePlays } from "../lib/expect.js";
import { packageAsset, upload } from "../lib/library.js";
import { realVideos, sourceFrames } from "../lib/media.js";
import { world } from "../lib/world.js";

const packs = {};

const here = world(async ({ server, clip }) => {
  const asset = await upload(server, clip);
  for (const scheme of ["cbcs", "cenc", "none"]) {
    packs[scheme] = await packageAsset(server, asset.id, { scheme });
  }
  packs.picture = await packageAsset(server, asset.id, { scheme: "cbcs", encrypt: "video" });
});

/** Opens one of the players and starts it; the page says what fails. */
const inPlayer = (player, media, expect) =>
  here.withPage(async (page) => {
    await page.goto(`${here.players.url}/${player}`);
    // Not awaited: a player that never becomes ready is told by what is expected of the video.
    await page.evaluate((what) => void window.start(what), media);
    await expect(page);
  });

for (const player of ["shaka", "dashjs"]) {
  for (const name of ["cbcs", "cenc", "none", "picture"]) {
    test(`DASH, ${name}, in ${player} from the manifest alone`, () =>
      inPlayer(player, { url: packs[name].dash_url }, expectClipPlays));
  }
}

const licenceUrl = () => `${here.server.url}/license/clearkey`;

for (const name of ["cbcs", "cenc", "none"]) {
  test(`HLS, ${name}, in hls.js`, () => {
    const media = { url: packs[name].hls_url };
    if (name !== "none") media.licenceUrl = licenceUrl();
    return inPlayer("hlsjs", media, expectClipPlays);
  });
}

for (const name of ["cenc", "none"]) {
  test(`HLS, ${name}, in Shaka Player without any configuration`, () =>
    inPlayer("shaka", { url: packs[name].hls_url }, expectClipPlays));
}

test("HLS, cbcs, in Shaka Player with the key of the licence server", async () => {
  const kid = Buffer.from(packs.cbcs.kid.replaceAll("-", ""), "hex");
  const response = await fetch(licenceUrl(), {
    method: "POST",
    body: JSON.stringify({ kids: [kid.toString("base64url")], type: "temporary" }),
    headers: { "content-type": "application/json" },
  });
  assert.equal(response.status, 200);
  const { keys } = await response.json();
  const key = Buffer.from(keys[0].k, "base64url");
  const config = {
    drm: { clearKeys: { [kid.toString("hex")]: key.toString("hex") } },
    manifest: { ignoreDrmInfo: true },
  };
  await inPlayer("shaka", { url: packs.cbcs.hls_url, config }, expectClipPlays);
});

test("real videos in each player", async (t) => {
  for (const file of await realVideos()) {
    const asset = await upload(here.server, file);
    const pack = await packageAsset(here.server, asset.id, {});
    const frames = await sourceFrames(file);
    const expect = (page) => expectSourcePlays(page, frames);
    for (const [player, media] of [
      ["shaka", { url: pack.dash_url }],
      ["dashjs", { url: pack.dash_url }],
      ["hlsjs", { url: pack.hls_url, licenceUrl: licenceUrl() }],
    ]) {
      await t.test(`${path.basename(file)} in ${player}`, () => inPlayer(player, media, expect));
    }
  }
});

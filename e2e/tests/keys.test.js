// /player: any form of a key plays; a wrong key, or none, never shows the picture.
import assert from "node:assert/strict";
import { test } from "node:test";
import { describe, photographVideo } from "../lib/browser.js";
import { expectClipPlays, expectSourcePlays } from "../lib/expect.js";
import { packageAsset, upload } from "../lib/library.js";
import { realVideos, sourceFrames } from "../lib/media.js";
import { frameNumber, likeness } from "../lib/pixels.js";
import { world } from "../lib/world.js";

const KID = Buffer.from("fbef4b2a9056e371f36d348aa62bb7fe", "hex");
const KEY = Buffer.from("ff7d20a19f58a740c05684e699b4fbef", "hex");
const WRONG = Buffer.from("00112233445566778899aabbccddeeff", "hex");

const uuid = (bytes) => bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
const FORMS = {
  hex: (bytes) => bytes.toString("hex"),
  "upper-case hex": (bytes) => bytes.toString("hex").toUpperCase(),
  UUID: uuid,
  "padded base64": (bytes) => bytes.toString("base64"),
  "unpadded base64": (bytes) => bytes.toString("base64").replace(/=+$/, ""),
  base64url: (bytes) => bytes.toString("base64url"),
};

const packs = {};

const here = world(async ({ server, clip }) => {
  const asset = await upload(server, clip);
  for (const scheme of ["cbcs", "cenc"]) {
    const key = { kid: KID.toString("base64"), key: KEY.toString("base64url") };
    packs[scheme] = await packageAsset(server, asset.id, { scheme, ...key });
    assert.equal(packs[scheme].kid, uuid(KID));
  }
});

async function enter(page, url, kid = "", key = "") {
  await page.goto(`${here.server.url}/player`);
  await page.getByLabel("Manifest URL").fill(url);
  await page.getByLabel("KID", { exact: true }).fill(kid);
  await page.getByLabel("Key", { exact: true }).fill(key);
  await page.getByRole("button", { name: "Play", exact: true }).click();
}

for (const [name, write] of Object.entries(FORMS)) {
  test(`KID and key as ${name}`, () =>
    here.withPage(async (page) => {
      await enter(page, packs.cbcs.dash_url, write(KID), write(KEY));
      await expectClipPlays(page);
    }));
}

test("HLS with the key", () =>
  here.withPage(async (page) => {
    await enter(page, packs.cbcs.hls_url, uuid(KID), FORMS.hex(KEY));
    await expectClipPlays(page);
  }));

test("DASH without a key uses the licence URL of the manifest", () =>
  here.withPage(async (page) => {
    await enter(page, packs.cenc.dash_url);
    await expectClipPlays(page);
  }));

test("a mistyped key is explained at its field, before anything is fetched", () =>
  here.withPage(async (page) => {
    await enter(page, packs.cbcs.dash_url, uuid(KID), "abcd");
    await page.getByText("The key is 2 bytes long where 16 are needed.").waitFor();
    assert.equal(await page.locator("video").count(), 0);
    assert.equal(await page.evaluate(() => document.activeElement.getAttribute("aria-invalid")), "true");
  }));

/** Photographs the video until the page says what is wrong, and after; no picture may be right. */
async function expectNeverShown(page, isRight) {
  const alert = page.getByRole("alert");
  let after = 3;
  for (let photo = 0; after > 0; photo += 1) {
    assert.ok(photo < 200, `the page says nothing: ${await describe(page)}`);
    if ((await page.locator("video").count()) > 0) {
      assert.ok(!(await isRight(await photographVideo(page))), "the picture is shown without its key");
    }
    if ((await alert.count()) > 0) after -= 1;
  }
  assert.match(await alert.first().innerText(), /key/i);
}

const isClip = async (png) => (await frameNumber(png)) !== null;

for (const scheme of ["cbcs", "cenc"]) {
  for (const format of ["dash_url", "hls_url"]) {
    test(`a wrong key never shows the picture: ${scheme}, ${format}`, () =>
      here.withPage(async (page) => {
        await enter(page, packs[scheme][format], uuid(KID), FORMS.hex(WRONG));
        await expectNeverShown(page, isClip);
      }));
  }
}

test("the key of another KID never shows the picture", () =>
  here.withPage(async (page) => {
    await enter(page, packs.cbcs.dash_url, uuid(WRONG), FORMS.hex(KEY));
    await expectNeverShown(page, isClip);
  }));

test("a wrong key never shows a real video", async (t) => {
  for (const file of await realVideos()) {
    await t.test(file.split("/").at(-1), async () => {
      const frames = await sourceFrames(file);
      const asset = await upload(here.server, file);
      const pack = await packageAsset(here.server, asset.id, { kid: uuid(KID), key: FORMS.hex(KEY) });
      await here.withPage(async (page) => {
        await enter(page, pack.dash_url, uuid(KID), FORMS.hex(WRONG));
        await expectNeverShown(page, async (png) => (await likeness(png, frames, 0)).best < 12);
      });
      await here.withPage(async (page) => {
        await enter(page, pack.dash_url, uuid(KID), FORMS.hex(KEY));
        await expectSourcePlays(page, frames);
      });
    });
  }
});

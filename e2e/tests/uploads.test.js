// Uploads that are interrupted: by the page's own reload, by a network that is away, by a server that is killed.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { readFile, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { before, test } from "node:test";
import * as tus from "tus-js-client";
import { dropFiles, waitForPlayback } from "../lib/browser.js";
import { until } from "../lib/tools.js";
import { world } from "../lib/world.js";

const FILM_BYTES = 40 * 1024 * 1024;
const here = world();
let film;

/** A video of any size: the clip, and behind it a box that nobody reads. */
before(async () => {
  await until("the clip is there", () => here.clip !== null && stat(here.clip).then(() => true, () => false));
  const clip = await readFile(here.clip);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(FILM_BYTES - clip.length);
  head.write("free", 4);
  film = path.join(here.folder, "film.mp4");
  await writeFile(film, Buffer.concat([clip, head, randomBytes(FILM_BYTES - clip.length - 8)]));
});

const sha256 = async (file) => createHash("sha256").update(await readFile(file)).digest("hex");

/** Slows what a page sends down, so that it can be interrupted. */
async function throttle(page, bytesPerSecond) {
  const session = await page.context().newCDPSession(page);
  await session.send("Network.enable");
  await emulate(session, bytesPerSecond, false);
  return session;
}

const emulate = (session, uploadThroughput, offline) =>
  session.send("Network.emulateNetworkConditions", { offline, latency: 0, downloadThroughput: -1, uploadThroughput });

const newestUpload = async () => (await here.server.api("GET", "/api/v1/uploads?limit=1")).data[0];

test("a page that is loaded anew goes on with the same file where the server is", () =>
  here.withPage(async (page) => {
    await page.goto(here.server.url);
    const session = await throttle(page, 12 * 1024 * 1024);
    await dropFiles(page, '[data-testid="drop-zone"]', [film]);
    await until("something has arrived", async () => (await newestUpload())?.offset >= 8 * 1024 * 1024);
    page.once("dialog", (dialog) => dialog.accept());
    await page.reload();
    const before = await newestUpload();
    assert.equal(before.state, "receiving");
    let sent = 0;
    page.on("request", (request) => {
      if (request.method() === "PATCH") sent += 1;
    });
    await session.detach().catch(() => undefined);
    await dropFiles(page, '[data-testid="drop-zone"]', [film]);
    await page.waitForURL(/\/assets\/ast_/);
    await waitForPlayback(page);
    const after = await newestUpload();
    assert.deepEqual([after.id, after.state], [before.id, "done"]);
    const pieces = Math.ceil((FILM_BYTES - before.offset) / (8 * 1024 * 1024));
    assert.ok(sent <= pieces + 1, `${sent} requests for ${pieces} pieces`);
    const asset = await here.server.api("GET", `/api/v1/assets/${after.asset_id}`);
    assert.equal(asset.sha256, await sha256(film));
  }));

test("a network that is away is waited for", () =>
  here.withPage(async (page) => {
    await page.goto(here.server.url);
    const session = await throttle(page, 8 * 1024 * 1024);
    const earlier = (await newestUpload())?.id;
    await dropFiles(page, '[data-testid="drop-zone"]', [film]);
    await until("something has arrived", async () => {
      const upload = await newestUpload();
      return upload.id !== earlier && upload.offset > 0;
    });
    await emulate(session, 8 * 1024 * 1024, true);
    await page.getByText("Waiting for the server. The upload goes on by itself.").waitFor();
    await emulate(session, -1, false);
    await page.waitForURL(/\/assets\/ast_/);
    // The same bytes as in the test before.
    await page.getByText("The library has had these bytes before").waitFor();
  }));

test("an upload that is stopped leaves nothing on the server", () =>
  here.withPage(async (page) => {
    await page.goto(here.server.url);
    await throttle(page, 4 * 1024 * 1024);
    const earlier = (await newestUpload())?.id;
    await dropFiles(page, '[data-testid="drop-zone"]', [film]);
    await until("it has begun", async () => (await newestUpload())?.id !== earlier);
    await page.getByRole("button", { name: "Stop the upload" }).click();
    await page.getByText("The upload was stopped.").waitFor();
    await until("it is gone", async () => (await newestUpload())?.id === earlier);
  }));

test("a file that is no video says why", () =>
  here.withPage(async (page) => {
    const file = path.join(here.folder, "text.mp4");
    await writeFile(file, "no video");
    await page.goto(here.server.url);
    for (let times = 0; times < 2; times += 1) {
      await dropFiles(page, '[data-testid="drop-zone"]', [file]);
      await page.getByRole("alert").getByText("Use a video that plays").waitFor();
    }
  }));

/** One upload by tus-js-client under Node. */
async function send(options, interrupt = () => false) {
  const bytes = await readFile(film);
  return new Promise((resolve, reject) => {
    const upload = new tus.Upload(bytes, {
      endpoint: `${here.server.url}/api/v1/uploads`,
      chunkSize: 4 * 1024 * 1024,
      metadata: { filename: "by node.mp4" },
      onError: reject,
      onSuccess: () => resolve(upload.url),
      onProgress: (sent) => {
        if (interrupt(sent)) upload.abort().then(() => resolve(upload.url), reject);
      },
      ...options,
    });
    upload.start();
  });
}

test("tus-js-client uploads, is interrupted, and goes on", async () => {
  const url = await send({}, (sent) => sent > 12 * 1024 * 1024);
  const id = url.split("/").at(-1);
  const half = await here.server.api("GET", `/api/v1/uploads/${id}`);
  assert.ok(half.offset > 0 && half.offset < FILM_BYTES, `${half.offset}`);
  assert.equal(await send({ uploadUrl: url }), url);
  const done = await here.server.api("GET", `/api/v1/uploads/${id}`);
  assert.equal(done.state, "done");
  const asset = await here.server.api("GET", `/api/v1/assets/${done.asset_id}`);
  assert.deepEqual([asset.sha256, asset.name], [await sha256(film), "by node.mp4"]);
});

test("tus-js-client says the length later, sends with the creation, and ends uploads", async () => {
  const late = await send({ uploadLengthDeferred: true });
  const id = late.split("/").at(-1);
  assert.equal((await here.server.api("GET", `/api/v1/uploads/${id}`)).state, "done");
  const early = await send({ uploadDataDuringCreation: true });
  assert.notEqual(early, late);
  const half = await send({}, (sent) => sent > 0);
  await tus.Upload.terminate(half, {});
  const response = await fetch(half);
  assert.equal(response.status, 404);
});

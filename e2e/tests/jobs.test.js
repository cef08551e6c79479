// Packagings that wait: their live state in the page, cancel, retry, and playback after all.
import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import { expectClipPlays } from "../lib/expect.js";
import { upload } from "../lib/library.js";
import { ffmpeg, until } from "../lib/tools.js";
import { world } from "../lib/world.js";

// One worker and a queue of long films before it: what the page asks for has to wait.
const here = world(async () => {}, ["--workers", "1"]);
const FILMS = 30;
const REPEATS = 500;

test("a waiting package is paused, resumed, cancelled and retried in the page, and plays when it is ready", async () => {
  const { server, clip, folder } = here;
  const film = path.join(folder, "film.mp4");
  await ffmpeg(["-stream_loop", String(REPEATS - 1), "-i", clip, "-c", "copy", film]);
  const asset = await upload(server, clip);
  const long = await upload(server, film);
  const queued = [];
  for (let count = 0; count < FILMS; count += 1) {
    queued.push(await server.api("POST", `/api/v1/assets/${long.id}/packages`, { scheme: "cenc" }));
  }
  await here.withPage(async (page) => {
    await page.goto(`${server.url}/assets/${asset.id}`);
    await page.getByText("New package").click();
    await page.getByRole("button", { name: "Package", exact: true }).click();
    const card = page.getByRole("article", { name: "cbcs, all tracks" });
    await card.getByText("Queued").waitFor();
    await page.getByText("It plays here as soon as it is ready.").waitFor();
    await card.getByRole("button", { name: "Pause" }).click();
    await card.getByText("Paused").waitFor();
    await page.getByRole("status").getByText(/was paused\.$/).waitFor();
    await card.getByRole("button", { name: "Resume" }).click();
    await card.getByText("Queued").waitFor();
    await card.getByRole("button", { name: "Cancel" }).click();
    await card.getByText("Cancelled").waitFor();
    await page.getByRole("status").getByText(/was cancelled\.$/).waitFor();
    const [cancelled] = (await server.api("GET", `/api/v1/assets/${asset.id}`)).packages;
    assert.equal(cancelled.job.state, "cancelled");

    // The last first: while those before it wait, they are cancelled at once.
    for (const pack of queued.reverse()) await cancelJob(server, pack.job.id);
    await card.getByRole("button", { name: "Retry" }).click();
    await card.and(page.locator('[data-status="Ready"]')).waitFor();
    await expectClipPlays(page);
    const [ready] = (await server.api("GET", `/api/v1/assets/${asset.id}`)).packages;
    assert.equal(ready.id, cancelled.id, "a retry makes no second package");
  });
});

/** Cancels a job unless it has ended by itself, and waits until it has ended. */
async function cancelJob(server, id) {
  const job = await server.api("GET", `/api/v1/jobs/${id}`);
  if (job.state === "queued" || job.state === "running") {
    await server.api("POST", `/api/v1/jobs/${id}/cancel`).catch(async (error) => {
      const now = await server.api("GET", `/api/v1/jobs/${id}`);
      if (now.state !== "done") throw error;
    });
  }
  await until(`job ${id} has ended`, async () => {
    const { state } = await server.api("GET", `/api/v1/jobs/${id}`);
    return state !== "queued" && state !== "running";
  });
}

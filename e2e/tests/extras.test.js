// What lies beside a package for pages: the poster in the library and in the player, the storyboard, chapters.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";
import { packageAsset, upload } from "../lib/library.js";
import { ffmpeg, until } from "../lib/tools.js";
import { world } from "../lib/world.js";

let asset;
let pack;

const here = world(async ({ server, clip, folder }) => {
  const marks = path.join(folder, "chapters.txt");
  const chapter = (start, end, title) =>
    `[CHAPTER]\nTIMEBASE=1/1000\nSTART=${start}\nEND=${end}\ntitle=${title}\n`;
  await writeFile(marks, `;FFMETADATA1\n${chapter(0, 5000, "Morning")}${chapter(5000, 12000, "Noon & after")}`);
  const film = path.join(folder, "film.mp4");
  await ffmpeg(["-i", clip, "-i", marks, "-map", "0", "-map_chapters", "1", "-c", "copy", film]);
  asset = await upload(server, film);
  const extras = ["poster", "storyboard", "preview", "chapters"];
  pack = await packageAsset(server, asset.id, { extras });
});

test("the library shows the poster", () =>
  here.withPage(async (page) => {
    await page.goto(`${here.server.url}/library`);
    const poster = page.locator("li img");
    await poster.waitFor();
    const shown = () => poster.evaluate((image) => image.complete && image.naturalWidth);
    assert.equal(await until("the poster is there", async () => (await shown()) || null), 640);
  }));

test("the player shows the poster, the storyboard and the chapters of an encrypted package", () =>
  here.withPage(async (page) => {
    await page.goto(`${here.server.url}/assets/${asset.id}`);
    const video = page.locator("video");
    await video.waitFor();
    assert.equal(await video.getAttribute("poster"), pack.poster_url);
    const bar = page.getByRole("slider", { name: "Look ahead" });
    await bar.waitFor();
    await bar.hover();
    const tile = page.getByRole("img", { name: /^The picture at 0:06/ });
    await tile.waitFor();
    const box = await tile.boundingBox();
    assert.deepEqual([Math.round(box.width), Math.round(box.height)], [256, 144]);
    // Of 50 tiles in rows of ten, the middle of the film has one of the third row.
    assert.match(await tile.getAttribute("style"), /storyboard\.jpg"\) -\d+px -288px/);
    await page.getByRole("button", { name: "Noon & after" }).click();
    const time = () => video.evaluate((element) => element.currentTime);
    await until("the chapter is sought", async () => Math.abs((await time()) - 5) < 1.5 || null);
  }));

// Makes the picture of the README: `npm run screenshot [VIDEO]` writes docs/screenshot.png.
// Without VIDEO it takes the real video (CC0) where that is there, else the generated clip.
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { dropFiles, openPage, startBrowser, waitForPlayback } from "./lib/browser.js";
import { makeClip, realVideos } from "./lib/media.js";
import { startReelpack } from "./lib/reelpack.js";
import { ffmpeg } from "./lib/tools.js";

const target = path.join(import.meta.dirname, "../docs/screenshot.png");
const folder = await mkdtemp(path.join(os.tmpdir(), "reelpack-screenshot-"));
const server = await startReelpack();
const browser = await startBrowser();
try {
  const given = process.argv[2] ?? (await realVideos())[0];
  const file = given ?? (await makeClip(path.join(folder, "clip.mp4")));
  const { page } = await openPage(browser, { viewport: { width: 1080, height: 1000 } });
  await page.goto(server.url);
  await dropFiles(page, '[data-testid="drop-zone"]', [path.resolve(file)]);
  await waitForPlayback(page, 2);
  await page.evaluate(() => document.querySelector("video").pause());
  await page.getByText("DASH manifest").waitFor();
  await mkdir(path.dirname(target), { recursive: true });
  const png = await page.screenshot();
  // 256 colours are enough for a README and less than half of the bytes.
  const palette = "split[a][b];[a]palettegen[p];[b][p]paletteuse";
  await ffmpeg(["-f", "png_pipe", "-i", "-", "-vf", palette, "-frames:v", "1", target], png);
  console.log(target);
} finally {
  await browser.close();
  await server.stop();
  await rm(folder, { recursive: true, force: true });
}

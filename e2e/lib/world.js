// What most tests need: the server, a browser, the players' origin and the generated clip.
import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { after, before } from "node:test";
import { openPage, startBrowser } from "./browser.js";
import { makeClip } from "./media.js";
import { startPlayers } from "./players.js";
import { startReelpack } from "./reelpack.js";

/**
 * Starts everything before the tests of a file and stops it after them. Call once a file;
 * `prepare` runs when everything is there (hooks of a file do not wait for each other).
 */
export function world(prepare = async () => {}, serveOptions = []) {
  const here = { server: null, browser: null, players: null, folder: null, clip: null };
  const stops = [];
  before(async () => {
    here.folder = await mkdtemp(path.join(os.tmpdir(), "reelpack-media-"));
    stops.push(() => rm(here.folder, { recursive: true, force: true }));
    here.server = await startReelpack(serveOptions);
    stops.push(here.server.stop);
    here.players = await startPlayers();
    stops.push(here.players.stop);
    here.browser = await startBrowser();
    stops.push(() => here.browser.close());
    here.clip = await makeClip(path.join(here.folder, "clip.mp4"));
    await prepare(here);
  });
  after(async () => {
    for (const stop of stops.reverse()) await stop();
  });
  /** Runs `use` with a fresh page; errors that scripts of the page throw fail the test. */
  here.withPage = async (use, options) => {
    const { page, faults, close } = await openPage(here.browser, options);
    try {
      await use(page);
      if (faults.length > 0) throw new Error(`the page threw: ${faults.join("; ")}`);
    } finally {
      await close();
    }
  };
  return here;
}

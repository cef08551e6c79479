// Pages of other people's players on an origin of their own: no help from the server's page, and
// nothing works unless the server allows other origins.
import { createReadStream } from "node:fs";
import { createServer } from "node:http";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";

const installed = (file) => fileURLToPath(new URL(`../node_modules/${file}`, import.meta.url));
const SCRIPTS = {
  "/shaka.js": installed("shaka-player/dist/shaka-player.compiled.debug.js"),
  "/dash.js": installed("dashjs/dist/modern/umd/dash.all.min.js"),
  "/hls.js": installed("hls.js/dist/hls.min.js"),
};

const page = (script, start) => `<!doctype html><meta charset="utf-8"><title>player</title>
<style>body{margin:0;background:#333}video{display:block;width:640px;height:360px}</style>
<video muted playsinline></video><pre id="log"></pre><script src="${script}"></script>
<script>
const log = (text) => (document.getElementById("log").textContent += text + "\\n");
const video = document.querySelector("video");
addEventListener("unhandledrejection", (event) => log("rejected: " + (event.reason?.code ?? event.reason)));
// The player itself is window.player, for tests of what only it can do.
window.start = async (media) => {
  try { await (${start})(media, video, log); video.muted = false; await video.play(); }
  catch (error) { log("failed: " + (error.code ?? error.message) + " " + JSON.stringify(error.data ?? "")); }
};
</script>`;

const PAGES = {
  // Nothing is configured: the manifest alone says what to do. `config` is for HLS with cbcs. `text` asks for
  // the first subtitles.
  "/shaka": page(
    "/shaka.js",
    `async ({ url, config, text }, video, log) => {
      shaka.polyfill.installAll();
      const player = (window.player = new shaka.Player());
      await player.attach(video);
      player.addEventListener("error", (event) => log("error: " + event.detail.code));
      if (config) player.configure(config);
      await player.load(url);
      if (text) player.selectTextTrack(player.getTextTracks()[0]);
    }`,
  ),
  "/dashjs": page(
    "/dash.js",
    `async ({ url }, video, log) => {
      const player = (window.player = dashjs.MediaPlayer().create());
      player.updateSettings({ debug: { logLevel: 0 } });
      player.on("error", (event) => log("error: " + event.error.code + " " + event.error.message));
      player.initialize(video, url, false);
      await new Promise((resolve) => player.on("canPlay", resolve));
    }`,
  ),
  "/hlsjs": page(
    "/hls.js",
    `async ({ url, licenceUrl, text }, video, log) => {
      const eme = licenceUrl
        ? { emeEnabled: true, drmSystems: { "org.w3.clearkey": { licenseUrl: licenceUrl } } }
        : {};
      const hls = (window.player = new Hls(eme));
      hls.on(Hls.Events.ERROR, (_, data) => log("error: " + data.details + " " + (data.error?.message ?? "")));
      hls.loadSource(url);
      hls.attachMedia(video);
      await new Promise((resolve) => video.addEventListener("canplay", resolve, { once: true }));
      if (text) hls.subtitleTrack = 0;
    }`,
  ),
};

/** Serves the players; gives their origin. */
export async function startPlayers() {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    if (Object.hasOwn(PAGES, pathname)) {
      response.writeHead(200, { "content-type": "text/html" }).end(PAGES[pathname]);
    } else if (Object.hasOwn(SCRIPTS, pathname)) {
      response.writeHead(200, { "content-type": "text/javascript" });
      // The browser may go away in the middle; the test that needed the file then says so.
      pipeline(createReadStream(SCRIPTS[pathname]), response).catch(() => response.destroy());
    } else {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  };
}

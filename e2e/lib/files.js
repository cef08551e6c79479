// An origin for packages that were made on the command line: files with ranges, and a ClearKey licence server.
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import path from "node:path";
import { pipeline } from "node:stream/promises";

const TYPES = {
  ".mpd": "application/dash+xml",
  ".m3u8": "application/vnd.apple.mpegurl",
  ".mp4": "video/mp4",
  ".m4s": "video/mp4",
  ".vtt": "text/vtt",
};

const SHARED = {
  "access-control-allow-origin": "*",
  "access-control-allow-headers": "*",
  "access-control-expose-headers": "content-length, content-range",
};

/** `bytes=3-9` of a file of 7 bytes: 3 to 6. Null when the whole file is asked for. */
function asked(range, size) {
  const match = /^bytes=(\d+)-(\d*)$/.exec(range ?? "");
  if (!match) return null;
  const last = match[2] === "" ? size - 1 : Math.min(Number(match[2]), size - 1);
  return { first: Number(match[1]), last };
}

async function body(request) {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text;
}

/** The answer of a licence server that has one key, both in hex. */
function licence(text, { kid, key }) {
  const encoded = (hex) => Buffer.from(hex, "hex").toString("base64url");
  const { kids, type } = JSON.parse(text);
  const keys = kids
    .filter((one) => one === encoded(kid))
    .map((one) => ({ kty: "oct", kid: one, k: encoded(key) }));
  return keys.length > 0 ? JSON.stringify({ keys, type }) : null;
}

/**
 * Serves a folder.
 * @returns {Promise<{ url: string, requests: { path: string, range: string | null }[], stop: () => Promise<void> }>}
 *   `requests` are those for files that were answered so far, `range` as in `0-99`
 */
export async function startFiles(folder, contentKey) {
  const requests = [];
  const answer = async (request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    if (request.method === "OPTIONS") return response.writeHead(204, SHARED).end();
    if (request.method === "POST") {
      const keys = licence(await body(request), contentKey);
      response.writeHead(keys ? 200 : 404, { ...SHARED, "content-type": "application/json" });
      return response.end(keys ?? "");
    }
    const file = path.join(folder, path.normalize(decodeURIComponent(pathname)));
    const size = (await stat(file)).size;
    const range = asked(request.headers.range, size);
    const headers = { ...SHARED, "accept-ranges": "bytes", "content-type": TYPES[path.extname(file)] ?? "" };
    requests.push({ path: pathname.slice(1), range: range && `${range.first}-${range.last}` });
    if (range) {
      headers["content-range"] = `bytes ${range.first}-${range.last}/${size}`;
      headers["content-length"] = range.last - range.first + 1;
    } else {
      headers["content-length"] = size;
    }
    response.writeHead(range ? 206 : 200, headers);
    const from = range ? { start: range.first, end: range.last } : {};
    await pipeline(createReadStream(file, from), response);
  };
  const server = createServer((request, response) => {
    answer(request, response).catch(() => {
      // No such file, or the player went away in the middle: the test that needed it then says so.
      if (response.headersSent) response.destroy();
      else response.writeHead(404, SHARED).end();
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    requests,
    stop: () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  };
}

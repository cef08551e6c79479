// A folder of packages on an origin of its own, as any web server would serve it, with a ClearKey licence server beside it.
import { createServer } from "node:http";
import { json } from "node:stream/consumers";
import sirv from "sirv";

const LICENCES = "/license/clearkey";
const OTHER_ORIGINS = {
  "access-control-allow-origin": "*",
  "access-control-allow-headers": "*",
  "access-control-expose-headers": "*",
};

const base64url = (hex) => Buffer.from(hex, "hex").toString("base64url");

/**
 * @param {string} folder
 * @param {Map<string, string>} keys content keys by KID, both in hex
 * @returns {Promise<{ url: string, licenceUrl: string, stop: () => Promise<void> }>}
 */
export async function serveFolder(folder, keys) {
  const files = sirv(folder, { dev: true });
  const answerLicence = async (request, response) => {
    const { kids, type } = await json(request);
    const known = [...keys].map(([kid, key]) => ({ kty: "oct", kid: base64url(kid), k: base64url(key) }));
    const answer = { keys: known.filter(({ kid }) => kids.includes(kid)), type };
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer));
  };
  const server = createServer((request, response) => {
    for (const [name, value] of Object.entries(OTHER_ORIGINS)) response.setHeader(name, value);
    if (request.method === "OPTIONS") response.writeHead(204).end();
    else if (request.url === LICENCES) {
      answerLicence(request, response).catch((error) => response.writeHead(400).end(error.message));
    } else files(request, response, () => response.writeHead(404).end());
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${server.address().port}`;
  return {
    url,
    licenceUrl: url + LICENCES,
    stop: () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  };
}

// Somebody who is told by webhooks what happened: a server on loopback that keeps what comes.
import { once } from "node:events";
import http from "node:http";
import { text } from "node:stream/consumers";

/**
 * @returns {Promise<{ url: string, messages: { headers: object, body: string }[],
 *   answer: (status: number, headers?: object) => void, stop: () => Promise<void> }>}
 */
export async function startReceiver() {
  const messages = [];
  let answer = { status: 204, headers: {} };
  const server = http.createServer(async (request, response) => {
    messages.push({ headers: request.headers, body: await text(request) });
    response.writeHead(answer.status, answer.headers).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${server.address().port}/hook`,
    messages,
    answer: (status, headers = {}) => {
      answer = { status, headers };
    },
    stop: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

// The real server: started on a free port with an empty data folder, and stopped again.
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { run } from "./tools.js";

const BINARY = path.resolve(
  process.env.REELPACK_BIN ?? path.join(import.meta.dirname, "../../target/release/reelpack"),
);
const START_MS = 30_000;

/**
 * @param {string[]} options more options of `reelpack serve`
 * @returns {Promise<{ url: string, api: (method: string, path: string, body?: unknown) => Promise<any>,
 *   log: () => string, stop: () => Promise<void> }>}
 */
export async function startReelpack(options = []) {
  const data = await mkdtemp(path.join(os.tmpdir(), "reelpack-e2e-"));
  const child = spawn(BINARY, ["serve", "--listen", "127.0.0.1:0", "--data-dir", data, ...options], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let log = "";
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const url = await new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`no address within ${START_MS} ms:\n${log}`)), START_MS);
    const settle = (act, value) => {
      clearTimeout(late);
      act(value);
    };
    child.once("error", (error) => settle(reject, new Error(`${BINARY}: ${error.message}`)));
    child.once("exit", (code) => settle(reject, new Error(`${BINARY} ended with ${code}:\n${log}`)));
    child.stderr.on("data", (chunk) => {
      log += chunk;
      const match = /listening on (http:\/\/[0-9.:[\]a-f]+:\d+)/.exec(log);
      if (match) settle(resolve, match[1]);
    });
  });
  return {
    url,
    log: () => log,
    api: (method, pathAndQuery, body) => call(url, method, pathAndQuery, body),
    stop: async () => {
      child.kill("SIGTERM");
      const late = setTimeout(() => child.kill("SIGKILL"), 10_000);
      await ended;
      clearTimeout(late);
      await rm(data, { recursive: true, force: true });
    },
  };
}

async function call(url, method, pathAndQuery, body) {
  const response = await fetch(url + pathAndQuery, {
    method,
    ...(body instanceof FormData
      ? { body }
      : body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${pathAndQuery}: ${response.status} ${text}`);
  return text === "" ? null : JSON.parse(text);
}

/** Packages one or several files on the command line, with this key unless nothing is encrypted. */
export async function packageFile(input, output, options, { kid, key }) {
  const keys = options.includes("none") ? [] : ["--key-file", "-"];
  await run(BINARY, ["package", ...[input].flat(), "-o", output, "--quiet", ...options, ...keys], `${kid}:${key}\n`);
}

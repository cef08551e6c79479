// Programs that the tests use: ffmpeg, and waiting for conditions with a clear message.
import { spawn } from "node:child_process";

/**
 * Runs a program without a shell; `input` goes to its standard input.
 * @returns {Promise<Buffer>} what it wrote to its standard output
 */
export function run(program, args, input = null) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
    const out = [];
    let err = "";
    child.stdout.on("data", (chunk) => out.push(chunk));
    child.stderr.on("data", (chunk) => (err += chunk));
    child.on("error", (error) => reject(new Error(`${program} cannot be started: ${error.message}`)));
    child.on("close", (code) => {
      if (code === 0) resolve(Buffer.concat(out));
      else reject(new Error(`${program} ${args.join(" ")} ended with ${code}: ${err.trim()}`));
    });
    // A program that ends early breaks the pipe; its exit code says why.
    child.stdin.on("error", () => {});
    child.stdin.end(input ?? undefined);
  });
}

export const ffmpeg = (args, input) => run("ffmpeg", ["-v", "error", "-y", ...args], input);

/** Asks again until `probe` gives something true; fails with what it waited for. */
export async function until(what, probe, { timeoutMs = 30_000, everyMs = 100 } = {}) {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

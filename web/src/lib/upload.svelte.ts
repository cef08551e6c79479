/**
 * Uploads of the page, one after the other. They live outside the views, so that moving to the
 * library does not end them. They are sent by tus: what has arrived stays on the server, and the same
 * file goes on from there after an interruption of any kind.
 */

import { Upload as Transfer } from "tus-js-client";
import { ApiError, type Asset, createPackage, getAsset, getUpload, type Package, type PackageRequest, problem, unreachable } from "./api";

export type Phase = "sending" | "waiting" | "checking" | "packaging";

export interface Outcome {
  asset: Asset;
  pack: Package;
}

/** An upload that the person stopped; no failure. */
export class Stopped extends Error {}

/** What is sent again when a request is broken off. */
const CHUNK_BYTES = 8 * 1024 * 1024;
/** Pauses before further attempts; the count begins anew with every piece that arrives. */
const RETRY_MS = [0, 500, 1000, 2000, 4000, 8000, 8000, 8000, 8000, 8000, 8000, 8000, 8000];
/** How often the server is asked whether it has looked at a file. */
const LOOK_AGAIN_MS = 500;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

class Uploads {
  /** The file on its way, or null. */
  file = $state<File | null>(null);
  phase = $state<Phase>("sending");
  /** 0.0 to 1.0 of the bytes of this file. */
  sent = $state(0);
  /** Whether the server has all bytes, so that the page may be closed. */
  safe = $state(false);
  /** Bytes that an earlier attempt had sent already. */
  resumed = $state(0);
  secondsLeft = $state<number | null>(null);
  /** Position of this file among those dropped together, from 1. */
  position = $state(1);
  total = $state(1);

  #stop: (() => void) | null = null;

  get active(): boolean {
    return this.file !== null;
  }

  /** Uploads each file and asks for its package. Stops at the first failure. */
  async run(files: File[], options: PackageRequest): Promise<Outcome[]> {
    const outcomes: Outcome[] = [];
    addEventListener("beforeunload", this.#warn);
    this.total = files.length;
    try {
      for (const [index, file] of files.entries()) {
        this.position = index + 1;
        this.sent = 0;
        this.resumed = 0;
        this.safe = false;
        this.secondsLeft = null;
        this.phase = "sending";
        this.file = file;
        const asset = await this.#upload(file);
        this.phase = "packaging";
        outcomes.push({ asset, pack: await createPackage(asset.id, options) });
      }
    } finally {
      removeEventListener("beforeunload", this.#warn);
      this.file = null;
      this.#stop = null;
    }
    return outcomes;
  }

  stop(): void {
    this.#stop?.();
  }

  /** Leaving asks first as long as bytes are missing, or other files wait. */
  #warn = (event: BeforeUnloadEvent): void => {
    if (!this.safe || this.position < this.total) event.preventDefault();
  };

  async #upload(file: File): Promise<Asset> {
    const url = await this.#send(file);
    this.sent = 1;
    this.safe = true;
    this.phase = "checking";
    const id = url.slice(url.lastIndexOf("/") + 1);
    for (;;) {
      const upload = await getUpload(id);
      if (upload.asset_id !== null) return await getAsset(upload.asset_id);
      if (upload.error !== null) throw new ApiError(422, "unusable_media", upload.error);
      await pause(LOOK_AGAIN_MS);
    }
  }

  /** Sends what the server does not have; returns the address of the upload. */
  #send(file: File): Promise<string> {
    return new Promise((resolve, reject) => {
      let started = performance.now();
      let from = 0;
      const transfer = new Transfer(file, {
        endpoint: "/api/v1/uploads",
        chunkSize: CHUNK_BYTES,
        retryDelays: RETRY_MS,
        metadata: { filename: file.name, filetype: file.type },
        removeFingerprintOnSuccess: true,
        onShouldRetry: (error) => {
          const status = error.originalResponse?.getStatus() ?? 0;
          const passing = status === 0 || status >= 500 || [408, 409, 423, 429, 460].includes(status);
          if (passing) this.phase = "waiting";
          return passing;
        },
        onProgress: (sent, total) => {
          if (total === 0) return;
          if (this.phase === "waiting") {
            this.phase = "sending";
            [started, from] = [performance.now(), sent];
          }
          this.sent = sent / total;
          const seconds = (performance.now() - started) / 1000;
          // The first second says little about the rate.
          this.secondsLeft = seconds < 1 || sent <= from ? null : (seconds * (total - sent)) / (sent - from);
        },
        onSuccess: () => resolve(transfer.url ?? ""),
        onError: (error) => {
          const answer = "originalResponse" in error ? error.originalResponse : null;
          reject(answer ? problem(answer.getStatus(), answer.getBody()) : unreachable());
        },
      });
      this.#stop = () => {
        // What has arrived goes too: the person does not want it.
        void transfer.abort(true).catch(() => undefined);
        reject(new Stopped("The upload was stopped."));
      };
      void transfer.findPreviousUploads().then((earlier) => {
        const last = earlier.at(-1);
        if (last) {
          transfer.resumeFromPreviousUpload(last);
          transfer.options.onChunkComplete = (size, accepted) => {
            if (this.resumed === 0) this.resumed = accepted - size;
          };
        }
        transfer.start();
      });
    });
  }
}

export const uploads = new Uploads();

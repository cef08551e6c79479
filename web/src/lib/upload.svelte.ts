/**
 * Uploads of the page, one after the other. They live outside the views, so that moving to the
 * library does not end them.
 */

import { type Asset, createPackage, type Package, type PackageRequest, problem, unreachable } from "./api";

export type Phase = "sending" | "checking" | "packaging";

export interface Outcome {
  asset: Asset;
  pack: Package;
}

/** An upload that the person stopped; no failure. */
export class Stopped extends Error {}

class Uploads {
  /** The file on its way, or null. */
  file = $state<File | null>(null);
  phase = $state<Phase>("sending");
  /** 0.0 to 1.0 of the bytes of this file. */
  sent = $state(0);
  secondsLeft = $state<number | null>(null);
  /** Position of this file among those dropped together, from 1. */
  position = $state(1);
  total = $state(1);

  #request: XMLHttpRequest | null = null;

  get active(): boolean {
    return this.file !== null;
  }

  /** Uploads each file and asks for its package. Stops at the first failure. */
  async run(files: File[], options: PackageRequest): Promise<Outcome[]> {
    const outcomes: Outcome[] = [];
    addEventListener("beforeunload", warn);
    this.total = files.length;
    try {
      for (const [index, file] of files.entries()) {
        this.position = index + 1;
        this.sent = 0;
        this.secondsLeft = null;
        this.phase = "sending";
        this.file = file;
        const asset = await this.#send(file);
        this.phase = "packaging";
        outcomes.push({ asset, pack: await createPackage(asset.id, options) });
      }
    } finally {
      removeEventListener("beforeunload", warn);
      this.file = null;
      this.#request = null;
    }
    return outcomes;
  }

  stop(): void {
    this.#request?.abort();
  }

  #send(file: File): Promise<Asset> {
    const form = new FormData();
    form.append("file", file, file.name);
    const request = new XMLHttpRequest();
    this.#request = request;
    const started = performance.now();
    return new Promise((resolve, reject) => {
      request.upload.addEventListener("progress", (event) => {
        if (!event.lengthComputable || event.total === 0) return;
        this.sent = event.loaded / event.total;
        const seconds = (performance.now() - started) / 1000;
        // The first second says little about the rate.
        this.secondsLeft = seconds < 1 ? null : (seconds * (1 - this.sent)) / this.sent;
      });
      request.upload.addEventListener("load", () => {
        this.sent = 1;
        this.phase = "checking";
      });
      request.addEventListener("load", () => {
        if (request.status !== 201) {
          reject(problem(request.status, request.responseText));
          return;
        }
        try {
          resolve(JSON.parse(request.responseText) as Asset);
        } catch {
          reject(problem(request.status, request.responseText));
        }
      });
      request.addEventListener("error", () => reject(unreachable()));
      request.addEventListener("abort", () => reject(new Stopped("The upload was stopped.")));
      request.open("POST", "/api/v1/assets");
      request.setRequestHeader("accept", "application/json");
      request.send(form);
    });
  }
}

function warn(event: BeforeUnloadEvent): void {
  event.preventDefault();
}

export const uploads = new Uploads();

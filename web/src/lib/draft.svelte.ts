/** The options of a package while a person fills them in. Out: a request, or the field to correct. */

import { type EncryptScope, type Extra, EXTRAS, type PackageRequest, type Scheme } from "./api";
import { readKeyPair } from "./keys";

export type DraftField = "kid" | "key" | "segment_duration";

export type Draft =
  | { ok: true; request: PackageRequest }
  | { ok: false; field: DraftField; reason: string };

/** Bounds of the form, in seconds; the server has its own. */
export const SEGMENT_SECONDS = { least: 1, most: 60, usual: 4 };

export class PackageDraft {
  scheme = $state<Scheme>("cbcs");
  encrypt = $state<EncryptScope>("all");
  kid = $state("");
  key = $state("");
  segmentSeconds = $state<number | null>(SEGMENT_SECONDS.usual);
  extras = $state<Extra[]>([]);
  problem = $state<{ field: DraftField; reason: string } | null>(null);

  /** Checks everything; a mistake is kept in `problem` for the form to show. */
  read(): Draft {
    const draft = this.#read();
    this.problem = draft.ok ? null : { field: draft.field, reason: draft.reason };
    return draft;
  }

  #read(): Draft {
    const request: PackageRequest = { scheme: this.scheme };
    const seconds = this.segmentSeconds ?? SEGMENT_SECONDS.usual;
    if (!(seconds >= SEGMENT_SECONDS.least && seconds <= SEGMENT_SECONDS.most)) {
      const { least, most } = SEGMENT_SECONDS;
      const reason = `The segments must last ${least} to ${most} seconds.`;
      return { ok: false, field: "segment_duration", reason };
    }
    request.segment_duration = seconds;
    if (this.extras.length > 0) request.extras = EXTRAS.filter((extra) => this.extras.includes(extra));
    if (this.scheme === "none") return { ok: true, request };
    request.encrypt = this.encrypt;
    const pair = readKeyPair(this.kid, this.key);
    if (pair.kind === "invalid") return { ok: false, field: pair.field, reason: pair.reason };
    if (pair.kind === "pair") {
      request.kid = pair.kid;
      request.key = pair.key;
    }
    return { ok: true, request };
  }
}

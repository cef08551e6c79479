/** The state of a package in words. In: a package of the API. Out: labels and steps. */

import { type Package, type PackageStatus } from "./api";
import { percent } from "./format";

export type Tone = "waiting" | "busy" | "good" | "bad" | "quiet";

export interface StateText {
  label: string;
  tone: Tone;
}

/** The statuses that a package goes through, in order, and what each means. */
export const STEPS: readonly { status: PackageStatus; meaning: string }[] = [
  { status: "Ingested", meaning: "stored and probed" },
  { status: "Fragmented", meaning: "the plan is fixed" },
  { status: "Encrypted", meaning: "all media written" },
  { status: "Ready", meaning: "published" },
];

/** How many of the `STEPS` are done: 0 of a package whose status is none of them. */
export function stepsDone(pack: Package): number {
  return STEPS.findIndex((step) => step.status === pack.status) + 1;
}

/** One word or two; the same text for the same state, so that changes can be announced. */
export function stateText(pack: Package): StateText {
  if (pack.status === "Ready") return { label: "Ready", tone: "good" };
  if (pack.job.state === "cancelled") return { label: "Cancelled", tone: "quiet" };
  if (pack.status === "Failed" || ["failed", "dead"].includes(pack.job.state)) {
    return { label: "Failed", tone: "bad" };
  }
  if (pack.job.state === "paused") return { label: "Paused", tone: "quiet" };
  if (pack.job.state === "waiting") return { label: "Converting", tone: "busy" };
  if (pack.job.state === "queued") return { label: "Queued", tone: "waiting" };
  return { label: pack.status, tone: "busy" };
}

/** The state with its progress, for the eye. */
export function progressText(pack: Package): string {
  const { label } = stateText(pack);
  return ["running", "waiting"].includes(pack.job.state)
    ? `${label}, ${percent(pack.job.progress)}`
    : label;
}

/** `cbcs, all tracks`; `not encrypted`. */
export function protectionText(pack: Pick<Package, "scheme" | "encrypt">): string {
  if (pack.scheme === "none") return "not encrypted";
  return `${pack.scheme}, ${pack.encrypt === "all" ? "all tracks" : "picture only"}`;
}

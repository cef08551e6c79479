/** What a person can do about an error. In: an error. Out: what happened and the next step. */

import { ApiError } from "./api";

export interface Advice {
  what: string;
  next: string;
}

const NEXT_BY_STATUS: Record<number, string> = {
  0: "Check that Reelpack is running and reachable, then try again.",
  400: "Correct it and try again.",
  401: "Try again.",
  403: "Ask an administrator of this server.",
  404: "It may have been deleted. The library shows what is there.",
  409: "Wait until its job has ended, or cancel the job first, then try again.",
  413: "Use a smaller file, or let the server's operator raise the limit.",
  415: "Use a video file: MP4, MOV, MKV, WebM, MPEG-TS or AVI.",
  422: "Use a video that plays to its end: MP4, MOV, MKV, WebM, MPEG-TS, AVI and others are taken.",
  429: "Wait a moment, then try again.",
  507: "Delete what is no longer needed, then try again.",
};

/** Sorts an error of any kind into a sentence that says what and one that says what to do. */
export function advice(error: unknown): Advice {
  if (error instanceof ApiError) {
    const next =
      NEXT_BY_STATUS[error.status] ??
      (error.status >= 500
        ? "This is a fault of the server; its log says more. Try again later."
        : "Try again.");
    return { what: sentence(error.message), next };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { what: sentence(message), next: "Reload the page and try again." };
}

/** Begins with a capital letter, unless with the path of a box or the like, and ends with a full stop. */
export function sentence(text: string): string {
  const trimmed = text.trim();
  const capital = /^[a-z]+[\s,]/.test(trimmed)
    ? trimmed.charAt(0).toUpperCase() + trimmed.slice(1)
    : trimmed;
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}

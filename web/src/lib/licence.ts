/** Content keys from the licence server, in the W3C EME ClearKey JSON. */

import { ApiError, problem, unreachable } from "./api";
import { parse16, toBase64Url, toHex } from "./keys";

const LICENCE_PATH = "/license/clearkey";

/** KID to key, both in hex: the form of Shaka Player's `drm.clearKeys`. */
export type ClearKeys = Record<string, string>;

/** Asks for the content key of `kid` (any form of it), with a playback token where one is wanted. */
export async function fetchClearKeys(kid: string, token: string | null = null): Promise<ClearKeys> {
  const parsed = parse16(kid);
  if (!parsed.ok) throw new ApiError(0, "kid", `The KID of this package ${parsed.reason}.`);
  const request = { kids: [toBase64Url(parsed.bytes)], type: "temporary" };
  let response: Response;
  let body: string;
  try {
    const query = token === null ? "" : `?token=${encodeURIComponent(token)}`;
    response = await fetch(LICENCE_PATH + query, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(request),
      cache: "no-store",
    });
    body = await response.text();
  } catch {
    throw unreachable();
  }
  if (!response.ok) throw problem(response.status, body);
  return readLicence(body);
}

/** Reads a ClearKey licence; the message of an error never holds a part of it. */
export function readLicence(body: string): ClearKeys {
  const malformed = () => new ApiError(0, "licence", "The licence is malformed.");
  let document: { keys?: unknown };
  try {
    document = JSON.parse(body) as { keys?: unknown };
  } catch {
    throw malformed();
  }
  if (!Array.isArray(document?.keys)) throw malformed();
  const keys: ClearKeys = {};
  for (const entry of document.keys as { kid?: unknown; k?: unknown }[]) {
    const kid = parse16(String(entry.kid));
    const key = parse16(String(entry.k));
    if (!kid.ok || !key.ok) throw malformed();
    keys[toHex(kid.bytes)] = toHex(key.bytes);
  }
  return keys;
}

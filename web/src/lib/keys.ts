/**
 * Content keys and key ids in the forms in which people write them. In: text. Out: 16 bytes, or
 * why not. The same rules as `packager::ContentKey`. No message repeats the text: it may be secret.
 */

const LENGTH = 16;

export type KeyText = { ok: true; bytes: Uint8Array } | { ok: false; reason: string };

/** Reads 32 hex digits, a UUID, or base64 of 16 bytes in either alphabet, padded or not. */
export function parse16(text: string): KeyText {
  const trimmed = text.trim();
  if (trimmed === "") return { ok: false, reason: "is empty" };
  const bytes = decode(trimmed);
  if (bytes === null) {
    return {
      ok: false,
      reason: "is neither 32 hex digits, nor a UUID, nor base64 of 16 bytes",
    };
  }
  if (bytes.length !== LENGTH) {
    return { ok: false, reason: `is ${bytes.length} bytes long where ${LENGTH} are needed` };
  }
  return { ok: true, bytes };
}

/** Lower-case hex, as Shaka Player's `drm.clearKeys` wants it. */
export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Base64url without padding, as the W3C EME ClearKey messages want it. */
export function toBase64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

/** A KID and a key as typed into two fields. Both empty is no key; one alone is a mistake. */
export type KeyPair =
  | { kind: "none" }
  | { kind: "pair"; kid: string; key: string }
  | { kind: "invalid"; field: "kid" | "key"; reason: string };

/** Reads the two fields; `kid` and `key` of a pair are 32 lower-case hex digits. */
export function readKeyPair(kidText: string, keyText: string): KeyPair {
  const kidGiven = kidText.trim() !== "";
  const keyGiven = keyText.trim() !== "";
  if (!kidGiven && !keyGiven) return { kind: "none" };
  if (!kidGiven) return { kind: "invalid", field: "kid", reason: "The KID is missing: a key needs both." };
  if (!keyGiven) return { kind: "invalid", field: "key", reason: "The key is missing: a KID needs both." };
  const kid = parse16(kidText);
  if (!kid.ok) return { kind: "invalid", field: "kid", reason: `The KID ${kid.reason}.` };
  const key = parse16(keyText);
  if (!key.ok) return { kind: "invalid", field: "key", reason: `The key ${key.reason}.` };
  return { kind: "pair", kid: toHex(kid.bytes), key: toHex(key.bytes) };
}

function decode(text: string): Uint8Array | null {
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)) {
    return decodeHex(text.replaceAll("-", ""));
  }
  // A text of hex digits alone is hex: 16 bytes are 22 or 24 characters of base64, 32 of hex.
  const base64Length = text.length === 22 || text.length === 24;
  if (/^[0-9a-f]+$/i.test(text) && !base64Length && text.length % 2 === 0) return decodeHex(text);
  return decodeBase64(text);
}

function decodeHex(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length / 2);
  for (let at = 0; at < bytes.length; at += 1) {
    bytes[at] = Number.parseInt(text.slice(at * 2, at * 2 + 2), 16);
  }
  return bytes;
}

function decodeBase64(text: string): Uint8Array | null {
  const unpadded = text.replace(/={1,2}$/, "").replaceAll("-", "+").replaceAll("_", "/");
  if (!/^[A-Za-z0-9+/]+$/.test(unpadded) || unpadded.length % 4 === 1) return null;
  const bytes = Uint8Array.from(atob(unpadded), (char) => char.charCodeAt(0));
  // `atob` forgives set bits after the last byte; such a text is a typing mistake.
  const again = btoa(String.fromCharCode(...bytes)).replaceAll("=", "");
  return again === unpadded ? bytes : null;
}

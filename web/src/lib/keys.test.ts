import { describe, expect, it } from "vitest";
import { parse16, readKeyPair, toBase64Url, toHex } from "./keys";

const HEX = "a16e402b9056e371f36d348aa62bb749";

function check(text: string, expected: string): void {
  const result = parse16(text);
  expect(result.ok ? toHex(result.bytes) : result.reason).toBe(expected);
}

describe("parse16", () => {
  it("reads every form of the same 16 bytes", () => {
    for (const text of [
      HEX,
      HEX.toUpperCase(),
      "a16e402b-9056-e371-f36d-348aa62bb749",
      "A16E402B-9056-E371-F36D-348AA62BB749",
      "oW5AK5BW43HzbTSKpiu3SQ",
      "oW5AK5BW43HzbTSKpiu3SQ==",
      "oW5AK5BW43HzbTSKpiu3SQ=",
      ` ${HEX}\n`,
    ]) {
      check(text, HEX);
    }
  });

  it("reads both alphabets of base64", () => {
    const bytes = "fbfffefbfffefbfffefbfffefbfffefb";
    check("+//++//++//++//++//++w==", bytes);
    check("-__--__--__--__--__--w", bytes);
    check("+//++//++//++//++//++w", bytes);
  });

  it("takes 22 hex digits for base64, as 11 bytes are no key", () => {
    check("AAAAAAAAAAAAAAAAAAAAAA", "0".repeat(32));
  });

  it("refuses other lengths and says which", () => {
    check("a16e", "is 2 bytes long where 16 are needed");
    check(`${HEX}00`, "is 17 bytes long where 16 are needed");
    check("AAAA", "is 2 bytes long where 16 are needed");
    check("zzzz", "is 3 bytes long where 16 are needed");
    check("", "is empty");
    check("   ", "is empty");
  });

  it("refuses what is in no form", () => {
    const form = "is neither 32 hex digits, nor a UUID, nor base64 of 16 bytes";
    for (const text of [
      "oW5AK5BW43HzbTSKpiu3S",
      "oW5AK5BW43HzbTSKpiu3SR",
      "oW5A K5BW43HzbTSKpiu3SQ",
      "oW5AK5BW43HzbTSKpiu3SQ===",
      "a16e402b-9056-e371-f36d348aa62bb749",
      `${HEX.slice(0, 31)}g!`,
      "é".repeat(16),
    ]) {
      check(text, form);
    }
  });

  it("never repeats the text in a reason", () => {
    const secret = "not-a-key-but-secret!";
    const result = parse16(secret);
    expect(JSON.stringify(result)).not.toContain(secret);
  });
});

describe("toBase64Url", () => {
  it("has neither padding nor the standard alphabet", () => {
    const parsed = parse16("+//++//++//++//++//++w==");
    expect(parsed.ok && toBase64Url(parsed.bytes)).toBe("-__--__--__--__--__--w");
  });
});

describe("readKeyPair", () => {
  it("reads none, a pair, and each mistake", () => {
    expect(readKeyPair("", " ")).toEqual({ kind: "none" });
    expect(readKeyPair("oW5AK5BW43HzbTSKpiu3SQ", "hyN9IKGfWKdAwFaE5pm0qg")).toEqual({
      kind: "pair",
      kid: HEX,
      key: "87237d20a19f58a740c05684e699b4aa",
    });
    expect(readKeyPair("", HEX)).toMatchObject({ kind: "invalid", field: "kid" });
    expect(readKeyPair(HEX, "")).toMatchObject({ kind: "invalid", field: "key" });
    expect(readKeyPair("abcd", HEX)).toMatchObject({
      kind: "invalid",
      field: "kid",
      reason: "The KID is 2 bytes long where 16 are needed.",
    });
    expect(readKeyPair(HEX, "?")).toMatchObject({ kind: "invalid", field: "key" });
  });
});

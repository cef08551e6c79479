import { describe, expect, it } from "vitest";
import { bitrate, bytes, count, dateTime, duration, language, percent, remaining } from "./format";

describe("format", () => {
  it.each([
    [0, "0 bytes"],
    [1, "1 byte"],
    [999, "999 bytes"],
    [1000, "1.0 kB"],
    [1536, "1.5 kB"],
    [9949, "9.9 kB"],
    [9950, "10 kB"],
    [999_499, "999 kB"],
    [999_500, "1.0 MB"],
    [615_000_000, "615 MB"],
    [5e15, "5000 TB"],
  ])("%d bytes", (value, expected) => expect(bytes(value)).toBe(expected));

  it.each([
    [0, "0:00"],
    [7.4, "0:07"],
    [59.6, "1:00"],
    [754, "12:34"],
    [3723, "1:02:03"],
    [-1, "0:00"],
  ])("%d seconds", (value, expected) => expect(duration(value)).toBe(expected));

  it.each([
    [2, "a few seconds"],
    [41, "40 seconds"],
    [170, "3 minutes"],
    [9000, "3 hours"],
  ])("%d seconds remaining", (value, expected) => expect(remaining(value)).toBe(expected));

  it("writes rates, shares and counts", () => {
    expect(bitrate(128_000)).toBe("128 kbit/s");
    expect(bitrate(999_500)).toBe("1.0 Mbit/s");
    expect(bitrate(2_540_000)).toBe("2.5 Mbit/s");
    expect(percent(0.999)).toBe("99 %");
    expect(percent(1)).toBe("100 %");
    expect(percent(-1)).toBe("0 %");
    expect(count(1, "package")).toBe("1 package");
    expect(count(0, "package")).toBe("0 packages");
  });

  it("leaves a text that is no date as it is", () => {
    expect(dateTime("soon")).toBe("soon");
    expect(dateTime("2026-11-25T22:05:00Z")).toMatch(/2026/);
  });

  it("names languages and survives bad tags", () => {
    expect(language("und")).toBeNull();
    expect(language(null)).toBeNull();
    expect(language("fr")).not.toBe("");
    expect(language("!!")).toBe("!!");
  });
});

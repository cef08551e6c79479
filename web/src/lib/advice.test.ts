import { describe, expect, it } from "vitest";
import { advice, sentence } from "./advice";
import { ApiError, problem } from "./api";

describe("advice", () => {
  it("keeps the server's reason and adds the next step", () => {
    const body = JSON.stringify({ title: "Unusable", detail: "moov ends at 0x1f3", code: "media" });
    expect(advice(problem(422, body))).toEqual({
      what: "Moov ends at 0x1f3.",
      next: expect.stringContaining("H.264"),
    });
  });

  it("has something to say about every status and any error", () => {
    for (const status of [0, 400, 401, 404, 409, 413, 422, 500, 503]) {
      const { what, next } = advice(new ApiError(status, "", "broken"));
      expect(what).toBe("Broken.");
      expect(next).not.toBe("");
    }
    expect(advice("odd").what).toBe("Odd.");
    expect(advice(problem(502, "<html>bad gateway")).what).toContain("502");
  });

  it("ends sentences once", () => {
    expect(sentence("done.")).toBe("Done.");
    expect(sentence(" what? ")).toBe("What?");
  });
});

import { describe, expect, it } from "vitest";
import { advice, sentence } from "./advice";
import { ApiError, problem } from "./api";

describe("advice", () => {
  it("keeps the server's reason and adds the next step", () => {
    const body = JSON.stringify({ title: "Unusable", detail: "moov/trak[1] at 0x1f3: too long", code: "media" });
    expect(advice(problem(422, body))).toEqual({
      what: "moov/trak[1] at 0x1f3: too long.",
      next: expect.stringContaining("WebM"),
    });
  });

  it("has something to say about every status and any error", () => {
    for (const status of [0, 400, 401, 404, 409, 413, 422, 500, 503]) {
      const { what, next } = advice(new ApiError(status, "", "it is broken"));
      expect(what).toBe("It is broken.");
      expect(next).not.toBe("");
    }
    expect(advice("odd thing").what).toBe("Odd thing.");
    expect(advice(problem(502, "<html>bad gateway")).what).toContain("502");
  });

  it("ends sentences once", () => {
    expect(sentence("all done.")).toBe("All done.");
    expect(sentence(" what now? ")).toBe("What now?");
  });
});

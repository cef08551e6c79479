import { describe, expect, it } from "vitest";
import type { JobState, Package, PackageStatus } from "./api";
import { progressText, protectionText, stateText, stepsDone } from "./state";

function pack(status: PackageStatus, state: JobState, progress = 0): Package {
  return {
    id: "pkg_1",
    packaged_content_id: 1,
    asset_id: "ast_1",
    status,
    error: null,
    scheme: "cbcs",
    encrypt: "all",
    kid: null,
    segment_duration: 4,
    dash_url: null,
    hls_url: null,
    extras: [],
    poster_url: null,
    storyboard_url: null,
    preview_url: null,
    chapters_url: null,
    size: null,
    renditions: [],
    warnings: [],
    job: {
      id: "job_1",
      kind: "package",
      package_id: "pkg_1",
      asset_id: "ast_1",
      state,
      progress,
      attempts: 1,
      error: null,
      created_at: "",
      started_at: null,
      finished_at: null,
    },
    created_at: "",
    updated_at: "",
    ready_at: null,
  };
}

describe("state", () => {
  it.each([
    ["Ingested", "queued", 0, "Queued", 1],
    ["Ingested", "running", 0, "Ingested, 0 %", 1],
    ["Ingested", "waiting", 0.3, "Converting, 30 %", 1],
    ["Fragmented", "running", 0.437, "Fragmented, 43 %", 2],
    ["Encrypted", "running", 1, "Encrypted, 100 %", 3],
    ["Ready", "done", 1, "Ready", 4],
    ["Failed", "failed", 0.5, "Failed", 0],
    ["Fragmented", "cancelled", 0.5, "Cancelled", 2],
    ["Failed", "cancelled", 0.5, "Cancelled", 0],
    ["Fragmented", "paused", 0.5, "Paused", 2],
    ["Failed", "dead", 0.5, "Failed", 0],
  ] as const)("%s, %s, %d is %s", (status, state, progress, text, steps) => {
    expect(progressText(pack(status, state, progress))).toBe(text);
    expect(stepsDone(pack(status, state, progress))).toBe(steps);
  });

  it("announces the same text while only the progress changes", () => {
    const before = stateText(pack("Fragmented", "running", 0.1));
    expect(stateText(pack("Fragmented", "running", 0.9))).toEqual(before);
  });

  it("says what is encrypted", () => {
    expect(protectionText({ scheme: "cbcs", encrypt: "all" })).toBe("cbcs, all tracks");
    expect(protectionText({ scheme: "cenc", encrypt: "video" })).toBe("cenc, picture only");
    expect(protectionText({ scheme: "none", encrypt: "all" })).toBe("not encrypted");
  });
});

import { afterEach, describe, expect, it, vi } from "vitest";
import type { Package } from "./api";
import { wayTo } from "./playback";

const pack = {
  id: "pkg_1",
  asset_id: "ast_1",
  dash_url: "http://host/videos/C/dash/stream.mpd",
  hls_url: "http://host/videos/C/dash/master.m3u8",
} as Package;

/** Answers requests by their paths; keeps what was asked. */
function answering(answers: Record<string, unknown>): string[] {
  const asked: string[] = [];
  vi.stubGlobal("fetch", (path: string) => {
    asked.push(path);
    const found = answers[path];
    if (found === undefined) return Promise.resolve(new Response('{"detail":"no","code":"missing_scope"}', { status: 403 }));
    return Promise.resolve(new Response(typeof found === "string" ? found : JSON.stringify(found)));
  });
  return asked;
}

afterEach(() => vi.unstubAllGlobals());

describe("wayTo", () => {
  it("asks for no tokens where playback is public", async () => {
    const asked = answering({ "/api/v1/assets/ast_1/playback": { policy: "public" } });
    expect(await wayTo(pack)).toEqual({ dash: pack.dash_url, hls: pack.hls_url, licenceToken: null });
    expect(asked).toHaveLength(1);
  });

  it("plays by tokens where it is signed, and opens the folder for what lies beside", async () => {
    const signed = (url: string | null) => `${url}?token=m&license_token=l`;
    const asked = answering({
      "/api/v1/assets/ast_1/playback": { policy: "signed" },
      "/api/v1/assets/ast_1/playback_tokens": {
        license_token: "l",
        packages: [
          { id: "pkg_0", dash_url: "x", hls_url: "x" },
          { id: "pkg_1", dash_url: signed(pack.dash_url), hls_url: signed(pack.hls_url) },
        ],
      },
      "/videos/C/dash/stream.mpd?token=m&license_token=l&cookie=1": "<MPD/>",
    });
    expect(await wayTo(pack)).toEqual({
      dash: signed(pack.dash_url),
      hls: signed(pack.hls_url),
      licenceToken: "l",
    });
    expect(asked).toHaveLength(3);
  });

  it("says why there are no tokens", async () => {
    answering({ "/api/v1/assets/ast_1/playback": { policy: "signed" } });
    await expect(wayTo(pack)).rejects.toMatchObject({ status: 403, code: "missing_scope" });
  });
});

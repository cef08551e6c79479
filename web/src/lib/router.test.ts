import { describe, expect, it, vi } from "vitest";

vi.stubGlobal("location", { pathname: "/" });
const { parseRoute } = await import("./router.svelte");

describe("parseRoute", () => {
  it.each([
    ["/", { view: "home" }],
    ["/library", { view: "library" }],
    ["/library/", { view: "library" }],
    ["/player", { view: "player" }],
    ["/tokens", { view: "tokens" }],
    ["/webhooks", { view: "webhooks" }],
    ["/setup", { view: "setup" }],
    ["/assets/ast_1", { view: "asset", id: "ast_1" }],
    ["/assets/a%2Fb", { view: "asset", id: "a/b" }],
    ["/assets/%", { view: "unknown" }],
    ["/assets", { view: "unknown" }],
    ["/videos/", { view: "unknown" }],
    ["/api/v1/docs", { view: "unknown" }],
  ])("%s", (path, expected) => expect(parseRoute(path)).toEqual(expected));
});

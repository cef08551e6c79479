import { describe, expect, it } from "vitest";
import { ApiError, unreachable } from "./api";
import { standing } from "./session.svelte";

describe("standing", () => {
  it.each([
    [null, "in"],
    [new ApiError(401, "unauthorized", ""), "out"],
    [new ApiError(401, "not_set_up", ""), "unset"],
    [new ApiError(503, "database_away", ""), "away"],
    [unreachable(), "away"],
    [new Error("x"), "away"],
  ])("%s", (error, expected) => expect(standing(error)).toBe(expected));
});

import { describe, expect, it } from "vitest";
import { type Delivery, type Webhook, condition, outcome } from "./webhooks";

const webhook: Webhook = {
  id: "whk_1",
  url: "https://hooks.example/",
  events: [],
  description: "",
  enabled: true,
  disabled_reason: null,
  failing_since: null,
};

const delivery: Delivery = {
  id: "whd_1",
  event_id: "evt_1",
  type: "package.ready",
  state: "pending",
  attempts: 0,
  next_attempt_at: "2026-11-26T16:40:00Z",
  attempted_at: null,
  duration_ms: null,
  answer_status: null,
  answer: null,
  failure: null,
  created_at: "2026-11-26T16:40:00Z",
};

describe("condition", () => {
  it.each([
    [{}, "works"],
    [{ enabled: false }, "disabled"],
    [{ enabled: false, disabled_reason: "it failed for too long" }, "disabled: it failed for too long"],
  ])("%o", (change, expected) => expect(condition({ ...webhook, ...change })).toBe(expected));
  it("says since when it fails", () =>
    expect(condition({ ...webhook, failing_since: "2026-11-26T16:40:00Z" })).toMatch(/^fails since .*2026/));
});

describe("outcome", () => {
  it.each([
    [{}, "not attempted yet"],
    [
      { state: "delivered" as const, attempts: 1, answer_status: 204, next_attempt_at: null },
      "delivered, answered with 204 (1 attempt)",
    ],
    [
      { state: "failed" as const, attempts: 10, failure: "the answer is 500", next_attempt_at: null },
      "given up: the answer is 500 (10 attempts)",
    ],
  ])("%o", (change, expected) => expect(outcome({ ...delivery, ...change })).toBe(expected));
  it("says when it is attempted again", () =>
    expect(outcome({ ...delivery, attempts: 2, failure: "no answer within 20 s" })).toMatch(
      /^no answer within 20 s \(2 attempts\); next .*2026/,
    ));
});

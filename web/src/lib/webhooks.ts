/** Webhooks as the page shows them: wire shapes, one function a call, and what a delivery is in words. */

import { at, call } from "./api";

export interface Webhook {
  id: string;
  url: string;
  /** Types of events; none: all. */
  events: string[];
  description: string;
  enabled: boolean;
  disabled_reason: string | null;
  failing_since: string | null;
}

export interface Delivery {
  id: string;
  event_id: string;
  type: string;
  state: "pending" | "delivered" | "failed";
  attempts: number;
  next_attempt_at: string | null;
  attempted_at: string | null;
  duration_ms: number | null;
  answer_status: number | null;
  answer: string | null;
  failure: string | null;
  created_at: string;
}

/** What a webhook may be told. */
export const EVENTS = [
  "asset.created",
  "asset.updated",
  "asset.deleted",
  "package.ordered",
  "package.ready",
  "package.failed",
  "package.deleted",
  "job.retried",
  "webhook.disabled",
] as const;

export const listWebhooks = (signal?: AbortSignal) =>
  call<{ data: Webhook[] }>("GET", "/api/v1/webhooks", undefined, signal);
export const createWebhook = (request: { url: string; events: string[] }) =>
  call<Webhook & { secret: string }>("POST", "/api/v1/webhooks", request);
export const deleteWebhook = (id: string) => call<void>("DELETE", at("webhooks", id));
export const enableWebhook = (id: string, enabled: boolean) =>
  call<Webhook>("PATCH", at("webhooks", id), { enabled });
export const rotateWebhook = (id: string) => call<Webhook & { secret: string }>("POST", `${at("webhooks", id)}/rotate`);
export const testWebhook = (id: string) => call<Delivery>("POST", `${at("webhooks", id)}/test`);
export const listDeliveries = (id: string, signal?: AbortSignal) =>
  call<{ data: Delivery[] }>("GET", `${at("webhooks", id)}/deliveries?limit=20`, undefined, signal);
export const resendDelivery = (id: string, delivery: string) =>
  call<Delivery>("POST", `${at("webhooks", id)}/deliveries/${encodeURIComponent(delivery)}/resend`);

/** How a webhook is. */
export function condition(webhook: Webhook): string {
  if (!webhook.enabled) return webhook.disabled_reason ? `disabled: ${webhook.disabled_reason}` : "disabled";
  return webhook.failing_since ? `fails since ${new Date(webhook.failing_since).toLocaleString()}` : "works";
}

/** What came of a delivery, in words. */
export function outcome(delivery: Delivery): string {
  const tries = `${delivery.attempts} ${delivery.attempts === 1 ? "attempt" : "attempts"}`;
  if (delivery.state === "delivered") return `delivered, answered with ${delivery.answer_status} (${tries})`;
  const why = delivery.failure ?? "not attempted yet";
  if (delivery.state === "failed") return `given up: ${why} (${tries})`;
  const next = delivery.next_attempt_at;
  return delivery.attempts === 0 || next === null ? why : `${why} (${tries}); next ${new Date(next).toLocaleString()}`;
}

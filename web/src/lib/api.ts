/** The HTTP API as the page uses it: wire shapes, one function a call, one kind of error. */

export type Scheme = "cbcs" | "cenc" | "none";
export type EncryptScope = "all" | "video";
export type PackageStatus = "Ingested" | "Fragmented" | "Encrypted" | "Ready" | "Failed";
export type JobState =
  | "queued"
  | "running"
  /** Other jobs make its parts: a file that is not MP4 is converted. */
  | "waiting"
  | "paused"
  | "done"
  | "failed"
  | "cancelled"
  | "dead";

export interface Track {
  id: number;
  kind: string;
  codec: string;
  language: string | null;
  packageable: boolean;
  reason: string | null;
  width: number | null;
  height: number | null;
  sample_rate: number | null;
  channels: number | null;
  bitrate: number | null;
  sample_count: number;
  start_seconds: number;
  duration_seconds: number;
}

export interface Job {
  id: string;
  kind: string;
  package_id: string;
  asset_id: string;
  state: JobState;
  /** 0.0 to 1.0 */
  progress: number;
  /** Null before it can be said, and when it has ended. */
  seconds_left: number | null;
  /** How far the rungs of a ladder are; empty without one. */
  rungs: { name: string; pictures: number; pictures_done: number }[];
  attempts: number;
  error: string | null;
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
}

export interface Rendition {
  name: string;
  codec: string;
  segments: number;
  encrypted: boolean;
}

export interface Package {
  id: string;
  packaged_content_id: number;
  asset_id: string;
  status: PackageStatus;
  error: string | null;
  scheme: Scheme;
  encrypt: EncryptScope;
  kid: string | null;
  segment_duration: number;
  /** Null: the tracks of the source; `auto`, or the text of a profile. */
  ladder: string | null;
  /** What was decided about a ladder and why. */
  ladder_notes: string[];
  dash_url: string | null;
  hls_url: string | null;
  /** What was ordered for pages, in the clear. */
  extras: Extra[];
  poster_url: string | null;
  /** The index of the storyboard, WebVTT. */
  storyboard_url: string | null;
  preview_url: string | null;
  chapters_url: string | null;
  size: number | null;
  renditions: Rendition[];
  warnings: string[];
  job: Job;
  created_at: string;
  updated_at: string;
  ready_at: string | null;
}

export interface Asset {
  id: string;
  input_content_id: number;
  name: string;
  /** The client's own name for it. */
  external_id: string | null;
  metadata: Record<string, string>;
  size: number;
  container: string;
  brand: string | null;
  fragmented: boolean;
  duration_seconds: number;
  sha256: string;
  /** Id of the oldest other asset with the same bytes. */
  duplicate_of: string | null;
  created_at: string;
  updated_at: string;
  tracks: Track[];
  /** What is done with a file that is not packaged as it is. */
  conversion: { encodes: boolean; notes: string[] } | null;
  /** Newest first. */
  packages: Package[];
}

export interface Upload {
  id: string;
  kind: "tus" | "pull";
  name: string;
  state: "receiving" | "finishing" | "done" | "refused" | "failed" | "expired";
  /** Bytes that the server has. */
  offset: number;
  length: number | null;
  error: string | null;
  asset_id: string | null;
  duplicate_of: string | null;
  expires_at: string;
  created_at: string;
  updated_at: string;
}

export interface AssetPage {
  data: Asset[];
  next_cursor: string | null;
}

export const EXTRAS = ["poster", "storyboard", "preview", "chapters"] as const;
export type Extra = (typeof EXTRAS)[number];

export interface PackageRequest {
  extras?: Extra[];
  scheme?: Scheme;
  encrypt?: EncryptScope;
  kid?: string;
  key?: string;
  segment_duration?: number;
  /** `none`, `auto`, or the text of a profile. */
  ladder?: string;
}

/** An answer that is no success, or no answer at all (status 0). */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly field: string | null = null,
  ) {
    super(message);
    this.name = "ApiError";
  }
}

/** Turns a problem document (RFC 9457), or whatever came instead, into an error. */
export function problem(status: number, body: string): ApiError {
  try {
    const document = JSON.parse(body) as Record<string, unknown>;
    const text = (name: string) => (typeof document[name] === "string" ? document[name] : null);
    const message = text("detail") ?? text("title") ?? text("error");
    if (message !== null) return new ApiError(status, text("code") ?? "", message, text("field"));
  } catch {
    // Not JSON: a proxy in between, perhaps. The status is all there is to say.
  }
  return new ApiError(status, "", `The server answered with status ${status}.`);
}

export const unreachable = (): ApiError =>
  new ApiError(0, "unreachable", "The server does not answer.");

let unauthorized: (error: ApiError) => void = () => {};

/** Calls `listener` whenever the server wants a login. */
export function onUnauthorized(listener: (error: ApiError) => void): void {
  unauthorized = listener;
}

export async function call<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const request: RequestInit = { method, headers: { accept: "application/json" } };
  if (signal) request.signal = signal;
  if (body !== undefined) {
    request.headers = { ...request.headers, "content-type": "application/json" };
    request.body = JSON.stringify(body);
  }
  let response: Response;
  let text: string;
  try {
    response = await fetch(path, request);
    text = await response.text();
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw unreachable();
  }
  if (!response.ok) {
    const error = problem(response.status, text);
    if (error.status === 401) unauthorized(error);
    throw error;
  }
  return (text === "" ? undefined : JSON.parse(text)) as T;
}

export const at = (collection: string, id: string) => `/api/v1/${collection}/${encodeURIComponent(id)}`;

export const listAssets = (cursor: string | null, limit: number, signal?: AbortSignal) =>
  call<AssetPage>(
    "GET",
    `/api/v1/assets?limit=${limit}${cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`}`,
    undefined,
    signal,
  );
export const getAsset = (id: string, signal?: AbortSignal) =>
  call<Asset>("GET", at("assets", id), undefined, signal);
export const getUpload = (id: string, signal?: AbortSignal) =>
  call<Upload>("GET", at("uploads", id), undefined, signal);
export const deleteAsset = (id: string) => call<void>("DELETE", at("assets", id));
export const createPackage = (assetId: string, request: PackageRequest) =>
  call<Package>("POST", `${at("assets", assetId)}/packages`, request);
export const deletePackage = (id: string) => call<void>("DELETE", at("packages", id));
export const cancelJob = (id: string) => call<Job>("POST", `${at("jobs", id)}/cancel`);
export const pauseJob = (id: string) => call<Job>("POST", `${at("jobs", id)}/pause`);
export const resumeJob = (id: string) => call<Job>("POST", `${at("jobs", id)}/resume`);
export const retryJob = (id: string) => call<Job>("POST", `${at("jobs", id)}/retry`);

export interface Session {
  /** Whether nobody has to log in. */
  open: boolean;
  account: string | null;
  scopes: string[];
}

export const getSession = () => call<Session>("GET", "/api/v1/session");
export const logIn = (name: string, password: string) =>
  call<Session>("POST", "/api/v1/session", { name, password });
export const logOut = () => call<void>("DELETE", "/api/v1/session");
export const setUp = (token: string, name: string, password: string) =>
  call<Session>("POST", "/api/v1/setup", { set_up_token: token, name, password });

export interface ApiToken {
  id: string;
  name: string;
  scopes: string[];
  created_at: string;
  expires_at: string;
  revoked_at: string | null;
  last_used_at: string | null;
}

/** What a token may allow. */
export const SCOPES = [
  { word: "assets:read", what: "see assets, uploads and packages" },
  { word: "assets:write", what: "upload, package, replace, delete" },
  { word: "jobs:read", what: "see jobs and the queue" },
  { word: "jobs:write", what: "cancel, pause, resume, retry jobs" },
  { word: "keys:read", what: "read content keys in the clear" },
  { word: "playback:sign", what: "make playback tokens" },
  { word: "webhooks:read", what: "see webhooks and their deliveries" },
  { word: "webhooks:write", what: "make, change, test and delete webhooks" },
  { word: "admin", what: "make and revoke tokens" },
];

export const listTokens = (signal?: AbortSignal) =>
  call<{ data: ApiToken[] }>("GET", "/api/v1/tokens?limit=200", undefined, signal);
export const createToken = (request: { name: string; scopes: string[]; expires_in: number }) =>
  call<ApiToken & { secret: string }>("POST", "/api/v1/tokens", request);
export const revokeToken = (id: string) => call<void>("DELETE", at("tokens", id));

/** Whether a token opens anything at this moment. */
export const isValid = (token: ApiToken, now = Date.now()): boolean =>
  token.revoked_at === null && Date.parse(token.expires_at) > now;

/** Whether a worker still has something to do for this package, now or when it is resumed. */
export const isUnfinished = (pack: Package): boolean =>
  ["queued", "running", "waiting", "paused"].includes(pack.job.state);

/** How the page comes to play an asset: as any viewer, by short-lived tokens where its playback is signed. */

import { at, call, problem, type Package, unreachable } from "./api";

/** Long enough for a film with pauses; a player that is opened again gets another one. */
const TOKEN_SECONDS = 6 * 60 * 60;

/** Where a package plays. */
export interface Way {
  dash: string | null;
  hls: string | null;
  /** What the licence server wants to see; `null` where it wants nothing. */
  licenceToken: string | null;
}

interface Tokens {
  license_token: string;
  packages: { id: string; dash_url: string; hls_url: string }[];
}

/** Finds out how a package that is ready plays; gets tokens when it needs some. */
export async function wayTo(pack: Package, signal?: AbortSignal): Promise<Way> {
  const asset = at("assets", pack.asset_id);
  const { policy } = await call<{ policy: string }>("GET", `${asset}/playback`, undefined, signal);
  if (policy !== "signed") return { dash: pack.dash_url, hls: pack.hls_url, licenceToken: null };
  const request = { expires_in: TOKEN_SECONDS };
  const tokens = await call<Tokens>("POST", `${asset}/playback_tokens`, request, signal);
  const signed = tokens.packages.find(({ id }) => id === pack.id);
  if (signed === undefined) return { dash: null, hls: null, licenceToken: null };
  await openFolder(signed.dash_url, signal);
  return { dash: signed.dash_url, hls: signed.hls_url, licenceToken: tokens.license_token };
}

/** Lets this browser see the files beside the package: posters and storyboards carry no tokens on. */
async function openFolder(url: string, signal?: AbortSignal): Promise<void> {
  let response: Response;
  let body: string;
  try {
    // By its path: the address of the page is another name of this server, perhaps.
    const { pathname, search } = new URL(url);
    response = await fetch(`${pathname}${search}&cookie=1`, { cache: "no-store", signal: signal ?? null });
    body = await response.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw unreachable();
  }
  if (!response.ok) throw problem(response.status, body);
}

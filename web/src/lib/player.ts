/**
 * Shaka Player behind a small door. In: a manifest URL and, perhaps, content keys. Out: a picture
 * in a `<video>`, and errors as sentences.
 */

import type shakaTypes from "shaka-player/dist/shaka-player.compiled-es2021.js";
import type { ClearKeys } from "./licence";

type Shaka = typeof shakaTypes;

export interface Media {
  url: string;
  /** Keys to use instead of what the manifest says; null leaves everything to the manifest. */
  clearKeys: ClearKeys | null;
}

export interface AudioChoice {
  label: string;
  active: boolean;
  choose: () => void;
}

export interface Chapter {
  title: string;
  /** Seconds. */
  start: number;
}

/** A small picture within a larger one. */
export interface Tile {
  url: string;
  x: number;
  y: number;
  width: number;
  height: number;
}

/** An error of playback: what happened, and what to do. */
export class PlaybackError extends Error {
  constructor(
    message: string,
    readonly next: string,
  ) {
    super(message);
    this.name = "PlaybackError";
  }
}

let loading: Promise<Shaka> | null = null;

/** The library, loaded when it is first needed. */
async function shakaLibrary(): Promise<Shaka> {
  loading ??= import("shaka-player/dist/shaka-player.compiled-es2021.js").then((module) => {
    module.default.polyfill.installAll();
    return module.default;
  });
  try {
    return await loading;
  } catch (error) {
    loading = null;
    throw error;
  }
}

const isHls = (url: string) => /\.m3u8?($|[?#])/i.test(url);

/** One player on one `<video>`; `destroy` it when the element goes. */
export class MediaPlayer {
  #player: shakaTypes.Player | null = null;
  #destroyed = false;

  constructor(
    readonly video: HTMLVideoElement,
    readonly onError: (error: PlaybackError) => void,
  ) {}

  /** Loads the media up to its first frame. Rejects with a `PlaybackError`. */
  async load(media: Media): Promise<void> {
    const shaka = await shakaLibrary();
    if (this.#destroyed) return;
    if (!shaka.Player.isBrowserSupported()) {
      throw new PlaybackError(
        "This browser has no Media Source Extensions.",
        "Use a current Chromium, Firefox, Edge or Safari.",
      );
    }
    const player = new shaka.Player();
    this.#player = player;
    try {
      await player.attach(this.video);
      player.addEventListener("error", (event) => {
        this.onError(explain((event as unknown as { detail: unknown }).detail, media));
      });
      if (media.clearKeys !== null) {
        player.configure({
          drm: { clearKeys: media.clearKeys },
          // Shaka Player knows no `org.w3.clearkey` in playlists and would refuse them (4026).
          manifest: { ignoreDrmInfo: isHls(media.url) },
        });
      }
      await player.load(media.url);
    } catch (error) {
      if (this.#destroyed || isInterruption(shaka, error)) return;
      throw explain(error, media);
    }
  }

  /** The audio tracks to choose from; empty when there is nothing to choose. */
  audioChoices(): AudioChoice[] {
    const player = this.#player;
    if (player === null) return [];
    const tracks = player.getAudioTracks();
    if (tracks.length < 2) return [];
    return tracks.map((track, index) => ({
      label: track.label ?? `${index + 1}: ${track.language}`,
      active: track.active,
      choose: () => player.selectAudioTrack(track),
    }));
  }

  /** Reads an index of small pictures; gives the one of a time in seconds, `null` where there is none. */
  async storyboard(url: string): Promise<(seconds: number) => Promise<Tile | null>> {
    const player = this.#player;
    const track = await player?.addThumbnailsTrack(url, "text/vtt");
    return async (seconds) => {
      const found = track ? await player?.getThumbnails(track.id, seconds) : null;
      const uri = found?.uris[0];
      if (!found || uri === undefined) return null;
      // The size of a tile, not of the picture that it is in.
      const { positionX: x, positionY: y, width, height } = found;
      return { url: uri.split("#", 1)[0] ?? uri, x, y, width, height };
    };
  }

  /** Reads chapters, in the order of time. */
  async chapters(url: string): Promise<Chapter[]> {
    const player = this.#player;
    await player?.addChaptersTrack(url, "und", "text/vtt");
    const found = (await player?.getChaptersAsync("und")) ?? [];
    return found.map(({ title, startTime }) => ({ title, start: startTime }));
  }

  async destroy(): Promise<void> {
    this.#destroyed = true;
    await this.#player?.destroy();
  }
}

function isInterruption(shaka: Shaka, error: unknown): boolean {
  const code = (error as { code?: number }).code;
  return code === shaka.util.Error.Code.LOAD_INTERRUPTED || code === shaka.util.Error.Code.OBJECT_DESTROYED;
}

function explain(error: unknown, media: Media): PlaybackError {
  const { code, category, data } = error as { code?: number; category?: number; data?: unknown[] };
  if (typeof code !== "number") {
    const message = error instanceof Error ? error.message : String(error);
    return new PlaybackError(`The player failed: ${message}`, "Reload the page and try again.");
  }
  const numbered = (text: string) => `${text} (Shaka Player ${code}).`;
  if (code === 1001 && typeof data?.[1] === "number") {
    return new PlaybackError(
      numbered(`The server answered with status ${data[1]} instead of media`),
      "Check the URL; the package may have been deleted.",
    );
  }
  if (category === 1) {
    return new PlaybackError(
      numbered("The manifest or a segment could not be fetched"),
      "Check the URL, that its server is running, and that it allows other origins (CORS).",
    );
  }
  // 4032: no variant in codecs that the browser knows; 6001: none that it can also decrypt.
  if (code === 4032 || (code === 6001 && media.clearKeys === null && !isHls(media.url))) {
    return new PlaybackError(
      numbered("This browser cannot play this media"),
      "It does not know the codecs, or not together with this encryption. Another browser may.",
    );
  }
  // 4012: no variant may be played, here because the keys are those of other KIDs.
  if (category === 6 || code === 4012) {
    return new PlaybackError(
      numbered("No usable content key"),
      media.clearKeys === null
        ? "Give the KID and the key of this media."
        : "Check that the KID is the one that the manifest names.",
    );
  }
  if (category === 3) {
    return new PlaybackError(
      numbered("The browser cannot decode this media"),
      media.clearKeys === null
        ? "Its codec may be unknown to this browser."
        : "The key is probably not the one that this media was encrypted with.",
    );
  }
  if (category === 4) {
    return new PlaybackError(
      numbered("The manifest cannot be used"),
      isHls(media.url) && media.clearKeys === null
        ? "If the playlist is encrypted, give its KID and key."
        : "Check that the URL is a DASH manifest or an HLS playlist.",
    );
  }
  return new PlaybackError(numbered("Playback failed"), "Try again.");
}

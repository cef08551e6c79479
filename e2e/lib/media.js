// What the tests package: a generated clip whose picture tells its frame number, and real videos.
import { access } from "node:fs/promises";
import path from "node:path";
import { ffmpeg, run } from "./tools.js";

/** Facts of the generated clip. */
export const CLIP = { width: 640, height: 360, rate: 25, seconds: 12, columns: 10 };

/**
 * A clip of 12 s or of another length, H.264 with B-frames and AAC. Each of the 10 columns is one bit of the frame's
 * number, white for 1; the lower half shows the inverse, so that a wrong picture is no number.
 */
export async function makeClip(file, seconds = CLIP.seconds) {
  const { width, height, rate, columns } = CLIP;
  const bit = "255*mod(floor(N/pow(2\\,X))+Y\\,2)";
  const picture =
    `nullsrc=size=${columns}x2:rate=${rate}:duration=${seconds},format=gray,geq=lum=${bit},` +
    `scale=${width}:${height}:flags=neighbor,setsar=1,format=yuv420p`;
  await ffmpeg([
    ...["-f", "lavfi", "-i", picture],
    ...["-f", "lavfi", "-i", `sine=frequency=440:sample_rate=48000:duration=${seconds}`],
    ...["-c:v", "libx264", "-preset", "medium", "-bf", "3", "-g", "50", "-crf", "18"],
    ...["-c:a", "aac", "-b:a", "128k", "-movflags", "+faststart", file],
  ]);
  return file;
}

/** Subtitles of the generated clip: text, start and end in seconds. The first goes over several segments. */
export const WORDS = [
  { text: "Words & signs", start: 1, end: 9 },
  { text: "Other words", start: 9.5, end: 11 },
];

/** The generated clip with subtitles in English in it; picture and sound start so many seconds late. */
export async function addSubtitles(clip, file, late) {
  const time = (seconds) => `00:00:${seconds.toFixed(3).padStart(6, "0").replace(".", ",")}`;
  const cue = ({ text, start, end }, index) => `${index + 1}\n${time(start)} --> ${time(end)}\n${text}\n`;
  await ffmpeg(
    [
      ...["-itsoffset", `${late}`, "-i", clip, "-f", "srt", "-i", "-", "-map", "0", "-map", "1", "-c", "copy", "-c:s", "mov_text"],
      ...["-metadata:s:s:0", "language=eng", file],
    ],
    WORDS.map(cue).join("\n"),
  );
  return file;
}

/** H.264 and AAC videos of other people, where the folder beside the project is there. */
const REAL = ["mp4-learning-area-frog.mp4", "mp4-gpmf-parser-hero7.mp4"];

/**
 * The real videos; those that are not there are named on the standard output.
 * @returns {Promise<string[]>} paths
 */
export async function realVideos() {
  const folder = path.resolve(
    process.env.SHARED_MEDIA ?? path.join(import.meta.dirname, "../../../shared/media"),
  );
  const found = [];
  for (const name of REAL) {
    const file = path.join(folder, name);
    try {
      await access(file);
      found.push(file);
    } catch {
      console.log(`LEFT OUT: the real video ${name} is not in ${folder} (set SHARED_MEDIA)`);
    }
  }
  return found;
}

/** Size of the small grey pictures that are compared. */
export const SMALL = { width: 160, height: 90 };

const small = `scale=${SMALL.width}:${SMALL.height}:flags=area,format=gray`;

/**
 * Every frame of the first video track as ffmpeg decodes it, small and grey, with its time.
 * @returns {Promise<{ seconds: number, pixels: Buffer }[]>}
 */
export async function sourceFrames(file) {
  const times = await run("ffprobe", [
    ...["-v", "error", "-select_streams", "v:0", "-show_entries", "frame=best_effort_timestamp_time"],
    ...["-of", "csv=p=0", file],
  ]);
  const seconds = times
    .toString()
    .split("\n")
    .map((line) => Number.parseFloat(line))
    .filter((value) => !Number.isNaN(value));
  const raw = await ffmpeg([
    ...["-i", file, "-map", "0:v:0", "-fps_mode", "passthrough", "-vf", small],
    ...["-f", "rawvideo", "-"],
  ]);
  const size = SMALL.width * SMALL.height;
  if (raw.length !== seconds.length * size) {
    throw new Error(`${file}: ffprobe names ${seconds.length} frames, ffmpeg gives ${raw.length / size}`);
  }
  return seconds.map((time, index) => ({
    seconds: time,
    pixels: raw.subarray(index * size, (index + 1) * size),
  }));
}

/** A PNG picture, small and grey like `sourceFrames`. */
export const smallPicture = (png) =>
  ffmpeg(["-f", "png_pipe", "-i", "-", "-vf", small, "-f", "rawvideo", "-"], png);

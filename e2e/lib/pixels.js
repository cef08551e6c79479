// What a screenshot shows: the number in the generated clip, and likeness to a frame of a source.
import { CLIP, SMALL, smallPicture } from "./media.js";

const WHITE = 175;
const BLACK = 80;

/**
 * Reads the frame number out of a screenshot of the generated clip.
 * @param {Buffer} png
 * @returns {Promise<number | null>} null when the picture is not one of the clip
 */
export async function frameNumber(png) {
  const pixels = await smallPicture(png);
  const columnWidth = SMALL.width / CLIP.columns;
  let number = 0;
  for (let column = 0; column < CLIP.columns; column += 1) {
    const left = column * columnWidth;
    const upper = mean(pixels, left, columnWidth, 0);
    const lower = mean(pixels, left, columnWidth, SMALL.height / 2);
    if (upper > WHITE && lower < BLACK) number += 2 ** column;
    else if (!(upper < BLACK && lower > WHITE)) return null;
  }
  return number;
}

/** Mean brightness of the middle of one cell of the pattern; its edges are blurred. */
function mean(pixels, left, width, top) {
  const margin = 4;
  let sum = 0;
  let count = 0;
  for (let y = top + 8; y < top + SMALL.height / 2 - 8; y += 1) {
    for (let x = left + margin; x < left + width - margin; x += 1) {
      sum += pixels[Math.floor(y) * SMALL.width + x];
      count += 1;
    }
  }
  return sum / count;
}

/** Mean difference of two small grey pictures, 0 to 255. */
export function difference(one, other) {
  if (one.length !== other.length) throw new Error(`${one.length} and ${other.length} pixels`);
  let sum = 0;
  for (let at = 0; at < one.length; at += 1) sum += Math.abs(one[at] - other[at]);
  return sum / one.length;
}

/**
 * Compares a screenshot with the frame of the source for its time.
 * @returns {Promise<{ difference: number, best: number }>} the difference to that frame, and the
 *   least difference to any frame at all
 */
export async function likeness(png, frames, seconds) {
  const pixels = await smallPicture(png);
  const due = frames.findLast((frame) => frame.seconds <= seconds) ?? frames[0];
  const all = frames.map((frame) => difference(pixels, frame.pixels));
  return { difference: all[frames.indexOf(due)], best: Math.min(...all) };
}

/** Numbers as text for people. In: bytes, seconds, fractions, RFC 3339 dates. Out: short text. */

const UNITS = ["bytes", "kB", "MB", "GB", "TB"];

/** `1.5 MB`: powers of 1000, as disks and players count. */
export function bytes(count: number): string {
  let value = count;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  if (unit === 0) return count === 1 ? "1 byte" : `${count} bytes`;
  return `${value < 9.95 ? value.toFixed(1) : Math.round(value)} ${UNITS[unit]}`;
}

/** `0:07`, `12:34`, `1:02:03`; whole seconds, rounded. */
export function duration(seconds: number): string {
  const total = Math.max(0, Math.round(seconds));
  const two = (value: number) => String(value).padStart(2, "0");
  const hours = Math.floor(total / 3600);
  const minutes = Math.floor(total / 60) % 60;
  return hours > 0
    ? `${hours}:${two(minutes)}:${two(total % 60)}`
    : `${minutes}:${two(total % 60)}`;
}

/** How long something still takes: `a few seconds`, `40 seconds`, `3 minutes`. */
export function remaining(seconds: number): string {
  if (seconds < 5) return "a few seconds";
  if (seconds < 90) return `${Math.round(seconds / 5) * 5} seconds`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} minutes` : `${Math.round(minutes / 60)} hours`;
}

/** `2.5 Mbit/s` of a number of bits a second. */
export function bitrate(bitsPerSecond: number): string {
  if (bitsPerSecond >= 999_500) return `${(bitsPerSecond / 1_000_000).toFixed(1)} Mbit/s`;
  return `${Math.round(bitsPerSecond / 1000)} kbit/s`;
}

/** Whole percents of a fraction, within 0 and 100; 100 only when it is complete. */
export function percent(fraction: number): string {
  const whole = Math.floor(Math.min(1, Math.max(0, fraction)) * 100);
  return `${whole} %`;
}

/** Date and time in the reader's own language and zone; the text itself when it is no date. */
export function dateTime(rfc3339: string): string {
  const date = new Date(rfc3339);
  if (Number.isNaN(date.getTime())) return rfc3339;
  return new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" }).format(date);
}

/** `1 package`, `2 packages`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/** Name of a language by its BCP 47 or ISO 639-2 tag; null when the file does not say. */
export function language(tag: string | null): string | null {
  if (tag === null || tag === "" || tag === "und") return null;
  try {
    return new Intl.DisplayNames(undefined, { type: "language" }).of(tag) ?? tag;
  } catch {
    // A tag that is not well-formed has no name; what the file says is still worth showing.
    return tag;
  }
}

#!/usr/bin/env python3
"""Rewrites an MP4 whose moov comes last so that it uses the 64-bit forms: `co64` for `stco`, and a 64-bit `mdat` size.

usage: sixty_four_bit.py INPUT OUTPUT

No media byte moves: the longer `mdat` header takes the place of the 8-byte `free` box that ffmpeg leaves before it.
"""

import struct
import sys

CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl"}


def boxes(data: bytes, start: int, end: int):
    """Yields (fourcc, offset, size) of the boxes in data[start:end]; all have 32-bit sizes here."""
    while start < end:
        size, fourcc = struct.unpack_from(">I4s", data, start)
        if size < 8 or start + size > end:
            raise SystemExit(f"box at {start:#x}: size {size} does not fit")
        yield fourcc, start, size
        start += size


def widen(data: bytes, start: int, end: int) -> bytes:
    """Returns the boxes in data[start:end] with every `stco` turned into a `co64`."""
    out = b""
    for fourcc, offset, size in boxes(data, start, end):
        body = data[offset + 8 : offset + size]
        if fourcc in CONTAINERS:
            body = widen(data, offset + 8, offset + size)
        elif fourcc == b"stco":
            count = struct.unpack_from(">I", body, 4)[0]
            offsets = struct.unpack_from(f">{count}I", body, 8)
            fourcc, body = b"co64", body[:8] + struct.pack(f">{count}Q", *offsets)
        out += struct.pack(">I4s", 8 + len(body), fourcc) + body
    return out


def main() -> None:
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    with open(sys.argv[1], "rb") as file:
        data = file.read()
    top = list(boxes(data, 0, len(data)))
    names = [fourcc for fourcc, _, _ in top]
    if names != [b"ftyp", b"free", b"mdat", b"moov"] or top[1][2] != 8:
        raise SystemExit(f"expected ftyp, an empty free, mdat, moov; found {names}")
    (_, free, _), (_, mdat, mdat_size), (_, moov, moov_size) = top[1:]
    with open(sys.argv[2], "wb") as file:
        file.write(data[:free])
        file.write(struct.pack(">I4sQ", 1, b"mdat", mdat_size + 8))
        file.write(data[mdat + 8 : moov])
        file.write(widen(data, moov, moov + moov_size))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""An hour of video becomes a ladder by one worker process and by two: the package is verified, every picture counted.

The video is a minute that repeats, so that it costs nothing to make; the rungs are small, so that an hour is encoded in some minutes.
"""

import argparse
import shutil
import subprocess
import sys
import time
from pathlib import Path

import server

RATE = 25
PROFILE = """source = false
[[video]]
short_side = 180
preset = "ultrafast"
[[video]]
short_side = 120
preset = "ultrafast"
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reelpack", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="folder for the video and the packages")
    parser.add_argument("--minutes", type=int, default=60)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    source = made(arguments.work, arguments.minutes)
    wanted = arguments.minutes * 60 * RATE
    print(f"{arguments.minutes} minutes, {wanted} pictures; rungs of 180 and 120, ultrafast\n")
    print("| worker processes | seconds | pictures of each rung | verify |\n|---|---|---|---|")
    for processes in (1, 2):
        seconds, counts = run(arguments.reelpack, source, arguments.work / "hour-data", processes)
        print(f"| {processes} | {seconds:.0f} | {', '.join(map(str, counts))} | passed |", flush=True)
        if counts != [wanted] * 2:
            raise SystemExit(f"error: not {wanted} pictures")


def made(work: Path, minutes: int) -> Path:
    minute, whole = work / "minute.mp4", work / f"hour-{minutes}.mp4"
    quiet = ["ffmpeg", "-nostdin", "-v", "error", "-y"]
    if not whole.exists():
        print("making the video", file=sys.stderr)
        coded = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "250", str(minute)]
        subprocess.run([*quiet, "-f", "lavfi", "-i", f"testsrc2=s=320x180:r={RATE}:d=60", *coded], check=True)
        part = whole.with_suffix(".part.mp4")
        looped = ["-stream_loop", str(minutes - 1), "-i", str(minute), "-c", "copy", str(part)]
        subprocess.run([*quiet, *looped], check=True)
        part.rename(whole)
    return whole


def run(reelpack: Path, source: Path, data: Path, processes: int) -> tuple[float, list[int]]:
    """Seconds from the order to the package, and the pictures of its rungs."""
    shutil.rmtree(data, ignore_errors=True)
    with server.Server(reelpack, data, workers=0, processes=processes) as running:
        asset = running.upload(source)
        began = time.perf_counter()
        package = running.package(asset, {"ladder": PROFILE, "scheme": "none"})
        seconds = time.perf_counter() - began
        subprocess.run([str(reelpack), "verify", "--url", "--depth", "full", package["dash_url"]], check=True, stdout=sys.stderr)
    folders = {init.parent for init in (data / "packages").rglob("init.mp4")}
    counts = [count(folder) for folder in sorted(folders)]
    shutil.rmtree(data)
    return seconds, counts


def count(folder: Path) -> int:
    """Pictures in the segments of a rendition."""
    joined = folder.with_suffix(".mp4")
    with joined.open("wb") as output:
        for file in [folder / "init.mp4", *sorted(folder.glob("*.m4s"), key=lambda file: int(file.stem))]:
            output.write(file.read_bytes())
    words = ["-select_streams", "v", "-count_packets", "-show_entries", "stream=nb_read_packets", "-of", "csv=p=0", str(joined)]
    text = subprocess.run(["ffprobe", "-v", "error", *words], check=True, capture_output=True, text=True).stdout
    return int(text.split()[0].strip(","))


if __name__ == "__main__":
    main()

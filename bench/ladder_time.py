#!/usr/bin/env python3
"""How long a ladder takes: a server with one worker and with two, beside one ffmpeg that makes the same rungs.

All run in every round, in an order that is shuffled (always alike). The server's time goes from the order of a package to its
being ready: the look at the video, all encoding, encryption, and checks. ffmpeg makes an MP4 a rung, all of one decoding.
"""

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import clips
import server


@dataclass
class Run:
    """One run."""

    wall: float  # seconds
    cpu: float  # seconds, user and system, of it and its children


def main() -> None:
    arguments = parse()
    arguments.work.mkdir(parents=True, exist_ok=True)
    source = arguments.source or clips.long(arguments.media, arguments.work)
    ladder = rungs(arguments.reelpack, source, arguments.work)
    contenders = {
        "one ffmpeg": lambda: plain(source, ladder, arguments.work),
        "1 worker": lambda: served(arguments.reelpack, source, arguments.work, 1),
        "2 workers": lambda: served(arguments.reelpack, source, arguments.work, 2),
    }
    runs: dict[str, list[Run]] = {name: [] for name in contenders}
    for turn in range(arguments.rounds):
        for name in random.Random(turn).sample(list(contenders), len(contenders)):
            runs[name].append(contenders[name]())
            print(f"round {turn + 1}, {name}: {runs[name][-1].wall:.1f} s", file=sys.stderr)
    names = ", ".join(f"{rung['height']}p" for rung in ladder)
    print(f"{source.name}, rungs {names}, {os.cpu_count()} cores, {arguments.rounds} rounds\n")
    report(runs)
    saved = {name: [run.__dict__ for run in all_runs] for name, all_runs in runs.items()}
    (arguments.work / "time.json").write_text(json.dumps(saved, indent=1) + "\n")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reelpack", type=Path, required=True, help="the release binary")
    parser.add_argument("--work", type=Path, required=True, help="folder for the source and what is made")
    parser.add_argument("--media", type=Path, default=Path(__file__).parents[2] / "shared/media", help="folder with real clips")
    parser.add_argument("--source", type=Path, help="another video")
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def rungs(reelpack: Path, source: Path, work: Path) -> list[dict]:
    """What `auto` makes of the source."""
    out = work / "rungs"
    shutil.rmtree(out, ignore_errors=True)
    words = ["package", str(source), "-o", str(out), "--ladder", "auto", "--scheme", "none", "--quiet", "--json"]
    report = subprocess.run([str(reelpack), *words], check=True, capture_output=True).stdout
    shutil.rmtree(out)
    ladder = json.loads(report)["ladder"]
    if any("crf" not in rung for rung in ladder):
        raise SystemExit("error: the source is a rung as it is; give one whose key pictures are far apart")
    return ladder


def plain(source: Path, ladder: list[dict], work: Path) -> Run:
    """One ffmpeg with the encoder's own number of threads."""
    out = work / "plain"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    graph = [f"[0:v]split={len(ladder)}" + "".join(f"[s{number}]" for number in range(len(ladder)))]
    outputs: list[str] = []
    for number, rung in enumerate(ladder):
        graph.append(f"[s{number}]scale={rung['width']}:{rung['height']}:flags=bicubic[r{number}]")
        outputs += ["-map", f"[r{number}]", "-c:v", "libx264", "-preset", rung["preset"], "-crf", str(rung["crf"])]
        outputs += ["-maxrate", str(rung["max_bitrate"]), "-bufsize", str(2 * rung["max_bitrate"]), "-profile:v", "high"]
        outputs += ["-g", "9999", "-sc_threshold", "0", "-force_key_frames", "expr:gte(t,n_forced*2)", str(out / f"{number}.mp4")]
    outputs += ["-map", "0:a", "-c:a", "aac", "-b:a", "128k", str(out / "sound.m4a")]
    command = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-i", str(source), "-filter_complex", ";".join(graph), *outputs]
    before, began = os.times(), time.perf_counter()
    subprocess.run(command, check=True)
    run = Run(time.perf_counter() - began, spent(before))
    shutil.rmtree(out)
    return run


def served(reelpack: Path, source: Path, work: Path, workers: int) -> Run:
    """A server with so many workers, from the order to the package."""
    data = work / "data"
    shutil.rmtree(data, ignore_errors=True)
    before = os.times()
    with server.Server(reelpack, data, workers) as running:
        asset = running.upload(source)
        began = time.perf_counter()
        running.package(asset, {"ladder": "auto"})
        wall = time.perf_counter() - began
    run = Run(wall, spent(before))
    shutil.rmtree(data)
    return run


def spent(before: os.times_result) -> float:
    """Processor time of children that ended since, and theirs."""
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def report(runs: dict[str, list[Run]]) -> None:
    base = statistics.median(run.wall for run in runs["one ffmpeg"])
    print("| median (min) | seconds | times as fast as one ffmpeg | processor time, s | cores filled |\n|---|---|---|---|---|")
    for name, all_runs in runs.items():
        wall = statistics.median(run.wall for run in all_runs)
        least = min(run.wall for run in all_runs)
        cpu = statistics.median(run.cpu for run in all_runs)
        filled = statistics.median(run.cpu / run.wall for run in all_runs)
        print(f"| {name} | {wall:.1f} ({least:.1f}) | {base / wall:.2f} | {cpu:.1f} | {filled:.2f} of {os.cpu_count()} |")


if __name__ == "__main__":
    main()

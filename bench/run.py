#!/usr/bin/env python3
"""Packages one file with several programs, in turn, and says what each cost.

All contenders run in every round, one after another, in an order that is shuffled (always alike) for each round: the
memory that the one before gave back has been seen to double the time of the next. Each writes into a folder of its
own that is made before and removed after the run; what is still to be written to the disk is written (`sync`) before
the clock starts. Wall time is the clock's; CPU time is the kernel's account of the process (wait4), and so is
peak memory, asked for by GNU time: a process started from here would begin with the peak of this interpreter.
"""

import argparse
import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

SEGMENT_SECONDS = 4
CLIP_SECONDS = 30
VIDEO_BITS = 8_000_000
# Keys of no worth, for this benchmark only.
KID = "00112233445566778899aabbccddeeff"
CONTENT_KEY = "ffeeddccbbaa99887766554433221100"
COPY_ON_WRITE = {"btrfs", "xfs", "zfs", "bcachefs"}


@dataclass
class Run:
    """One run of one program."""

    wall: float  # seconds
    cpu: float  # seconds, user and system
    memory: int  # bytes, the peak of the resident set
    files: int
    size: int  # bytes written


def main() -> None:
    arguments = parse()
    work = arguments.work
    work.mkdir(parents=True, exist_ok=True)
    need_space(work, 12 << 30 if arguments.long else 3 << 30)
    key_file = work / "bench.key"
    key_file.write_text(f"{KID}:{CONTENT_KEY}\n")
    ten = source(work, 10)
    file_system = of_command("findmnt", "-n", "-o", "FSTYPE", "--target", str(work))
    describe(arguments, ten, file_system)

    contenders = commands(arguments, key_file)
    runs: dict[str, list[Run]] = {name: [] for name in contenders}
    names = list(contenders)
    warm(ten)
    for turn in range(arguments.rounds):
        for name in random.Random(turn).sample(names, len(names)):
            runs[name].append(measure(contenders[name], ten, work / "out", work / "log"))
        print(f"round {turn + 1} of {arguments.rounds} done", file=sys.stderr)
    report(runs)
    result = {"file_system": file_system, "runs": {name: [run.__dict__ for run in list] for name, list in runs.items()}}

    if arguments.long:
        result["memory"] = memory(contenders, ten, work)
    (work / "result.json").write_text(json.dumps(result, indent=1) + "\n")
    print(f"\nEvery single run: {work / 'result.json'}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reelpack", type=Path, required=True, help="the release binary")
    parser.add_argument("--shaka", type=Path, required=True, help="Shaka Packager")
    parser.add_argument("--work", type=Path, required=True, help="folder for the sources and the output")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--no-long", dest="long", action="store_false", help="leave out the hour for the memory test")
    arguments = parser.parse_args()
    if arguments.rounds < 5:
        parser.error("fewer than five rounds say little")
    for program in (arguments.reelpack, arguments.shaka):
        if not program.is_file():
            parser.error(f"{program} is not there")
    return arguments


def need_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise SystemExit(f"error: {needed >> 30} GiB needed in {folder}, {free >> 30} GiB free")


def source(work: Path, minutes: int) -> Path:
    """An H.264 + AAC file of so many minutes and about 8 Mbit/s; made once."""
    path = work / f"source-{minutes}-min.mp4"
    if path.exists():
        return path
    clip = work / "clip.mp4"
    if not clip.exists():
        print("encoding a clip of 30 s", file=sys.stderr)
        ffmpeg(
            "-f", "lavfi", "-i", f"testsrc2=s=1920x1080:r=30:d={CLIP_SECONDS},noise=alls=20:allf=t:all_seed=1,format=yuv420p",
            "-c:v", "libx264", "-preset", "ultrafast", "-profile:v", "high", "-x264-params", "8x8dct=1:cabac=1",
            "-bf", "2", "-g", "60", "-keyint_min", "60", "-sc_threshold", "0", "-b:v", str(VIDEO_BITS), "-maxrate", str(VIDEO_BITS), "-bufsize", str(2 * VIDEO_BITS),
            output=clip,
        )
    print(f"making {minutes} minutes of it", file=sys.stderr)
    loops = minutes * 60 // CLIP_SECONDS - 1
    ffmpeg(
        "-stream_loop", str(loops), "-i", str(clip),
        "-f", "lavfi", "-i", f"aevalsrc=0.2*sin(880*PI*t)|0.2*sin(1320*PI*t):s=48000:d={minutes * 60}",
        "-map", "0:v", "-map", "1:a", "-c:v", "copy", "-c:a", "aac", "-b:a", "128k",
        output=path,
    )
    return path


def ffmpeg(*arguments: str, output: Path) -> None:
    part = output.with_suffix(".part.mp4")
    subprocess.run(["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "error", "-y", *arguments, str(part)], check=True)
    part.rename(output)


def of_command(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def describe(arguments: argparse.Namespace, path: Path, file_system: str) -> None:
    probe = of_command(
        "ffprobe", "-v", "error", "-show_entries", "stream=codec_name,profile,width,height,bit_rate,duration",
        "-of", "compact=print_section=0", str(path),
    )
    cpu = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                if line.startswith("model name")), platform.machine())
    print(f"source: {path.name}, {path.stat().st_size:,} bytes")
    for line in probe.splitlines():
        print(f"  {line}")
    print(f"machine: {cpu}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.2f} at the start")
    print(f"output: {arguments.work} ({file_system}), no fsync; rounds: {arguments.rounds}")
    print(f"cp: {of_command('cp', '--version').splitlines()[0]}")
    print(f"ffmpeg: {of_command('ffmpeg', '-version').splitlines()[0]}")
    print(f"Shaka Packager: {of_command(str(arguments.shaka), '--version')}")
    print(f"Reelpack: {of_command(str(arguments.reelpack), '--version')}")
    if file_system in COPY_ON_WRITE:
        print(f"WARNING: on {file_system} cp may share the blocks instead of copying them: ratios to cp mean little")
    if os.getloadavg()[0] > 0.5:
        print("WARNING: the machine is not idle")
    print(flush=True)


def commands(arguments: argparse.Namespace, key_file: Path) -> dict:
    """Name → function of source and output folder that gives the command."""

    def reelpack(scheme: str):
        keys = [] if scheme == "none" else ["--key-file", str(key_file)]
        return lambda path, out: [
            str(arguments.reelpack), "package", str(path), "-o", str(out), "--scheme", scheme,
            "--segment-duration", str(SEGMENT_SECONDS), *keys,
        ]

    def shaka(path: Path, out: Path) -> list[str]:
        track = lambda kind: f"in={path},stream={kind},init_segment={out}/{kind}/init.mp4,segment_template={out}/{kind}/$Number$.m4s"
        return [
            str(arguments.shaka), track("video"), track("audio"), "--segment_duration", str(SEGMENT_SECONDS),
            "--enable_raw_key_encryption", "--keys", f"label=:key_id={KID}:key={CONTENT_KEY}", "--protection_scheme", "cbcs",
            "--clear_lead", "0", "--generate_static_live_mpd", "--mpd_output", f"{out}/stream.mpd", "--quiet",
        ]

    return {
        "cp": lambda path, out: ["cp", str(path), f"{out}/copy.mp4"],
        "reelpack none": reelpack("none"),
        "reelpack cbcs": reelpack("cbcs"),
        "reelpack cenc": reelpack("cenc"),
        "ffmpeg -c copy -f dash (clear)": lambda path, out: [
            "ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "error", "-i", str(path), "-c", "copy", "-f", "dash",
            "-seg_duration", str(SEGMENT_SECONDS), f"{out}/stream.mpd",
        ],
        "Shaka Packager cbcs": shaka,
    }


def warm(path: Path) -> None:
    """Reads the source once, so that every contender finds it in memory."""
    with path.open("rb", buffering=0) as file:
        while file.read(1 << 22):
            pass


def measure(command, path: Path, out: Path, log: Path) -> Run:
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    os.sync()
    peak = log.with_suffix(".peak")
    timed = ["/usr/bin/time", "--quiet", "--format=%M", f"--output={peak}", *command(path, out)]
    with log.open("wb") as output:
        started = time.perf_counter()
        process = subprocess.Popen(timed, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"error: exit code {process.returncode}: {process.args}\n{log.read_text(errors='replace')}")
    written = [file.stat().st_size for file in out.rglob("*") if file.is_file()]
    if sum(written) < 0.95 * path.stat().st_size:
        raise SystemExit(f"error: {process.args} wrote only {sum(written)} bytes")
    shutil.rmtree(out)
    return Run(wall, usage.ru_utime + usage.ru_stime, int(peak.read_text()) * 1024, len(written), sum(written))


def report(runs: dict[str, list[Run]]) -> None:
    base = runs["cp"]

    def cell(of, list):
        values = [of(run) for run in list]
        return statistics.median(values), min(values)

    print("| median (min) | wall s | ÷ cp | CPU s | ÷ cp | peak memory MiB | files | bytes |")
    print("|---|---|---|---|---|---|---|---|")
    for name, list in runs.items():
        wall, wall_min = cell(lambda run: run.wall, list)
        cpu, cpu_min = cell(lambda run: run.cpu, list)
        base_wall, base_wall_min = cell(lambda run: run.wall, base)
        base_cpu, base_cpu_min = cell(lambda run: run.cpu, base)
        memory = max(run.memory for run in list) / (1 << 20)
        print(
            f"| {name} | {wall:.2f} ({wall_min:.2f}) | {wall / base_wall:.2f} ({wall_min / base_wall_min:.2f}) "
            f"| {cpu:.2f} ({cpu_min:.2f}) | {cpu / base_cpu:.2f} ({cpu_min / base_cpu_min:.2f}) | {memory:.1f} | {list[-1].files} | {list[-1].size:,} |"
        )


def memory(contenders: dict, ten: Path, work: Path) -> dict:
    """Peak memory of Reelpack for ten minutes and for an hour of the same video."""
    hour = source(work, 60)
    print("\n| peak memory, MiB | 10 min | 60 min |\n|---|---|---|")
    peaks = {}
    try:
        for name in ("reelpack none", "reelpack cbcs", "reelpack cenc"):
            short, long = (measure(contenders[name], path, work / "out", work / "log").memory for path in (ten, hour))
            peaks[name] = [short, long]
            print(f"| {name} | {short / (1 << 20):.1f} | {long / (1 << 20):.1f} |", flush=True)
    finally:
        # Several gigabytes that a minute makes again.
        hour.unlink()
    return peaks


if __name__ == "__main__":
    main()

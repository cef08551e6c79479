#!/usr/bin/env python3
"""The ladder that `auto` gives a video, beside a fixed one: which is better for the same bits?

Each clip is coded twice: by `reelpack package --ladder auto`, and by one ffmpeg that makes the rungs of a fixed ladder, with the
same encoder, preset and distance of key pictures. Each rung is scaled up to the source and compared with it: VMAF, SSIM, PSNR.
bench/README.md says how to read the figures.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

import clips
import plot
import quality
from quality import METRICS, Point

# Short sides and bits a second of the H.264 rungs in Apple's "HLS authoring specification for Apple devices".
FIXED = [
    (416, 234, 145_000),
    (640, 360, 365_000),
    (768, 432, 730_000),
    (768, 432, 1_100_000),
    (960, 540, 2_000_000),
    (1280, 720, 3_000_000),
    (1280, 720, 4_500_000),
    (1920, 1080, 6_000_000),
    (1920, 1080, 7_800_000),
]
PRESET = "veryfast"
# Bits a second of connections: of a bad telephone, of a good line.
CONNECTIONS = (200_000, 8_000_000)


def main() -> None:
    arguments = parse()
    work = arguments.work
    work.mkdir(parents=True, exist_ok=True)
    found = [clip for clip in clips.clips(arguments.media) if not arguments.only or clip.name in arguments.only]
    results = {}
    for clip in found:
        source = clips.make(clip, work)
        results[clip.name] = compare(arguments.reelpack, clip.name, source, work)
        print(f"{clip.name} is measured", file=sys.stderr)
    for clip in found:
        print(f"- {clip.name}: {clip.what}")
    rungs(results)
    table(results)
    saved = {name: {kind: [point.__dict__ for point in points] for kind, points in both.items()} for name, both in results.items()}
    (work / "result.json").write_text(json.dumps(saved, indent=1) + "\n")
    print(f"\nEvery rung: {work / 'result.json'}")
    if arguments.plot:
        plot.draw(results[arguments.plot_clip], arguments.plot)
        print(f"Plot: {arguments.plot}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reelpack", type=Path, required=True, help="the release binary")
    parser.add_argument("--work", type=Path, required=True, help="folder for the clips and the ladders")
    parser.add_argument("--media", type=Path, default=Path(__file__).parents[2] / "shared/media", help="folder with real clips")
    parser.add_argument("--only", action="append", help="the name of a clip; again for more than one")
    parser.add_argument("--plot", type=Path, help="SVG file to write: rate against quality of one clip")
    parser.add_argument("--plot-clip", default="cartoon", help="the clip of the plot")
    return parser.parse_args()


def compare(reelpack: Path, name: str, source: Path, work: Path) -> dict[str, list[Point]]:
    """The rungs of both ladders, measured."""
    folder = work / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    width, height = size_of(source)
    seconds = quality.count(source) / clips.RATE
    made = {"auto": automatic(reelpack, source, folder), "fixed": fixed(source, (width, height), folder)}
    return {
        kind: sorted(
            (quality.measure(path, source, (width, height), seconds, rung) for rung, path in files.items()),
            key=lambda point: point.rate,
        )
        for kind, files in made.items()
    }


def size_of(path: Path) -> tuple[int, int]:
    words = ["-select_streams", "v:0", "-show_entries", "stream=width,height", "-of", "csv=p=0", str(path)]
    text = subprocess.run(["ffprobe", "-v", "error", *words], check=True, capture_output=True, text=True).stdout
    width, height = text.strip().split(",")
    return int(width), int(height)


def automatic(reelpack: Path, source: Path, folder: Path) -> dict[str, Path]:
    """The rungs of `auto`, each as one file."""
    out = folder / "auto"
    words = ["package", str(source), "-o", str(out), "--ladder", "auto", "--scheme", "none", "--layout", "single-file", "--quiet"]
    subprocess.run([str(reelpack), *words], check=True, stdout=subprocess.DEVNULL)
    return {path.stem.removeprefix("video-"): path for path in out.glob("video-*.mp4") if not path.stem.endswith("-iframes")}


def fixed(source: Path, size: tuple[int, int], folder: Path) -> dict[str, Path]:
    """The rungs of the fixed ladder that are not larger than the source, by one ffmpeg."""
    shape = size[0] / size[1]
    fits = [(round(height * shape / 2) * 2, height, rate) for _, height, rate in FIXED if height <= size[1]]
    labels = "".join(f"[s{number}]" for number in range(len(fits)))
    graph = [f"[0:v]split={len(fits)}{labels}"]
    outputs: list[str] = []
    files = {}
    for number, (width, height, rate) in enumerate(fits):
        graph.append(f"[s{number}]scale={width}:{height}:flags=bicubic[r{number}]")
        path = folder / f"fixed-{height}p-{rate}.mp4"
        files[path.stem.removeprefix("fixed-")] = path
        outputs += ["-map", f"[r{number}]", "-c:v", "libx264", "-preset", PRESET, "-profile:v", "high"]
        outputs += ["-b:v", str(rate), "-maxrate", str(rate * 3 // 2), "-bufsize", str(rate * 2)]
        outputs += ["-g", str(2 * clips.RATE), "-keyint_min", str(2 * clips.RATE), "-sc_threshold", "0", str(path)]
    command = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-i", str(source), "-filter_complex", ";".join(graph), *outputs]
    subprocess.run(command, check=True)
    return files


def rungs(results: dict[str, dict[str, list[Point]]]) -> None:
    print("\n| clip | ladder | rungs: kbit/s → VMAF |\n|---|---|---|")
    for name, both in results.items():
        for kind, points in both.items():
            each = ", ".join(f"{point.name.split('-')[0]} {point.rate / 1000:.0f} → {point.vmaf:.1f}" for point in points)
            print(f"| {name} | {kind} | {each} |")


def table(results: dict[str, dict[str, list[Point]]]) -> None:
    """Ours against the fixed ladder: fewer bits are negative, better pictures positive."""
    heads = [f"{metric.upper()}: bits for the same quality" for metric in METRICS] + [
        f"{metric.upper()} at the same bits" for metric in METRICS
    ]
    heads += ["VMAF that viewers get", "Mbit/s of all rungs"]
    print(f"\n| clip | {' | '.join(heads)} |\n|{'---|' * (len(heads) + 1)}")
    all_values = []
    for name, both in results.items():
        pairs = [quality.rates(both["fixed"], both["auto"], metric) for metric in METRICS]
        values = [pair[0] for pair in pairs] + [pair[1] for pair in pairs]
        views = [quality.delivered(both[kind], *CONNECTIONS, "vmaf") for kind in ("auto", "fixed")]
        sums = [sum(point.rate for point in both[kind]) / 1e6 for kind in ("auto", "fixed")]
        all_values.append([*values, *views, *sums])
        print(row(name, all_values[-1]))
    print(row("mean", [statistics.mean(column) for column in zip(*all_values)]))


def row(name: str, values: list[float]) -> str:
    cells = [f"{value:+.1f} %" for value in values[:3]] + [f"{value:+.2f}" for value in values[3:6]]
    cells += [f"{values[6]:.1f} beside {values[7]:.1f}", f"{values[8]:.1f} beside {values[9]:.1f}"]
    return f"| {name} | {' | '.join(cells)} |"


if __name__ == "__main__":
    main()

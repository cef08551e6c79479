"""How good a coded picture is beside its source, and how two ladders compare."""

import json
import math
import subprocess
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path

import bjontegaard
import imageio_ffmpeg

# Of three pictures, one is looked at: VMAF takes longer than all else together.
EVERY = 3
METRICS = ("vmaf", "ssim", "psnr")


@dataclass
class Point:
    """A rung, measured at the size of the source."""

    name: str
    rate: float  # bits a second, of the pictures alone
    vmaf: float  # 0 to 100
    ssim: float  # dB: -10 log10(1 - SSIM) of the luma
    psnr: float  # dB, of the luma


def measure(rung: Path, source: Path, size: tuple[int, int], seconds: float, name: str) -> Point:
    """Scales a rung up to its source, and compares them picture by picture; an error when one has more of them."""
    pictures = {path: count(path) for path in (rung, source)}
    if pictures[rung] != pictures[source]:
        raise SystemExit(f"error: {rung} has {pictures[rung]} pictures, its source has {pictures[source]}")
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log.json"
        steady = "settb=1/25,setpts=N"
        scaled = f"[0:v]scale={size[0]}:{size[1]}:flags=bicubic,{steady},format=yuv420p[a];[1:v]{steady},format=yuv420p[b]"
        vmaf = f"libvmaf=feature=name=psnr|name=float_ssim:log_fmt=json:log_path={log}:n_threads=2:n_subsample={EVERY}"
        words = ["-i", rung, "-i", source, "-lavfi", f"{scaled};[a][b]{vmaf}", "-f", "null", "-"]
        subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", *words], check=True)
        pooled = json.loads(log.read_text())["pooled_metrics"]
    ssim = -10 * math.log10(max(1e-6, 1 - pooled["float_ssim"]["mean"]))
    return Point(name, bytes_of(rung) * 8 / seconds, pooled["vmaf"]["mean"], ssim, pooled["psnr_y"]["mean"])


def count(path: Path) -> int:
    return len(packets(path))


def bytes_of(path: Path) -> int:
    return sum(packets(path))


def packets(path: Path) -> list[int]:
    words = ["-select_streams", "v:0", "-show_entries", "packet=size", "-of", "csv=p=0", str(path)]
    text = subprocess.run(["ffprobe", "-v", "error", *words], check=True, capture_output=True, text=True).stdout
    return [int(line.strip(",")) for line in text.split()]


def front(points: list[Point], metric: str) -> list[Point]:
    """Those that are better than every cheaper one."""
    best: list[Point] = []
    for point in sorted(points, key=lambda point: point.rate):
        if not best or getattr(point, metric) > getattr(best[-1], metric):
            best.append(point)
    return best


def rates(base: list[Point], other: list[Point], metric: str) -> tuple[float, float]:
    """How many percent more bits `other` takes for the quality of `base` (BD-rate), and how much better it is at its bits."""
    curves = []
    for points in (base, other):
        chosen = front(points, metric)
        curves += [[point.rate for point in chosen], [getattr(point, metric) for point in chosen]]
    how = {"method": "pchip", "require_matching_points": False, "min_overlap": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return bjontegaard.bd_rate(*curves, **how), bjontegaard.bd_psnr(*curves, **how)


def delivered(points: list[Point], low: float, high: float, metric: str) -> float:
    """What a viewer gets on average whose connection has any rate between two, each doubling of which is as likely: of the
    rungs that fit, the best; the cheapest where none does."""
    steps = 400
    cheapest = min(points, key=lambda point: point.rate)
    total = 0.0
    for step in range(steps):
        rate = low * (high / low) ** ((step + 0.5) / steps)
        fitting = [point for point in points if point.rate <= rate] or [cheapest]
        total += getattr(max(fitting, key=lambda point: point.rate), metric)
    return total / steps

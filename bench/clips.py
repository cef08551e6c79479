"""Clips that are hard to code in ways of their own, for the benchmarks of ladders: made once, without loss."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

SECONDS = 8
RATE = 24


@dataclass
class Clip:
    """A clip and what it is."""

    name: str
    what: str
    words: list[str]  # of ffmpeg: inputs and filters


def clips(media: Path) -> list[Clip]:
    """Those that can be made with the files that are there."""
    film = media / "mp4-pypi_moviepy-2.2.1-trailer_bbb.mp4"
    action = media / "mp4-gpmf-parser-hero7.mp4"
    text = Path(__file__).parent / "run.py"
    found = [
        Clip("cartoon", "drawn figures and slow camera: the trailer of Big Buck Bunny, 1280×720", at(film, 22)),
        Clip("grain", "the same film elsewhere, with grain over it, 1280×720", at(film, 38, "noise=alls=14:allf=t:all_seed=1")),
        Clip("action", "a camera on somebody who moves (GoPro), 848×480", at(action, 1)),
        Clip("screen", "lines of a program that scroll, 1280×720", screen(text)),
        Clip("pan", "a slow pan over a still picture with detail everywhere, 1280×720", pan()),
        Clip("card", "ffmpeg's testsrc2: plain areas, sharp edges, 1280×720", ["-f", "lavfi", "-i", f"testsrc2=s=1280x720:r={RATE}"]),
    ]
    return [clip for clip in found if "-ss" not in clip.words or Path(clip.words[clip.words.index("-i") + 1]).is_file()]


def at(path: Path, start: float, graph: str = "null") -> list[str]:
    return ["-ss", str(start), "-i", str(path), "-vf", graph]


def screen(text: Path) -> list[str]:
    graph = f"color=0x1e1e1e:s=1280x720:r={RATE},drawtext=expansion=none:textfile={text}:font=monospace:fontsize=20:fontcolor=0xd4d4d4:x=24:y=20-40*t"
    return ["-f", "lavfi", "-i", graph]


def pan() -> list[str]:
    graph = f"mandelbrot=s=1920x1080:r={RATE}:maxiter=2000:start_scale=0.02,loop=loop=-1:size=1,setpts=N/{RATE}/TB,crop=1280:720:x=60*t:y=20*t"
    return ["-f", "lavfi", "-i", graph]


def make(clip: Clip, folder: Path) -> Path:
    """The clip without loss, in a codec that no ladder takes as it is: all rungs are encoded."""
    path = folder / f"{clip.name}.mkv"
    if path.exists():
        return path
    print(f"making the clip {clip.name}", file=sys.stderr)
    part = path.with_suffix(".part.mkv")
    coded = ["-t", str(SECONDS), "-an", "-c:v", "ffv1", "-g", "1", "-pix_fmt", "yuv420p"]
    command = ["ffmpeg", "-nostdin", "-v", "error", "-y", *clip.words, *coded, "-map_metadata", "-1", str(part)]
    subprocess.run(command, check=True)
    part.rename(path)
    return path


def long(media: Path, folder: Path) -> Path:
    """Two and a half minutes of film in 1280×720 with sound, as an editor delivers it: key pictures up to 250 apart."""
    path = folder / "long.mp4"
    if path.exists():
        return path
    print("making two and a half minutes of film", file=sys.stderr)
    film = media / "mp4-pypi_moviepy-2.2.1-trailer_bbb.mp4"
    given = ["-stream_loop", "2", "-i", str(film)] if film.is_file() else ["-f", "lavfi", "-i", "testsrc2=s=1280x720:r=24,noise=alls=4:allf=t"]
    sound = ["-f", "lavfi", "-i", "sine=440:sample_rate=48000", "-map", "0:v", "-map", "1:a", "-t", "150"]
    coded = ["-c:v", "libx264", "-preset", "superfast", "-crf", "18", "-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "128k"]
    part = path.with_suffix(".part.mp4")
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *given, *sound, *coded, str(part)], check=True)
    part.rename(path)
    return path

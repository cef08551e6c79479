"""The rows of the table: what is packaged, and how it is made.

Every picture tells its own number, as in e2e/lib/media.js: ten columns, each one bit of the number, white for 1, and
below them the inverse. Noise gives every picture enough bytes for encryption to show.
"""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

SECONDS = 6
RATE = 25
WIDTH, HEIGHT = 320, 180
COLUMNS = 10
GROUP = 50  # frames from one key picture to the next

# start, end, text; in milliseconds. One reaches over the end of a segment.
CUES = [(500, 1500, "First words"), (1800, 2600, "Over the end of a segment"), (4000, 5000, "Last words")]


@dataclass
class Row:
    """One codec."""

    kind: str  # picture, sound or text
    name: str
    entry: str  # four characters of the sample entry, or the format of the file
    files: list[Path] = field(default_factory=list)

    @property
    def label(self) -> str:
        return "".join(char if char.isalnum() else "-" for char in f"{self.name}-{self.entry}".lower())


@dataclass
class Tools:
    """The programs that make the inputs."""

    ffmpeg: Path
    shaka: Path
    work: Path

    def encode(self, name: str, *arguments: str) -> Path:
        """Makes `name` with ffmpeg, unless it is there."""
        return self.once(name, lambda part: [
            self.ffmpeg, "-nostdin", "-hide_banner", "-loglevel", "error", "-y", *arguments, part,
        ])

    def text(self, name: str, source: Path, form: str) -> Path:
        """Makes a fragmented MP4 with a track of subtitles."""
        return self.once(name, lambda part: [
            self.shaka, f"in={source},stream=text,format={form},output={part}", "--quiet",
        ])

    def once(self, name: str, command: Callable[[Path], list]) -> Path:
        path = self.work / name
        if not path.exists():
            part = path.with_stem(f"part-{path.stem}")
            run(command(part))
            part.rename(path)
        return path


def run(command: list) -> str:
    """Runs a program; gives what it wrote to its standard output, or ends with what it complained about."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"error: {command[0]} ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def make(tools: Tools) -> list[Row]:
    """All rows, with their files made."""
    return [*pictures(tools), *sounds(tools), *texts(tools)]


def picture_source() -> list[str]:
    bit = r"255*mod(floor(N/pow(2\,X))+Y\,2)"
    graph = (
        f"nullsrc=size={COLUMNS}x2:rate={RATE}:duration={SECONDS},format=gray,geq=lum={bit},"
        f"scale={WIDTH}:{HEIGHT}:flags=neighbor,setsar=1,noise=alls=10:allf=t:all_seed=1,format=yuv420p"
    )
    return ["-f", "lavfi", "-i", graph]


def pictures(tools: Tools) -> list[Row]:
    every = ["-g", str(GROUP), "-keyint_min", str(GROUP)]
    x264 = ["-c:v", "libx264", "-preset", "fast", "-bf", "3", "-sc_threshold", "0", *every]
    x265 = ["-c:v", "libx265", "-preset", "fast", "-x265-params",
            f"keyint={GROUP}:min-keyint={GROUP}:scenecut=0:open-gop=0:log-level=error"]
    # Parameter sets before each key picture, as the sample entry says.
    in_band = ["-bsf:v", "dump_extra=freq=keyframe"]
    # Pictures that are never shown travel in one sample with the next: superframes.
    vp9 = ["-c:v", "libvpx-vp9", "-cpu-used", "5", "-b:v", "400k", "-auto-alt-ref", "1", "-lag-in-frames", "16", *every]
    av1 = ["-c:v", "libaom-av1", "-cpu-used", "8", "-b:v", "400k", *every]
    rows = [
        ("H.264", "avc1", [*x264, "-tag:v", "avc1"]),
        ("H.264", "avc3", [*x264, "-tag:v", "avc3", *in_band]),
        ("HEVC", "hvc1", [*x265, "-tag:v", "hvc1"]),
        ("HEVC", "hev1", [*x265, "-tag:v", "hev1", *in_band]),
        ("AV1", "av01", av1),
        ("VP9", "vp09", vp9),
    ]
    return [
        Row("picture", name, entry, [tools.encode(f"{entry}.mp4", *picture_source(), *arguments)])
        for name, entry, arguments in rows
    ]


def sounds(tools: Tools) -> list[Row]:
    rows = [
        ("AAC-LC", "mp4a", "aac"),
        ("Opus", "Opus", "libopus"),
        ("FLAC", "fLaC", "flac"),
        ("AC-3", "ac-3", "ac3"),
        ("E-AC-3", "ec-3", "eac3"),
        ("ALAC", "alac", "alac"),
        ("MP3 without a picture", "mp4a", "libmp3lame"),
    ]
    noise = "0.02*(random(0)-0.5)"
    graph = f"aevalsrc=0.2*sin(880*PI*t)+{noise}|0.2*sin(1320*PI*t)+{noise}:s=48000:c=stereo:d={SECONDS}"
    return [
        Row("sound", name, entry, [
            tools.encode(f"{encoder}.mp4", "-f", "lavfi", "-i", graph, "-c:a", encoder, "-sample_fmt:a", sample_format(encoder),
                         "-strict", "experimental")  # what ffmpeg 5.1 says of FLAC in MP4
        ])
        for name, entry, encoder in rows
    ]


def sample_format(encoder: str) -> str:
    """What the encoder takes; the widest that is no matter of taste."""
    return {"flac": "s16", "alac": "s16p", "libopus": "flt"}.get(encoder, "fltp")


def texts(tools: Tools) -> list[Row]:
    picture = tools.work / "avc1.mp4"
    vtt, srt = tools.work / "words.vtt", tools.work / "words.srt"
    vtt.write_text("WEBVTT\n\n" + "\n".join(cue(*one, ".") for one in CUES))
    srt.write_text("\n".join(f"{number}\n{cue(*one, ',')}" for number, one in enumerate(CUES, 1)))
    rows = [
        ("WebVTT", "file", vtt),
        ("SubRip", "file", srt),
        ("WebVTT in MP4", "wvtt", tools.text("wvtt.mp4", vtt, "webvtt+mp4")),
        ("TTML in MP4", "stpp", with_profile(tools.text("stpp.mp4", vtt, "ttml+mp4"))),
    ]
    return [Row("text", name, entry, [picture, file]) for name, entry, file in rows]


def with_profile(file: Path) -> Path:
    """Has the document name its profile, IMSC 1 text: hls.js shows no other. Shaka Packager names none."""
    named = (b' xmlns:p="http://www.w3.org/ns/ttml#parameter"'
             b' p:profile="http://www.w3.org/ns/ttml/profile/imsc1/text"')
    whole = file.read_bytes()
    if named in whole:
        return file
    start, end = whole.index(b"<tt "), whole.rindex(b"</tt>")
    document = whole[start:end]
    for needless in (b"    <metadata/>\n    <styling/>\n    <layout/>\n", b' xml:space="preserve"'):
        document = document.replace(needless, b"")
    document = document.replace(b"<tt ", b"<tt" + named + b" ", 1)
    if len(document) > end - start:
        raise SystemExit("error: the name of the profile has no room in the document of Shaka Packager")
    # As long as it was, so that no box changes.
    file.write_bytes(whole[:start] + document.ljust(end - start) + whole[end:])
    return file


def cue(start: int, end: int, text: str, point: str) -> str:
    return f"{clock(start, point)} --> {clock(end, point)}\n{text}\n"


def clock(ms: int, point: str) -> str:
    return f"00:{ms // 60_000:02}:{ms // 1000 % 60:02}{point}{ms % 1000:03}"

"""One cell of the table: a codec packaged under a scheme in a layout by the command line, verified, decrypted by the
command line, and what came out compared with what went in."""

import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as xml
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from inputs import CUES, GROUP, RATE, Row

SCHEMES = ["none", "cbcs", "cenc", "cens", "cbc1"]
LAYOUTS = ["segments", "single-file"]
MPD = "{urn:mpeg:dash:schema:mpd:2011}"
TTML = "{http://www.w3.org/ns/ttml}"
TIMES = re.compile(r"(?:(\d+):)?(\d\d):(\d\d)\.(\d\d\d) --> (?:(\d+):)?(\d\d):(\d\d)\.(\d\d\d)")


class Wrong(Exception):
    """What is wrong with a cell."""


@dataclass
class Engine:
    """The binary and what it is given."""

    reelpack: Path
    key_file: Path
    license_url: str
    folder: Path

    def run(self, *arguments: object) -> str:
        done = subprocess.run([self.reelpack, *map(str, arguments)], capture_output=True, text=True)
        if done.returncode != 0:
            words = (done.stderr.strip() or done.stdout.strip()).splitlines()
            raise Wrong(f"`reelpack {arguments[0]}` ended with {done.returncode}: {words[0] if words else 'no word'}")
        return done.stdout


@dataclass
class Cell:
    """A codec, a scheme and a layout, and what became of them."""

    row: Row
    scheme: str
    layout: str
    folder: Path
    codec: str = ""  # as the MPD calls it
    fault: str | None = None  # of the package
    played: dict = field(default_factory=dict)  # of DASH and HLS: ok, absent or fault

    @property
    def name(self) -> str:
        return f"{self.row.name} ({self.row.entry}), {self.scheme}, {self.layout}"


def check(engine: Engine, cell: Cell) -> None:
    """Packages and checks; what is wrong is noted in the cell."""
    try:
        package(engine, cell)
        verify(engine, cell)
        rendition = find(cell)
        if (len(rendition.files) == 1) != (cell.layout == "single-file") and rendition.mime != "text/vtt":
            raise Wrong(f"the layout is not {cell.layout}: {len(rendition.files)} files")
        if cell.row.kind == "text":
            compare_cues(rendition)
        else:
            compare_frames(engine, cell, rendition)
    except (Wrong, OSError, xml.ParseError) as error:
        cell.fault = str(error)


def package(engine: Engine, cell: Cell) -> None:
    shutil.rmtree(cell.folder, ignore_errors=True)
    keys = [] if cell.scheme == "none" else ["--key-file", engine.key_file, "--license-url", engine.license_url]
    engine.run(
        "package", *cell.row.files, "--output", cell.folder, "--scheme", cell.scheme, "--layout", cell.layout,
        "--segment-duration", GROUP / RATE, *keys, "--quiet",
    )


def verify(engine: Engine, cell: Cell) -> None:
    keys = [] if cell.scheme == "none" else ["--key-file", engine.key_file]
    sources = [word for file in cell.row.files for word in ("--source", file)]
    done = subprocess.run(
        [str(word) for word in (engine.reelpack, "verify", cell.folder, *keys, *sources, "--depth", "full", "--json", "--quiet")],
        capture_output=True, text=True,
    )
    if done.returncode == 1:
        raise Wrong("; ".join(complaints(json.loads(done.stdout))))
    if done.returncode != 0:
        raise Wrong(f"`reelpack verify` ended with {done.returncode}: {done.stderr.strip()}")


def complaints(report: dict) -> list[str]:
    """What `reelpack verify` says of each check that failed."""
    failed = [check for check in report["checks"] if check["outcome"] == "failed"]
    return [f"check {check['number']}: {finding['where']}: {finding['what']}" for check in failed for finding in check["findings"]]


@dataclass
class Rendition:
    """The files of the rendition that a cell is about, in order."""

    identity: str
    files: list[Path]
    mime: str


def find(cell: Cell) -> Rendition:
    """Asks the MPD."""
    content = {"picture": "video", "sound": "audio", "text": "text"}[cell.row.kind]
    period = xml.parse(cell.folder / "stream.mpd").getroot().find(f"{MPD}Period")
    for group in period.findall(f"{MPD}AdaptationSet"):
        if group.get("contentType") != content:
            continue
        representation = group.find(f"{MPD}Representation")
        cell.codec = representation.get("codecs") or group.get("codecs") or ""
        mime = representation.get("mimeType") or group.get("mimeType")
        return Rendition(representation.get("id"), media_files(cell.folder, group, representation), mime)
    raise Wrong(f"the MPD has no set of {content}")


def media_files(folder: Path, group: xml.Element, representation: xml.Element) -> list[Path]:
    base = representation.find(f"{MPD}BaseURL")
    if base is not None:
        return [folder / base.text]
    template = representation.find(f"{MPD}SegmentTemplate")
    template = group.find(f"{MPD}SegmentTemplate") if template is None else template
    if template is None:
        raise Wrong("the MPD names no media")
    name = lambda attribute: template.get(attribute).replace("$RepresentationID$", representation.get("id"))
    first = int(template.get("startNumber", "1"))
    files = [folder / name("initialization")]
    while (file := folder / name("media").replace("$Number$", str(first + len(files) - 1))).exists():
        files.append(file)
    if len(files) == 1:
        raise Wrong("there are no segments")
    return files


def compare_frames(engine: Engine, cell: Cell, rendition: Rendition) -> None:
    clear = cell.folder.with_suffix(".mp4")
    if cell.scheme == "none":
        with clear.open("wb") as out:
            for file in rendition.files:
                out.write(file.read_bytes())
    else:
        if cell.row.kind == "picture" and decodes_to(rendition.files, cell.folder) == source_frames(cell.row.files[0]):
            raise Wrong("the pictures can be seen without a key")
        engine.run("decrypt", *rendition.files, "--key-file", engine.key_file, "--output", clear, "--force", "--quiet")
    due, found = source_frames(cell.row.files[0]), frames(clear)
    clear.unlink()
    if len(due) < 50:
        raise Wrong(f"ffmpeg decodes {len(due)} frames of the source: too few to say anything")
    if due != found:
        alike = sum(one == other for one, other in zip(due, found))
        raise Wrong(f"{alike} of {len(due)} decoded frames equal the source's; {len(found)} came out")


def decodes_to(files: list[Path], folder: Path) -> list[str]:
    """What ffmpeg sees of encrypted media without a key: mostly nothing at all."""
    joined = folder.with_suffix(".enc.mp4")
    joined.write_bytes(b"".join(file.read_bytes() for file in files))
    seen = hashes(joined)[1]
    joined.unlink()
    return seen


@cache
def source_frames(path: Path) -> list[str]:
    return frames(path)


def frames(path: Path) -> list[str]:
    """MD5 of every frame, picture or block of sound, that ffmpeg decodes."""
    error, found = hashes(path)
    if error:
        raise Wrong(f"ffmpeg about {path.name}: {error}")
    return found


def hashes(path: Path) -> tuple[str, list[str]]:
    # Without the edit list, so that all that was coded is compared, and not only what is presented.
    done = subprocess.run(
        ["ffmpeg", "-nostdin", "-v", "error", "-ignore_editlist", "1", "-i", path, "-map", "0:0",
         "-fps_mode", "passthrough", "-f", "framemd5", "-"],
        capture_output=True, text=True,
    )
    words = done.stderr.strip().splitlines()
    lines = [line for line in done.stdout.splitlines() if not line.startswith("#")]
    return (words[0] if words else "", [line.split(",")[-1].strip() for line in lines])


def compare_cues(rendition: Rendition) -> None:
    if rendition.mime == "text/vtt":
        found = cues_of_webvtt([file.read_text() for file in rendition.files])
        segments = [file for file in rendition.files[0].parent.glob("[0-9]*.vtt")]
        if segments and cues_of_webvtt([file.read_text() for file in segments]) != found:
            raise Wrong("the segments hold other cues than the whole file")
    else:
        found = cues_of_ttml(b"".join(file.read_bytes() for file in rendition.files))
    if found != CUES:
        raise Wrong(f"the cues are {found}")


def cues_of_webvtt(texts: list[str]) -> list[tuple[int, int, str]]:
    """The cues of all files, once each."""
    cues = set()
    for block in (block for text in texts for block in re.split(r"\n\s*\n", text)):
        lines = block.strip().splitlines()
        for at, line in enumerate(lines):
            if times := TIMES.match(line):
                fields = [int(number or 0) for number in times.groups()]
                cues.add((milliseconds(*fields[:4]), milliseconds(*fields[4:]), "\n".join(lines[at + 1:])))
    return sorted(cues)


def cues_of_ttml(media: bytes) -> list[tuple[int, int, str]]:
    """The paragraphs of all documents in the samples, once each."""
    cues = set()
    for document in re.findall(rb"<tt[ >].*?</tt>", media, re.DOTALL):
        for paragraph in xml.fromstring(document).iter(f"{TTML}p"):
            times = [milliseconds(*map(int, re.split("[:.]", paragraph.get(name)))) for name in ("begin", "end")]
            cues.add((*times, "".join(paragraph.itertext()).strip()))
    return sorted(cues)


def milliseconds(hours: int, minutes: int, seconds: int, ms: int) -> int:
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + ms

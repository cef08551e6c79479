"""The table as Markdown."""

from cells import LAYOUTS, SCHEMES, Cell
from inputs import HEIGHT, RATE, SECONDS, WIDTH

YES, NO, ABSENT = "✓", "✗", "—"
PLAYED = [scheme for scheme in SCHEMES if scheme not in ("cens", "cbc1")]
TITLES = {"segments": "a file a segment", "single-file": "a file a rendition"}
KINDS = {"picture": "Pictures", "sound": "Sound", "text": "Subtitles"}


class Notes:
    """Footnotes: the same reason has one number."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def mark(self, sign: str, text: str) -> str:
        if text not in self.texts:
            self.texts.append(text)
        return f"{sign} <sup>{self.texts.index(text) + 1}</sup>"


def markdown(cells: list[Cell], versions: dict[str, str]) -> str:
    notes = Notes()
    find = {(cell.row.label, cell.scheme, cell.layout): cell for cell in cells}
    rows = list({cell.row.label: cell.row for cell in cells}.values())
    parts = [head(cells, versions)]
    for layout in LAYOUTS:
        lines = table(["", "", *SCHEMES], [
            [row.name, f"`{row.entry}`", *(engine_sign(find[row.label, scheme, layout], notes) for scheme in SCHEMES)]
            for row in rows
        ])
        parts.append(f"## Packaged, verified, decrypted, compared: {TITLES[layout]} (`--layout {layout}`)\n\n{lines}")
    for layout in LAYOUTS:
        columns = [(protocol, scheme) for protocol in ("DASH", "HLS") for scheme in PLAYED]
        lines = table(["", "", *(f"{protocol} {scheme}" for protocol, scheme in columns)], [
            [row.name, f"`{row.entry}`",
             *(play_sign(find[row.label, scheme, layout], protocol, notes) for protocol, scheme in columns)]
            for row in rows
        ])
        parts.append(f"## Played in Chromium: {TITLES[layout]} (`--layout {layout}`)\n\n{lines}")
    parts.append("## Notes\n\n" + "".join(f"{number}. {text}\n" for number, text in enumerate(notes.texts, 1)))
    return "\n".join(parts)


def head(cells: list[Cell], versions: dict[str, str]) -> str:
    programs = "".join(f"- {name}: {version}\n" for name, version in versions.items())
    good = sum(cell.fault is None for cell in cells)
    plays = [play for cell in cells for play in cell.played.values() if "absent" not in play]
    return f"""<!-- Made by `make table` (scripts/table/); do not edit. -->
# What is packaged, and who plays it

Every codec under every scheme in both layouts: {good} of {len(cells)} packages are right, and
{sum("ok" in play for play in plays)} of {len(plays)} times playing them was, too. {YES} it was tried and is right · {ABSENT} it was not
tried, and the note says why · {NO} it was tried and is wrong.

**Right** is a package that `reelpack package` makes, in which `reelpack verify` finds nothing wrong beside its source
and with its key, whose media `reelpack decrypt` opens, and of which ffmpeg then decodes the same frames as of the source, each
with the same MD5; of subtitles, the same cues at the same times. Without the key ffmpeg must not see the pictures.

**Played** is a package whose pictures are right in screenshots at three times (each picture shows its own number), whose
sound is decoded as it plays, or whose cues are the source's at the same times: DASH by Shaka Player, HLS by hls.js, keys by ClearKey.
No browser decrypts `cens` and `cbc1`, and HLS has no method for them, so that nothing plays them here.

The inputs are {SECONDS} s long, pictures of {WIDTH}×{HEIGHT} at {RATE} a second, sound of two channels at 48 kHz, made by
ffmpeg; `wvtt` and `stpp` tracks by Shaka Packager. Subtitles come with an H.264 picture, which is encrypted; they themselves
are always clear. HE-AAC and xHE-AAC are not in the table: Debian's ffmpeg has no encoder of them.

{programs}"""


def table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def engine_sign(cell: Cell, notes: Notes) -> str:
    return YES if cell.fault is None else notes.mark(NO, f"{cell.name}: {plain(cell.fault)}")


def play_sign(cell: Cell, protocol: str, notes: Notes) -> str:
    play = cell.played.get(protocol, {"absent": "the package is not right."})
    if "ok" in play:
        return YES
    if "absent" in play:
        return notes.mark(ABSENT, play["absent"])
    return notes.mark(NO, f"{cell.name}, {protocol}: {plain(play['fault'])}")


def plain(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())

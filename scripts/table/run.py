#!/usr/bin/env python3
"""Makes the table of docs/support-table.md: packages every codec under every scheme in both layouts, and checks what came out.

The exit code is 1 when anything that was tried is wrong. Everything that was found is in WORK/results.json.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cells as engine_cells
import inputs
import report
from cells import LAYOUTS, SCHEMES, Cell, Engine

# A key of no worth, for this table only.
KID = "00112233445566778899aabbccddeeff"
CONTENT_KEY = "ffeeddccbbaa99887766554433221100"


def main() -> int:
    arguments = parse()
    work = arguments.work
    (work / "inputs").mkdir(parents=True, exist_ok=True)
    shutil.rmtree(work / "cells", ignore_errors=True)
    (work / "cells").mkdir()
    key_file = work / "table.key"
    key_file.write_text(f"{KID}:{CONTENT_KEY}\n")
    started = time.monotonic()

    rows = inputs.make(inputs.Tools(Path("ffmpeg"), arguments.shaka, work / "inputs"))
    cells = [
        Cell(row, scheme, layout, work / "cells" / f"{row.label}.{scheme}.{layout}")
        for row in rows if arguments.only in row.label for layout in LAYOUTS for scheme in SCHEMES
    ]
    if not cells:
        raise SystemExit(f"error: no codec has {arguments.only!r} in its name")
    with Browser(arguments.player, work / "cells", key_file) as browser:
        package_all(Engine(arguments.reelpack, key_file, browser.license_url, work / "cells"), cells)
        say(f"packages are made and checked after {time.monotonic() - started:.0f} s")
        play_all(browser, cells)
        versions = {**programs(arguments), **browser.versions}
    say(f"done after {time.monotonic() - started:.0f} s")
    return finish(arguments, cells, versions)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reelpack", type=Path, required=True, help="the binary")
    parser.add_argument("--shaka", type=Path, required=True, help="Shaka Packager, which makes two of the inputs")
    parser.add_argument("--player", type=Path, required=True, help="e2e/table.js")
    parser.add_argument("--work", type=Path, required=True, help="folder for inputs, packages and results")
    parser.add_argument("--output", type=Path, required=True, help="the Markdown file")
    parser.add_argument("--only", default="", help="codecs whose names hold this, as in av1-av01; writes no Markdown")
    return parser.parse_args()


def package_all(engine: Engine, cells: list[Cell]) -> None:
    def one(cell: Cell) -> None:
        engine_cells.check(engine, cell)
        if cell.fault is not None:
            say(f"{report.NO} {cell.name}: {cell.fault}")

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(one, cells))


def play_all(browser: "Browser", cells: list[Cell]) -> None:
    for cell in cells:
        if cell.fault is not None:
            continue
        cell.played = browser.play(cell)
        for protocol, play in cell.played.items():
            if "fault" in play:
                say(f"{report.NO} {cell.name}, {protocol}: {play['fault']}")


class Browser:
    """e2e/table.js: a line of JSON asks it to play a package, and a line of JSON is its answer."""

    def __init__(self, script: Path, folder: Path, key_file: Path) -> None:
        self.process = subprocess.Popen(
            ["node", script, folder, key_file], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        hello = self.answer()
        self.license_url: str = hello["licenceUrl"]
        self.versions: dict[str, str] = hello["versions"]

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stdin.close()
        self.process.wait()

    def play(self, cell: Cell) -> dict:
        question = {
            "folder": cell.folder.name, "kind": cell.row.kind, "scheme": cell.scheme, "codec": cell.codec, "cues": inputs.CUES,
        }
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def answer(self) -> dict:
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"error: the browser's script ended with {self.process.wait()}")
        return json.loads(line)


def programs(arguments: argparse.Namespace) -> dict[str, str]:
    first_line = lambda *command: inputs.run(list(command)).splitlines()[0]
    return {
        "Reelpack": first_line(arguments.reelpack, "--version").removeprefix("reelpack "),
        "ffmpeg": first_line("ffmpeg", "-version").split(" Copyright")[0].removeprefix("ffmpeg version "),
        "Shaka Packager": first_line(arguments.shaka, "--version").removeprefix("packager version "),
    }


def finish(arguments: argparse.Namespace, cells: list[Cell], versions: dict[str, str]) -> int:
    results = [
        {"codec": cell.row.name, "entry": cell.row.entry, "scheme": cell.scheme, "layout": cell.layout,
         "codecs": cell.codec, "fault": cell.fault, "played": cell.played}
        for cell in cells
    ]
    path = arguments.work / "results.json"
    path.write_text(json.dumps({"versions": versions, "cells": results}, indent=1, ensure_ascii=False) + "\n")
    if arguments.only:
        say(f"no table is written with --only; {path} has the results")
    else:
        arguments.output.write_text(report.markdown(cells, versions))
    wrong = sum((cell.fault is not None) + sum("fault" in play for play in cell.played.values()) for cell in cells)
    tried = sum(1 + sum("absent" not in play for play in cell.played.values()) for cell in cells)
    print(f"{tried - wrong} of {tried} tries are right; {path}")
    return 1 if wrong else 0


PRINTING = threading.Lock()


def say(text: str) -> None:
    with PRINTING:
        print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

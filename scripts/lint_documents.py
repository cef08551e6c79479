#!/usr/bin/env python3
"""Checks what no compiler checks: links between documents, and addresses that must not be committed.

usage: lint_documents.py

- Every relative link in a committed Markdown file leads to a file that exists, and to a heading when it names one.
- No committed file names the host of a package registry, and no package-lock.json says where a package came from:
  where packages come from is the machine's matter.
- Every file that the Makefile and the scripts run is executable.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Written so that this file does not contain them.
REGISTRY_HOSTS = re.compile(
    r"npm" r"js\.(org|com)|\bpypi" r"\.org|python" r"hosted\.org|static\.crates" r"\.io|index\.crates" r"\.io"
    r"|deb\.debian" r"\.org|registry\.yarn" r"pkg",
)
LINK = re.compile(r"!?\[[^\]]*\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)")
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")


def committed_files() -> list[Path]:
    """Files that git tracks or would add."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout
    paths = (ROOT / name for name in listing.split("\0") if name)
    return [path for path in paths if path.is_file()]


def slug(heading: str) -> str:
    """The anchor that a Markdown heading gets."""
    text = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return text.replace(" ", "-")


def anchors(path: Path) -> set[str]:
    text = FENCE.sub("", path.read_text(encoding="utf-8"))
    return {slug(match) for match in re.findall(r"^#{1,6}\s+(.+?)\s*$", text, re.MULTILINE)}


def check_links(path: Path) -> list[str]:
    problems = []
    text = CODE.sub("", FENCE.sub("", path.read_text(encoding="utf-8")))
    for target in LINK.findall(text):
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        if not file.exists():
            problems.append(f"link to {target}: there is no such file")
        elif anchor and file.suffix == ".md" and anchor not in anchors(file):
            problems.append(f"link to {target}: {file.name} has no such heading")
    return problems


def check_addresses(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return []
    problems = [f"names the registry host {match.group()}" for match in REGISTRY_HOSTS.finditer(text)]
    if path.name == "package-lock.json" and '"resolved"' in text:
        problems.append('has "resolved" entries: set omit-lockfile-registry-resolved=true in .npmrc beside it')
    return problems


def check_executable(path: Path) -> list[str]:
    runs = path.suffix in {".sh", ".py"} or path == ROOT / ".ci/run"
    starts = path.read_bytes().startswith(b"#!")
    executable = bool(path.stat().st_mode & 0o111)
    return ["starts with #! but is not executable"] if runs and starts and not executable else []


def main() -> int:
    files = committed_files()
    problems = []
    for path in files:
        found = check_addresses(path) + check_executable(path)
        if path.suffix == ".md":
            found += check_links(path)
        problems += [f"{path.relative_to(ROOT)}: {text}" for text in found]
    for problem in problems:
        print(problem)
    print(f"{len(files)} files looked at, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

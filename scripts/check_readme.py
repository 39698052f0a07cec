"""Checks README.md: its file map names every file once, and links of Markdown files lead somewhere.

The map stands under the heading "## Files", in a code block or as a list. Each entry is one line: a
path from the clone's top, spaces, what it is. A path that ends in "/" is a folder (a heading; its
files are named all the same). Files of ``MAPPED`` folders must be named; others may be.
"""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
MAPPED = ("hpsearch/", "studies/", "scripts/")
FENCE = re.compile(r"^ *(```|~~~)")
HEADING = re.compile(r"^(#{1,6}) +(.*?)[ #]*$")
LINK = re.compile(
    r"\[(?:[^\[\]]|\[[^\]]*\])*\]\(<?([^()\s>]+)>?(?: [^)]*)?\)|^\[[^\]]+\]: +(\S+)", re.M
)


def tracked() -> list[str]:
    """Every file that git tracks and that is still there, from the clone's top."""
    command = ["git", "ls-files", "-z"]  # as found in PATH
    listed = subprocess.run(command, cwd=TOP, check=True, capture_output=True, text=True)  # noqa: S603
    return [name for name in listed.stdout.split("\0") if name and (TOP / name).exists()]


def map_lines(text: str) -> list[str]:
    """The lines under the heading "## Files", without fences and empty lines."""
    inside, fenced, lines = False, False, []
    for line in text.splitlines():
        fenced ^= bool(FENCE.match(line))
        if not fenced and re.match(r"#{1,2} ", line):
            inside = line.strip() == "## Files"
        elif inside and line.strip() and not FENCE.match(line):
            lines.append(line)
    return lines


def map_problems(text: str, files: list[str]) -> list[str]:
    """What is wrong with the file map of a README with this text."""
    problems, named = [], Counter[str]()
    for line in map_lines(text):
        path, _, what = line.strip().lstrip("*- ").partition(" ")
        path = path.strip("`")
        if "/" not in path and "." not in path:
            continue  # a sentence between the entries
        if not what.strip(" :-–—"):
            problems.append(f"file map: {path} is not explained; add what it is")
        if not (TOP / path).exists():
            problems.append(f"file map: {path} is not there; take it out or correct it")
        named[path] += 1
    missing = [name for name in files if name.startswith(MAPPED) and name not in named]
    problems += [f"file map: {name} is missing; add a line under '## Files'" for name in missing]
    problems += [f"file map: {name} stands {n} times" for name, n in named.items() if n > 1]
    return problems


def prose(text: str) -> str:
    """The text without code, in which brackets are no links."""
    kept, fenced = [], False
    for line in text.splitlines():
        mark = bool(FENCE.match(line))
        if not (fenced or mark):
            kept.append(re.sub(r"`[^`]*`", "", line))
        fenced ^= mark
    return "\n".join(kept)


def anchors(path: Path) -> set[str]:
    """The anchors of a Markdown file's headings, as GitHub makes them."""
    found, fenced = Counter[str](), False
    names = set()
    for line in path.read_text(encoding="utf-8").splitlines():
        fenced ^= bool(FENCE.match(line))
        heading = None if fenced else HEADING.match(line)
        if heading:
            words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[2]).lower()
            name = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
            names.add(f"{name}-{found[name]}" if found[name] else name)
            found[name] += 1
    return names


def link_problems(path: Path) -> list[str]:
    """Links of a Markdown file that lead nowhere inside the clone."""
    problems = []
    for match in LINK.finditer(prose(path.read_text(encoding="utf-8"))):
        link = match[1] or match[2]
        if re.match(r"[a-z][a-z0-9+.-]*:", link):
            continue  # another site: not asked, the check works offline
        place, _, anchor = link.partition("#")
        target = (path.parent / place).resolve() if place else path
        if not target.exists():
            problems.append(f"{path.name}: link {link}: {place} is not there")
        elif anchor and target.suffix == ".md" and anchor not in anchors(target):
            problems.append(f"{path.name}: link {link}: no heading #{anchor} in {target.name}")
    return problems


def main() -> int:
    """Print every problem; 1 where there is one."""
    files = tracked()
    problems = map_problems((TOP / "README.md").read_text(encoding="utf-8"), files)
    for name in files:
        if name.endswith(".md"):
            problems += link_problems(TOP / name)
    print("\n".join(problems) or "README and links are as they should be")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

"""Checks that links of Markdown files lead somewhere inside the clone."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
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
    problems = [
        problem for name in files if name.endswith(".md") for problem in link_problems(TOP / name)
    ]
    print("\n".join(problems) or "every link leads somewhere")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

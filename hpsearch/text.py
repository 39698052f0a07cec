"""Text as it is shown: what comes from outside without what it would do; values; misspelt words."""

import difflib
import json
import re
import unicodedata
from collections.abc import Collection, Sequence

_CODES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # colours, the cursor
    r"|\x1b[\]P^_X][^\x07\x1b]*(?:\x07|\x1b\\)?"  # titles, links and the like, with their text
    r"|\x1b[ -/]*[0-~]"
)
"""The control sequences of terminals (ECMA-48)."""


def plain(text: str) -> str:
    """A text without the control sequences of terminals, such as those that colour it."""
    return _CODES.sub("", text)


def printable(text: str) -> str:
    """A text that does nothing to a terminal but show: control characters are written as escapes.

    So are characters that turn the direction of what follows, and bytes that are no text. Lines and
    tabulators stay.
    """
    if text.isprintable():
        return text
    return "".join(c if _is_shown(c) else ascii(c)[1:-1] for c in text)


def _is_shown(character: str) -> bool:
    spaces = character in "\n\t" or unicodedata.category(character) == "Zs"
    return character.isprintable() or spaces


def plural(number: int, noun: str) -> str:
    """A number of things for a reader: "1 trial", "3 trials", "2 studies"."""
    if number == 1:
        return f"1 {noun}"
    return f"{number:,} {noun[:-1]}ies" if noun.endswith("y") else f"{number:,} {noun}s"


def duration(seconds: float) -> str:
    """A time span for a reader: "8.4 s", "3 min 05 s", "2 h 07 min"."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"


def size(count: float) -> str:
    """A number of bytes for a reader: "3.1 MB"."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def significant(value: float) -> str:
    """A value in a unit of its own, of any size: five significant digits ("0.49530", "1234.5").

    Whole numbers of more digits are not cut, up to a billion.
    """
    if 99_999.5 <= abs(value) < 1e9:
        return f"{value:.0f}"
    return f"{value:#.5g}".rstrip(".")


def brief(value: float) -> str:
    """A value as short as it can be told in six digits: "0.35", "18,818", "1.5e-07"."""
    is_whole = float(value).is_integer() or abs(value) >= 1e5
    return f"{value:,.0f}" if is_whole and abs(value) < 1e12 else f"{value:.6g}"


def decimal(value: float) -> str:
    """A metric's value, for a reader: four digits after the point; of 10 and more five in all, and
    below a thousandth three.
    """
    if abs(value) >= 10:
        return significant(value)
    return f"{value:.3g}" if 0 < abs(value) < 1e-3 else f"{value:.4f}"


def listed(names: Sequence[str]) -> str:
    """Names in a sentence."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if names[1:] else names)


def show(value: object) -> str:
    """A value as a user would have written it (TOML and JSON spell these alike), cut at 80.

    What does not print (control characters, surrogates) is escaped.
    """
    try:
        text = json.dumps(value, ensure_ascii=False)
    except TypeError:  # dates and times, which TOML and YAML know
        text = str(value)
    except ValueError:  # a value that holds itself, or a number of thousands of digits
        text = "(too large to show)"
    return shortened(text)


def shortened(text: str) -> str:
    """A text in one message: cut at 80 characters, what does not print is escaped."""
    return printable(text if len(text) <= 80 else text[:77] + "...")


def nearest(word: str, known: Collection[str]) -> list[str]:
    """Those of some words that are nearest to a misspelt one, whatever their case; often none.

    The only word that begins so is meant before one that is spelt alike: "val_acc" is not val_auc.
    """
    begun = [one for one in known if one.casefold().startswith(word.casefold())]
    if len(begun) == 1 and len(word) > 2:
        return begun
    near = difflib.get_close_matches(word.casefold(), {one.casefold() for one in known}, n=1)
    return [one for one in known if one.casefold() in near]


def closest(word: str, known: Sequence[str]) -> str:
    """Advice on a misspelt word: "did you mean …?" where something is near, and what is known.

    Capital and small letters are the same here.
    """
    meant = nearest(word, known)
    hint = f"did you mean {' or '.join(meant)}? " if meant else ""
    return f"{hint}known: {', '.join(sorted(known))}"

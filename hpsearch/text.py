"""Text from outside, as it may be kept and shown: names, paths, and what libraries say."""

import re
import unicodedata

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

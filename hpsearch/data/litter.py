"""Litter: what desktops, archives and tools leave beside data; it is passed over everywhere.

The usual home is some, too, where a command was given in the folder of the data.
"""

from collections import Counter
from collections.abc import Iterable

from hpsearch.environment import USUAL_HOME

_NAMES = frozenset({
    USUAL_HOME,
    "__macosx", "icon\r", "thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin",
    "system volume information", "@eadir", "#recycle", "lost+found", "__pycache__",
})  # fmt: skip
"""In lower case. What begins with a dot is litter in any case: .DS_Store, .ipynb_checkpoints ..."""
_MARK = ":Zone.Identifier"
"""End of the files in which Windows keeps where another one was downloaded from."""
_NAMED = 5


def is_litter(name: str) -> bool:
    """Whether a file or folder of this name, without its path, is none of the data."""
    return name.startswith(".") or name.casefold() in _NAMES or name.endswith(_MARK)


def litter_in(path: str) -> str | None:
    """The litter that a path in an archive is or lies in ("__MACOSX" of "__MACOSX/train/._1.png").

    Returns:
        its name; None where the path is of the data.
    """
    names = (name for name in path.split("/") if name not in ("", ".", ".."))
    return next(filter(is_litter, names), None)


def listed(names: Iterable[str]) -> str:
    """Litter that was found as a text: "__MACOSX, .DS_Store (3), ._* (20)".

    Args:
        names: of each file or folder, without its path.
    """
    counts = Counter(
        "._*" if name.startswith("._") else f"*{_MARK}" if name.endswith(_MARK) else name.strip()
        for name in names
    )
    texts = [name if count == 1 else f"{name} ({count:,})" for name, count in counts.most_common()]
    more = f" and {len(texts) - _NAMED:,} more" if len(texts) > _NAMED else ""
    return ", ".join(texts[:_NAMED]) + more

"""The layout of a folder of images: which folders are its parts and its classes."""

import os
import re
import stat
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from hpsearch.data.arrays import PartName
from hpsearch.data.litter import is_litter
from hpsearch.data.mistaken import HEAD, mistaken
from hpsearch.errors import InputError, UnreachableError
from hpsearch.text import show

DEPTH = 6
"""Levels of folders, at most, down to the images: two around all, two a part, one a class."""
_AROUND = 2
"""Folders, at most, that hold nothing but the next one, as archives are often unpacked."""

_WORDS: dict[PartName, str] = {
    "train": "train|training",
    "val": "val|valid|validation|dev",
    "test": "test|testing",
}
_UNLABELLED = re.compile(r"(seg)?(pred|predictions?|unlabell?ed)")
"""Folders without labels that some sets have beside their parts."""
_READ = {"train": "training", "val": "validation", "test": "test"}
IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
"""How the names of images end that are read."""
_KNOWN = "train/, val/ and test/ (or Training, valid, test_set and the like)"


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where the parts of a set are."""

    root: Path
    """The folder that was given."""
    parts: dict[PartName, Path]
    """The folder of each part that there is, "train" among them; its folders are the classes."""
    unlabelled: tuple[Path, ...] = ()
    """Folders beside them that are passed over."""

    @property
    def notes(self) -> tuple[str, ...]:
        """How folders were read whose names are others than train/, val/ and test/."""
        below = {part: self.below(folder) for part, folder in self.parts.items()}
        is_plain = below in ({"train": ""}, {part: part for part in below})
        told = [f"{name}/ is the {_READ[part]} part" for part, name in below.items() if name]
        passed = [f"{self.below(folder)}/ has no labels: passed over" for folder in self.unlabelled]
        return (*([] if is_plain else [", ".join(told)]), *passed)

    def below(self, folder: Path) -> str:
        """The path of a folder below the root; "" for the root itself."""
        path = folder.relative_to(self.root).as_posix()
        return "" if path == "." else path


def part_of(name: str) -> PartName | None:
    """The part that a folder of this name is: Training, seg_test, validation_set, val2017 ..."""
    for part, words in _WORDS.items():
        if re.fullmatch(rf"(seg)?({words})(set|data|images)?\d*", _plain(name)):
            return part
    return None


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.casefold())


def find(root: Path) -> Layout:
    """The layout of a folder of images.

    Parts are the folders named so (see :func:`part_of`) that hold class folders; where there are
    none, the folder's own folders are the classes. A folder that holds nothing but another one is
    gone into.

    Raises:
        InputError: no such folder, no training part, two folders of one part, or a folder whose
            meaning is not known.
        UnreachableError: a folder cannot be read.
    """
    folder = root
    for around in range(_AROUND + 1):
        inside = folders(folder)
        named = {part: [f for f in inside if part_of(f.name) == part] for part in _WORDS}
        others = [f for f in inside if part_of(f.name) is None]
        if _has_parts(folder, named, others):
            return _with_parts(root, folder, named, others)
        if around == _AROUND or not _only_wraps(folder, inside):
            break
        folder = inside[0]
    if inside and all(map(_holds_folders, inside)):
        names = ", ".join(show(each.name) for each in inside[:3])
        raise InputError(
            f"{folder} has folders of folders ({names}), but none is called train/; name them"
            f" {_KNOWN}, or give the one that holds the classes"
        )
    return Layout(root=root, parts={"train": folder})


def _has_parts(
    folder: Path, named: dict[PartName, list[Path]], others: Sequence[Path]
) -> bool:  # fmt: skip
    """Whether folders with the names of parts are parts; of many flat ones they are classes."""
    holding = [each for found in named.values() for each in found if _holds_folders(each)]
    if not named["train"] and holding:
        raise InputError(
            f"{folder} has {holding[0].name}/, but no train/; add train/<class>/"
            + "".join(f", or rename {show(other.name)}" for other in others[:1])
        )
    return bool(named["train"]) and (bool(holding) or len(others) < 2)


def _with_parts(
    root: Path, folder: Path, named: dict[PartName, list[Path]], others: Sequence[Path]
) -> Layout:
    for found in named.values():
        if len(found) > 1:
            raise InputError(
                f"{folder} has both {show(found[0].name)} and {show(found[1].name)}, which mean the"
                " same part; merge them, or move one away"
            )
    unlabelled = tuple(f for f in others if _UNLABELLED.fullmatch(_plain(f.name)))
    unknown = [other for other in others if other not in unlabelled]
    if unknown:
        raise InputError(
            f"{folder} has a folder {show(unknown[0].name)} beside {named['train'][0].name}/;"
            f" only {_KNOWN} are known: rename it or move it away"
        )
    parts = {part: _unwrapped(found[0]) for part, found in named.items() if found}
    return Layout(root=root, parts=parts, unlabelled=unlabelled)


def _unwrapped(part: Path) -> Path:
    """The folder of a part, or the only one in it (seg_train/seg_train)."""
    inside = folders(part)
    return inside[0] if _only_wraps(part, inside) else part


def _only_wraps(folder: Path, inside: Sequence[Path]) -> bool:
    """Whether a folder holds one other folder, which holds folders, and no images."""
    return (
        len(inside) == 1
        and _holds_folders(inside[0])
        and not any(map(holds_images, (folder, inside[0])))
    )


def holds_images(folder: Path) -> bool:
    """Whether there are files directly in a folder whose names end as images do."""
    return any(name.lower().endswith(IMAGES) for name in entries(folder))


def _holds_folders(folder: Path) -> bool:
    with _reading(folder), os.scandir(folder) as listed:
        return any(_is_folder(entry) for entry in listed if not is_litter(entry.name))


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    """Whether an entry is a folder or a link to one; a link that leads nowhere is refused."""
    if not entry.is_symlink():
        return entry.is_dir()
    with _reading(Path(entry.path)):
        return stat.S_ISDIR(entry.stat().st_mode)


def class_folders(part: Path) -> dict[str, Path]:
    """The class folders of a part by their names in Unicode's composed form (NFC).

    Raises:
        InputError: two of them are shown alike.
        UnreachableError: a folder cannot be read.
    """
    found: dict[str, Path] = {}
    for folder in folders(part):
        name = unicodedata.normalize("NFC", folder.name)
        if name in found:
            raise InputError(
                f"{part} has two folders that both read {show(name)} (accents can be stored in two"
                " ways); merge them, or rename one"
            )
        found[name] = folder
    return found


def count(part: Path) -> int:
    """How many files the class folders of a part have.

    Raises:
        InputError: two classes are shown alike.
        UnreachableError: a folder cannot be read.
    """
    return sum(len(entries(folder)) for folder in class_folders(part).values())


def folders(folder: Path) -> list[Path]:
    """The folders in a folder, in order. A link that leads nowhere may have been one: refused.

    Raises:
        InputError: see :func:`entries`.
        UnreachableError: a folder cannot be read.
    """
    with _reading(folder), os.scandir(folder) as listed:
        kept = [entry for entry in listed if not is_litter(entry.name)]
        names = _checked(folder, [entry.name for entry in kept if _is_folder(entry)])
    return [folder / name for name in names]


def entries(folder: Path) -> list[str]:
    """The names of what lies in a folder, in order, without litter.

    Raises:
        InputError: no such folder, a file, or a name that is not UTF-8.
        UnreachableError: it cannot be read.
    """
    with _reading(folder):
        listed = os.listdir(folder)  # noqa: PTH208 - a Path for each file takes longer
    return _checked(folder, [name for name in listed if not is_litter(name)])


def _checked(folder: Path, names: list[str]) -> list[str]:
    """Names in order, each of which can be written down."""
    names = sorted(names)
    for name in names:
        try:
            name.encode()
        except UnicodeEncodeError:
            raise InputError(f"{folder}: the name {show(name)} is not UTF-8; rename it") from None
    return names


@contextmanager
def _reading(folder: Path) -> Iterator[None]:
    """Turn what the system refuses into an error that says what to do."""
    try:
        yield
    except FileNotFoundError as error:
        if folder.is_symlink():
            raise _unreadable(folder, error) from None
        raise InputError(f"{folder}: no such folder; correct dataset.path") from None
    except NotADirectoryError:
        raise _no_folder(folder) from None
    except OSError as error:
        raise _unreadable(folder, error) from None


def _unreadable(path: Path, error: OSError) -> UnreachableError:
    return UnreachableError(
        f"{path}: {error.strerror}; check its permissions and, for a link, its target"
    )


def _no_folder(file: Path) -> InputError:
    """A file where a folder is wanted: an archive, for one, that was not unpacked."""
    other = None
    with suppress(OSError), file.open("rb") as stream:
        other = mistaken(stream.read(HEAD))
    kind = f"is {other.kind}" if other else "is a file"
    cure = "unpack it, and " if other and other.cure == "unpack it" else ""
    instead = f", or {other.cure}" if other and other.source else ""
    return InputError(f"{file} {kind}; {cure}give the folder that holds train/{instead}")

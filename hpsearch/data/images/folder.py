"""A folder of images as arrays: its classes, its files, and what is no readable image."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import psutil

from hpsearch.data.arrays import Arrays, Labels, Progress, throttled
from hpsearch.data.images import layout
from hpsearch.data.images.decoding import Form, Kind, Mode, Pixels, UnreadableError, decode
from hpsearch.data.images.parallel import decode_all
from hpsearch.data.official.official import other_kind
from hpsearch.data.sources.image_folder import ImageFolder
from hpsearch.data.tables.files import holds_table
from hpsearch.errors import InputError
from hpsearch.text import show

_MODES: dict[str, Mode] = {"rgb": "RGB", "grey": "L"}
_MAX_UNREADABLE = 0.01
"""Share of files that may be no readable image, where the section does not say."""
_NAMED = 3
"""Unreadable files that a message names."""


def read(folder: ImageFolder, progress: Progress) -> Arrays:
    """All images of a folder; see ``ImageFolder.load``."""
    root = Path(folder.path)
    found = layout.find(root)
    train = found.parts["train"]
    classes = layout.class_folders(train)
    if not classes:
        if holds_table(train):
            raise InputError(f'{train} holds a table, no images; use dataset.source = "table"')
        if layout.holds_images(train):
            raise InputError(f"{train} has images, but no class folders; make one for each class")
        hint = other_kind(layout.entries(train))
        cure = f"make one for each class{hint and f' ({hint})'}"
        raise InputError(f"{train} has no class folders; {cure}")
    listed = {part: _files(f, list(classes), train) for part, f in found.parts.items()}
    files = [file for part in listed.values() for file, _ in part]
    pixels, reasons, turned = _read_all(folder, files, progress)
    x: dict[str, Pixels] = {}
    y: dict[str, Labels] = {}
    outcome = iter(reasons)
    for part, pairs in listed.items():
        labels = [label for _, label in pairs if next(outcome) is None]
        y[part] = np.array(labels, dtype=np.int64)
        x[part], pixels = pixels[: len(labels)], pixels[len(labels) :]
    return Arrays(
        x_train=x["train"],
        y_train=y["train"],
        x_val=x.get("val"),
        y_val=y.get("val"),
        x_test=x.get("test"),
        y_test=y.get("test"),
        class_names=tuple(classes),
        maximum=255.0,
        skipped=_skipped(root, files, reasons),
        turned=turned,
        notes=found.notes,
    )


def _files(part: Path, classes: Sequence[str], train: Path) -> list[tuple[str, int]]:
    """All files of a part with their labels, class by class."""
    pairs: list[tuple[str, int]] = []
    for name, folder in layout.class_folders(part).items():
        if name not in classes:
            raise InputError(
                f"{folder}: {train.name}/ has no class {show(name)}; add training images of this"
                " class, or move the folder away"
            )
        label = classes.index(name)
        pairs += [(f"{folder}/{file}", label) for file in layout.entries(folder)]
    if not pairs and layout.holds_images(part):
        raise InputError(
            f"{part} has images but no class folders, so their classes are unknown; sort them into"
            " class folders, or move the folder away"
        )
    if not pairs:
        raise InputError(f"{part} has no images; add some, or move the folder away")
    return pairs


def _read_all(
    folder: ImageFolder, files: Sequence[str], progress: Progress
) -> tuple[Pixels, list[str | None], int]:
    """All readable images in one array, for each file why it is none (None: it is one), and how
    many were turned.
    """
    root = Path(folder.path)
    size = folder.image_size and (folder.image_size[1], folder.image_size[0])
    form = Form(size=size, mode=folder.image_mode and _MODES[folder.image_mode])
    allowed = _MAX_UNREADABLE if folder.max_unreadable is None else folder.max_unreadable
    kind, reasons = _first_kind(files, form)
    if kind is None:
        raise _too_many(root, files, reasons, allowed)
    shape = (len(files), *kind.shape)
    need, free = int(np.prod(shape, dtype=np.int64)), psutil.virtual_memory().available
    if need > free:
        raise InputError(
            f"{root}: {len(files)} images of {kind} need {need / 1e9:.1f} GB of memory, but only"
            f" {free / 1e9:.1f} GB are free; set a smaller dataset.image_size, or use fewer images"
        )
    pixels = np.empty(shape, dtype=np.uint8)
    progress = throttled(progress)
    reasons, count, turned = [], 0, 0
    with closing(decode_all(files, form, kind)) as decoded:
        for some in decoded:
            pixels[count : count + len(some.pixels)] = some.pixels
            count += len(some.pixels)
            turned += some.turned
            reasons += some.reasons
            progress("reading images", len(reasons), len(files))
    if len(files) - count > allowed * len(files):
        raise _too_many(root, files, reasons, allowed)
    return pixels[:count], reasons, turned


def _first_kind(files: Sequence[str], form: Form) -> tuple[Kind | None, list[str | None]]:
    """The kind of the first readable image, and why the files before it are none."""
    reasons: list[str | None] = []
    for file in files:
        try:
            return decode(file, form, None).kind, reasons
        except UnreadableError as error:
            reasons.append(str(error))
    return None, reasons


def _skipped(root: Path, files: Sequence[str], reasons: Sequence[str | None]) -> tuple[str, ...]:
    """The files that were passed over: path below the root, and why."""
    return tuple(
        f"{_printable(file.removeprefix(f'{root}/'))}: {reason}"
        for file, reason in zip(files, reasons, strict=True)
        if reason is not None
    )


def _printable(name: str) -> str:
    return name if name.isprintable() else show(name)


def _too_many(
    root: Path, files: Sequence[str], reasons: Sequence[str | None], allowed: float
) -> InputError:
    skipped = _skipped(root, files, reasons)
    more = f" and {len(skipped) - _NAMED} more" if len(skipped) > _NAMED else ""
    return InputError(
        f"{root}: {len(skipped)} of {len(files)} files ({len(skipped) / len(files):.2%}) are not"
        f" readable PNG, JPEG, BMP or WebP images, but dataset.max_unreadable = {allowed} allows"
        f" {allowed:.2%}: {', '.join(skipped[:_NAMED])}{more}; fix or remove them, or raise"
        " dataset.max_unreadable"
    )

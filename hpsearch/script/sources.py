"""Sources: how a script reads the data of a recipe, found out from the files themselves."""

import posixpath
from pathlib import Path
from typing import Any

import numpy as np

from hpsearch.data.dataset import Dataset
from hpsearch.data.images import layout
from hpsearch.data.official.cifar import CifarSet
from hpsearch.data.official.container import reading
from hpsearch.data.official.official import OfficialSet
from hpsearch.data.section import DatasetSection
from hpsearch.data.signature import source_files
from hpsearch.data.sources.image_folder import ImageFolder
from hpsearch.data.sources.npz import Npz

_MODES = {2: "L", 3: "RGB"}
"""Pillow's name for images by the number of their dimensions."""


def reader(section: DatasetSection, dataset: Dataset) -> dict[str, Any]:
    """What the template of a script's loader has to know.

    Args:
        section: the data section, its path absolute.
        dataset: its import. Of the source's files only names, and labels of an npz, are read.

    Returns:
        ``kind``: the name of the loader's template, ``data``: the path that it reads or None,
        ``archive``: whether that is a tar archive, and what that template asks for.

    Raises:
        InputError: damaged files.
        UnreachableError: files that cannot be read.
    """
    plain = {"kind": section.source, "data": None, "archive": False, "files": None}
    match section.reader:
        case OfficialSet() as source:
            return plain | _of_official(source)
        case Npz(path=path):
            values = _values(Path(path))
            return plain | {"data": Path(path), "cast": _cast(dataset), "values": values}
        case ImageFolder() as source:
            return plain | _of_images(source, dataset)
    return plain


def _of_official(source: OfficialSet) -> dict[str, Any]:
    """The four official sets: by Keras, or from a copy of their files."""
    if source.path is None:
        return {"kind": "keras"}
    place = source.place()
    if place.kind == "npz":
        return {"kind": "keras_npz", "data": place.path}
    names = place.names
    found = {"data": place.path, "archive": place.kind == "tar"}
    if not isinstance(source, CifarSet):
        train, test = (
            [names[f"{part}-images"], names[f"{part}-labels"]] for part in ("train", "t10k")
        )
        return found | {"kind": "idx", "files": {"train": train, "test": test}}
    batches = [names[batch] for batch in source.batches]
    files = {"train": batches[:-1], "test": batches[-1:]}
    return found | {"kind": "cifar", "files": files, "labels": source.labels_key}


def _cast(dataset: Dataset) -> str | None:
    """The type that inputs of an npz are brought to, where it may be another one there."""
    if dataset.maximum == 1:
        return "uint8"  # they are true or false
    return "float32" if dataset.dtype == "float32" else None


def _values(path: Path) -> str:
    """What labels of an npz are: "labels" from 0, "named" as in class_names, or "any" values."""
    with reading(str(path)), np.load(path) as arrays:
        values = np.unique(arrays["y_train"])
        named = "class_names" in arrays
    if values.dtype.kind == "U":
        return "named" if named else "any"
    return "labels" if np.array_equal(values, np.arange(len(values))) else "any"


def _of_images(source: ImageFolder, dataset: Dataset) -> dict[str, Any]:
    root = Path(source.path)
    height, width = source.image_size or (None, None)
    found = layout.find(root)
    folders = {part: found.below(folder) for part, folder in found.parts.items()}
    litter = source_files(root, layout.DEPTH).litter
    return {
        "data": root,
        "folders": None if folders == {"train": ""} else folders,
        "litter": sorted({name for name in litter if not name.startswith(".")}),
        "ascii": all(name.isascii() for name in dataset.class_names),
        "size": source.image_size is not None,
        "height": height,
        "width": width,
        "turned": dataset.turned > 0,
        "converted": source.image_mode is not None,
        "mode": _MODES[len(dataset.input_shape)],
        "skipped": sorted(_file(root, line) for line in dataset.skipped),
    }


def _file(root: Path, skipped: str) -> str:
    """The file in a line "train/cat/12.png: why it was passed over"; both may have colons."""
    ends = [at for at in range(len(skipped)) if skipped.startswith(": ", at)]
    names = [skipped[:end] for end in ends]
    found = [name for name in names if (root / name).is_file()]
    return posixpath.normpath((found or names)[0])

"""Files in the idx format of MNIST: a header with the shape, then one byte a value."""

import math
import re
import struct
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from hpsearch.data import savez
from hpsearch.data.arrays import Progress
from hpsearch.data.official.container import check_memory, reading, unzipped
from hpsearch.data.official.official import OfficialSet, Parts
from hpsearch.errors import InputError

Bytes = npt.NDArray[np.uint8]

IDX = "a folder or tar archive with train-images-idx3-ubyte.gz and the three files beside it"
"""What a path may be, for messages."""

_NAME = re.compile(r"(?:.*/)?((?:train|t10k)-(?:images|labels))[-.]idx[13]-ubyte(?:\.gz)?")
_DIMENSIONS = {"images": 3, "labels": 1}
_FILES = {
    "x_train": "train-images",
    "y_train": "train-labels",
    "x_test": "t10k-images",
    "y_test": "t10k-labels",
}


def read_idx(role: str, where: str, stream: IO[bytes]) -> Bytes:
    """The array in an idx file of bytes, gzipped or not: (n, height, width), or (n,) for labels.

    Args:
        role: as :meth:`IdxSet.role` gives it.
        where: the file, for messages.
        stream: its content.

    Raises:
        InputError: another kind of file, a cut-off one, one with more than it declares, or one
            that declares more than the free memory.
    """
    dimensions = _DIMENSIONS[role.partition("-")[2]]
    with reading(where):
        content = unzipped(stream)
        magic = content.read(4)
        if magic != bytes([0, 0, 8, dimensions]):
            raise InputError(
                f"{where} begins with {magic.hex(' ') or 'nothing'}, an idx file of"
                f" {role.partition('-')[2]} with 00 00 08 {dimensions:02x}; download the official"
                " file"
            )
        sizes = content.read(4 * dimensions)
        if len(sizes) < 4 * dimensions:
            raise EOFError("cut off in its header")
        shape = struct.unpack(f">{dimensions}I", sizes)
        count = math.prod(shape)
        check_memory(where, count)
        values = content.read(count)
        if len(values) < count:
            raise EOFError(f"it declares the shape {shape}, but holds {len(values)} bytes")
        if content.read(1):  # at the end of which gzip compares its checksum
            raise ValueError(f"it declares the shape {shape}, but holds more")
    return np.frombuffer(values, np.uint8).reshape(shape)


class IdxSet(OfficialSet):
    """A set in four idx files, or as Keras has it: four arrays in an .npz file."""

    shape = (28, 28)

    @classmethod
    def looks_like(cls, path: Path) -> bool:
        """As of all public sets; two have files of the same names: the folder's name tells them,
        or that of the one above: torchvision downloads into FashionMNIST/raw.
        """
        place = path.absolute()
        named = place.parent if place.name == "raw" else place
        is_fashion = "fashion" in named.name.casefold()
        return is_fashion == ("fashion" in cls.name) and super().looks_like(path)

    @classmethod
    def role(cls, name: str) -> str | None:
        """One of "train-images", "train-labels", "t10k-images" and "t10k-labels"; else None.

        Official files have a dash before "idx", copies of them often a dot.
        """
        match = _NAME.fullmatch(name)
        return match and match[1]

    def _read_files(
        self, path: Path, found: list[str], progress: Progress
    ) -> tuple[Parts, tuple[str, ...]]:
        """The arrays of the four files."""
        read: Parts = {}

        def use(role: str, where: str, stream: IO[bytes]) -> None:
            progress(f"reading {self.title}", len(read), len(_FILES))
            read[role] = read_idx(role, where, stream)

        found += self._read_wanted(path, list(_FILES.values()), use, read)
        progress(f"reading {self.title}", len(read), len(_FILES))
        for part in ("train", "t10k"):
            images, labels = read[f"{part}-images"], read[f"{part}-labels"]
            if len(images) != len(labels):
                raise InputError(
                    f"{path}: {part}-images has {len(images)} images, but {part}-labels"
                    f" {len(labels)} labels; download the official files"
                )
        return {name: read[role] for name, role in _FILES.items()}, self.class_names

    def _read_zip(self, path: Path, progress: Progress) -> Parts:
        """The four arrays of an .npz file."""
        arrays = savez.read(path, progress)
        for name in _FILES:
            if name not in arrays:
                raise InputError(f"{path} has no {name}; give {self.path_may_be}")
            if arrays[name].dtype.kind not in "ui":
                raise InputError(
                    f"{path}: {name} holds {arrays[name].dtype}, but {self.title} has whole"
                    ' numbers; for other arrays use source = "npz"'
                )
        return {name: arrays[name] for name in _FILES}

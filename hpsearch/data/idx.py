"""Files in the idx format of MNIST: a header with the shape, then one byte a value."""

import math
import re
import struct
from typing import IO

import numpy as np
import numpy.typing as npt

from hpsearch.data.container import check_memory, reading, unzipped
from hpsearch.errors import InputError

Bytes = npt.NDArray[np.uint8]

_NAME = re.compile(r"(?:.*/)?((?:train|t10k)-(?:images|labels))[-.]idx[13]-ubyte(?:\.gz)?")
_DIMENSIONS = {"images": 3, "labels": 1}


def idx_role(name: str) -> str | None:
    """One of "train-images", "train-labels", "t10k-images" and "t10k-labels"; else None.

    Official files have a dash before "idx", copies of them often a dot.
    """
    match = _NAME.fullmatch(name)
    return match and match[1]


def read_idx(role: str, where: str, stream: IO[bytes]) -> Bytes:
    """The array in an idx file of bytes, gzipped or not: (n, height, width), or (n,) for labels.

    Args:
        role: as :func:`idx_role` gives it.
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

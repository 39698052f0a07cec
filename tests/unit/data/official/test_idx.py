import gzip
import io
import struct

import numpy as np
import official
import pytest

from hpsearch.data.official.idx import read_idx
from hpsearch.data.sources.mnist import Mnist
from hpsearch.errors import InputError

IMAGES = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
LABELS = np.array([3, 0, 9], np.uint8)


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("train-images-idx3-ubyte", "train-images"),
        ("train-labels-idx1-ubyte.gz", "train-labels"),
        ("t10k-images.idx3-ubyte", "t10k-images"),
        ("MNIST/raw/t10k-labels.idx1-ubyte.gz", "t10k-labels"),
        ("train-images-idx3-ubyte.zip", None),
        ("emnist-train-images-idx3-ubyte", None),
        ("train-images", None),
        ("readme", None),
    ],
)
def test_files_are_known_by_their_names(name: str, role: str | None) -> None:
    assert Mnist.role(name) == role


@pytest.mark.parametrize("gzipped", [False, True])
def test_files_are_read_gzipped_or_not(gzipped: bool) -> None:
    for role, array in (("train-images", IMAGES), ("t10k-labels", LABELS)):
        content = official.idx(array)
        stream = io.BytesIO(gzip.compress(content) if gzipped else content)
        read = read_idx(role, "here", stream)
        assert read.dtype == np.uint8
        assert np.array_equal(read, array)


WHOLE = official.idx(IMAGES)
HUGE = bytes([0, 0, 8, 3]) + struct.pack(">III", 2**31, 28, 28)
ZIPPED = gzip.compress(WHOLE)
DAMAGED = {
    "nothing": (b"", "begins with nothing"),
    "labels": (official.idx(LABELS), "begins with 00 00 08 01"),
    "floats": (b"\0\0\x0d\3" + WHOLE[4:], "begins with 00 00 0d 03"),
    "wrong magic": (b"\1\2\3\4" + WHOLE[4:], "begins with 01 02 03 04"),
    "cut in the header": (WHOLE[:10], "cut off in its header"),
    "cut in the values": (WHOLE[:-1], "holds 23 bytes"),
    "trailing bytes": (WHOLE + b"\0", "holds more"),
    "more than the memory": (HUGE, "declares 1683.6 GB"),
    "more than the memory, gzipped": (gzip.compress(HUGE), "declares 1683.6 GB"),
    "more than there is": (bytes([0, 0, 8, 3]) + struct.pack(">III", 9**4, 9, 9), "holds 0 bytes"),
    "cut-off gzip": (ZIPPED[:-6], "damaged"),
    "gzip without its checksum": (ZIPPED[:-8] + bytes(8), "CRC"),
    "gzip of something else": (gzip.compress(b"hello"), "begins with 68 65 6c 6c"),
    "nearly gzip": (b"\x1f\x8b" + bytes(50), "damaged"),
    "two gzips": (ZIPPED + ZIPPED, "holds more"),
    "gzip and trailing bytes": (ZIPPED + b"hello", "damaged"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_files_are_refused(name: str) -> None:
    content, says = DAMAGED[name]
    with pytest.raises(InputError) as caught:
        read_idx("train-images", "here", io.BytesIO(content))
    assert says in str(caught.value)
    assert str(caught.value).startswith("here ")
    assert "; " in str(caught.value)

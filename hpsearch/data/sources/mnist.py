"""Source "mnist": 70,000 handwritten digits, 28 x 28, grey."""

from hpsearch.data.official.idx import IDX, IdxSet
from hpsearch.presets.sizes import Sizes


class Mnist(IdxSet):
    """MNIST (LeCun et al., 1998)."""

    name = "mnist"
    title = "MNIST"
    usual = Sizes(rows=54_000, pixels=28)
    class_names = tuple("0123456789")
    path_may_be = f"{IDX}, or mnist.npz"
    sample = "mnist.npz"
    archives = ("mnist.npz",)
    cached = "mnist.npz"
    download_bytes = 11_490_434

"""Source "fashion_mnist": 70,000 pieces of clothing, 28 x 28, grey."""

from hpsearch.data.official.idx import IDX, IdxSet
from hpsearch.presets.sizes import Sizes


class FashionMnist(IdxSet):
    """Fashion-MNIST (Xiao et al., 2017)."""

    name = "fashion_mnist"
    title = "Fashion-MNIST"
    usual = Sizes(rows=54_000, pixels=28, may_flip=True)
    class_names = (
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
        "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    )  # fmt: skip
    path_may_be = f"{IDX}, or an .npz file with x_train, y_train, x_test and y_test"
    sample = "fashion-mnist"
    archives = ("*fashion*.npz", "*.npz")
    other_archives = ("mnist.npz",)
    cached = "fashion-mnist"
    download_bytes = 30_878_645

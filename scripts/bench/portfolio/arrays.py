"""Writes the images and vectors that candidates are recorded on as .npz files.

They come from scikit-learn, from the files of the packages in packages.lock, which are installed
without what they need, and from the training images of CIFAR-10, where they are.
"""

import gzip
import io
import pickle
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn import datasets

from hpsearch.data.cache import open_dataset
from hpsearch.data.section import DatasetSection
from hpsearch.data.stratify import draw
from hpsearch.home import Home

HERE = Path(__file__).parent
CIFAR10 = HERE.parents[3] / "shared" / "data" / "cifar10-jpeg.tar.xz"
"""Where its JPEG copies are unless said otherwise."""

Array = npt.NDArray[Any]
Examples = tuple[Array, Array]
"""Inputs and targets."""


def of_sklearn(name: str) -> Callable[[Path], Examples]:
    """A data set that scikit-learn ships, whatever the folder of packages."""

    def load(_packages: Path) -> Examples:
        found = getattr(datasets, f"load_{name}")()
        x = found.images.astype(np.uint8) if name == "digits" else found.data.astype(np.float32)
        return x, found.target

    return load


def of_aeon(name: str) -> Callable[[Path], Examples]:
    """Series of equal lengths, one after the other where there are several of an example."""

    def load(packages: Path) -> Examples:
        folder = packages / "aeon" / "datasets" / "data" / name.removesuffix("_eq")
        lines = []
        for part in ("TRAIN", "TEST"):
            text = (folder / f"{name}_{part}.ts").read_text(encoding="utf-8")
            lines += [line for line in text.splitlines() if line and line[0] not in "#@%"]
        rows = [line.rsplit(":", 1) for line in lines]
        x = [[float(value) for value in row[0].replace(":", ",").split(",")] for row in rows]
        return np.array(x, np.float32), np.array([row[1].strip() for row in rows])

    return load


def faces(packages: Path) -> Examples:
    """Of scikit-image: 100 faces and 100 parts of pictures that show none, 25 x 25, grey."""
    x = np.load(packages / "skimage" / "data" / "lfw_subset.npy")
    return (255 * x).round().astype(np.uint8), np.repeat([1, 0], 100)


class _Arrays(pickle.Unpickler):
    """Reads NumPy's arrays and nothing else, as their pickles name it."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in (
            ("numpy.core.multiarray", "_reconstruct"),
            ("numpy", "ndarray"),
            ("numpy", "dtype"),
        ):
            return super().find_class(module.replace("numpy.core", "numpy._core"), name)
        raise pickle.UnpicklingError(f"{module}.{name} is no part of an array")


def animals(packages: Path) -> Examples:
    """Of animal-mnist: 10,000 silhouettes of ten kinds of animals, 28 x 28, grey."""
    folder = packages / "animal_mnist" / "data" / "Animal_MNIST"

    def read(what: str) -> Array:
        with gzip.open(folder / f"animal_{what}_version_3.gz") as file:
            return np.asarray(_Arrays(io.BytesIO(file.read())).load())

    return read("data"), read("label")


FILES: Mapping[str, Callable[[Path], Examples]] = {
    "digits": of_sklearn("digits"),
    "breast_cancer": of_sklearn("breast_cancer"),
    "wine": of_sklearn("wine"),
    "diabetes": of_sklearn("diabetes"),
    "italy_power": of_aeon("ItalyPowerDemand"),
    "osu_leaf": of_aeon("OSULeaf"),
    "arrow_head": of_aeon("ArrowHead"),
    "japanese_vowels": of_aeon("JapaneseVowels_eq"),
    "appliances": of_aeon("ACSF1"),
    "faces": faces,
    "animals": animals,
}
"""By the file's name: what reads it from the folder of packages. hpsearch takes the test split."""


def write(folder: Path) -> None:
    """Write the files of ``FILES`` that are not there.

    Args:
        folder: that the data are in.
    """
    missing = {name: load for name, load in FILES.items() if not _file(folder, name).exists()}
    if not missing:
        return
    with tempfile.TemporaryDirectory() as scratch:
        packages = ("--require-hashes", "-r", str(HERE / "packages.lock"))
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
        subprocess.run([*install, scratch, *packages], check=True)  # noqa: S603 - locked files
        for name, load in missing.items():
            x, y = load(Path(scratch))
            np.savez_compressed(_file(folder, name), x_train=x, y_train=y)
            print(f"{name}: {len(y):,} examples of {x.shape[1:]}", flush=True)


def write_cifar10(folder: Path, place: Path) -> bool:
    """Write CIFAR-10's files where they are not there; False: there are no images.

    Of its training images 20,000 are for training and validation and 2,000 for the test; the grey
    ones are of 16 x 16 pixels, each the mean of four.

    Args:
        folder: that the data are in.
        place: the archive of the JPEG copies, or the folder that was in it.
    """
    colour, grey = _file(folder, "cifar10"), _file(folder, "cifar10-grey")
    if colour.exists() and grey.exists():
        return True
    if not place.exists():
        return False
    with tempfile.TemporaryDirectory() as scratch:
        if place.is_file():
            with tarfile.open(place) as archive:
                archive.extractall(Path(scratch) / "images", filter="data")
            place = Path(scratch) / "images"
        section = DatasetSection(source="image_folder", path=str(place))
        dataset = open_dataset(section, Home(Path(scratch) / "home"))
        x, y = (np.asarray(array) for array in dataset.train())
    rows, rest = draw(np.arange(len(y)), y, 20_000, 0, dataset.class_names)
    tested, _ = draw(rest, y, 2_000, 0, dataset.class_names)
    _save(colour, x, y, rows, tested)
    means = x.reshape(len(x), 16, 2, 16, 2, 3).mean((2, 4, 5), dtype=np.float32)
    _save(grey, means.round().astype(np.uint8), y, rows, tested)
    return True


def _save(file: Path, x: Array, y: Array, rows: Array, tested: Array) -> None:
    np.savez_compressed(file, x_train=x[rows], y_train=y[rows], x_test=x[tested], y_test=y[tested])


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name}.npz"

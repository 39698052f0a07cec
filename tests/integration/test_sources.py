"""Every source in every format: what is read is what was written, and alike in all formats."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import official
import pytest

from hpsearch.data.arrays import silent
from hpsearch.data.cache import open_dataset
from hpsearch.data.dataset import open_test
from hpsearch.data.record import Access
from hpsearch.data.section import DatasetSection
from hpsearch.home import Home

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
MNIST, FASHION = official.parts("mnist"), official.parts("fashion_mnist")
CIFAR10, CIFAR100 = official.parts("cifar10"), official.parts("cifar100")
PARTS = {"mnist": MNIST, "fashion_mnist": FASHION, "cifar10": CIFAR10, "cifar100": CIFAR100}


@dataclass(frozen=True)
class Format:
    """One format of one set."""

    source: str
    kind: str
    write: Callable[[Path], Path]
    """Writes the set into an empty folder; gives ``dataset.path``."""


def cifar10(folder: Path, **options: object) -> Path:
    files = official.cifar10_files(CIFAR10, **options)  # type: ignore[arg-type]
    return official.write_folder(folder / "cifar-10-batches-py", files)


def cifar100(folder: Path, **options: object) -> Path:
    files = official.cifar100_files(CIFAR100, **options)  # type: ignore[arg-type]
    return official.write_folder(folder / "cifar-100-python", files)


def both_of_torchvision(folder: Path) -> Path:
    """What torchvision leaves: the files as downloaded beside the unpacked ones."""
    official.write_folder(folder / "MNIST" / "raw", official.idx_files(MNIST))
    official.write_folder(folder / "MNIST" / "raw", official.idx_files(MNIST, gzipped=False))
    return folder


FORMATS = [
    Format("mnist", "idx.gz", lambda f: official.write_folder(f, official.idx_files(MNIST))),
    Format(
        "mnist", "idx",
        lambda f: official.write_folder(f, official.idx_files(MNIST, gzipped=False)),
    ),
    Format(
        "mnist", "idx with a dot",
        lambda f: official.write_folder(f, official.idx_files(MNIST, gzipped=False, dot=True)),
    ),
    Format("mnist", "torchvision", both_of_torchvision),
    Format(
        "mnist", "tar.gz",
        lambda f: official.write_tar(f / "m.tar.gz", official.idx_files(MNIST), inside="m"),
    ),
    Format(
        "mnist", "tar",
        lambda f: official.write_tar(f / "m.tar", official.idx_files(MNIST, gzipped=False)),
    ),
    Format("mnist", "npz", lambda f: official.keras_npz(f / "mnist.npz", MNIST)),
    Format("mnist", "npz in a folder", lambda f: official.keras_npz(f / "mnist.npz", MNIST).parent),
    Format(
        "fashion_mnist", "idx.gz", lambda f: official.write_folder(f, official.idx_files(FASHION))
    ),
    Format("fashion_mnist", "npz", lambda f: official.keras_npz(f / "any.npz", FASHION)),
    Format(
        "fashion_mnist", "npz in a folder",
        lambda f: official.keras_npz(f / "any.npz", FASHION).parent,
    ),
    Format("cifar10", "folder", cifar10),
    Format("cifar10", "folder in a folder", lambda f: cifar10(f).parent),
    Format("cifar10", "no meta", lambda f: cifar10(f, meta=False)),
    Format("cifar10", "protocol 2", lambda f: cifar10(f, dump=official.python3_pickle(2))),
    Format("cifar10", "protocol 4", lambda f: cifar10(f, dump=official.python3_pickle(4))),
    Format("cifar10", "protocol 5", lambda f: cifar10(f, dump=official.python3_pickle(5))),
    Format(
        "cifar10", "tar.gz",
        lambda f: official.write_tar(
            f / "cifar-10-python.tar.gz", official.cifar10_files(CIFAR10),
            inside="cifar-10-batches-py",
        ),
    ),
    Format(
        "cifar10", "tar.gz in a folder",
        lambda f: official.write_tar(
            f / "cifar-10-python.tar.gz", official.cifar10_files(CIFAR10),
            inside="cifar-10-batches-py",
        ).parent,
    ),
    Format(
        "cifar10", "tar",
        lambda f: official.write_tar(f / "any.tar", official.cifar10_files(CIFAR10), inside="."),
    ),
    Format("cifar100", "folder", cifar100),
    Format("cifar100", "folder in a folder", lambda f: cifar100(f).parent),
    Format("cifar100", "no meta", lambda f: cifar100(f, meta=False)),
    Format(
        "cifar100", "tar.gz",
        lambda f: official.write_tar(
            f / "cifar-100-python.tar.gz", official.cifar100_files(CIFAR100),
            inside="cifar-100-python",
        ),
    ),
]  # fmt: skip


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: f"{form.source}-{form.kind}")
def test_what_was_written_is_read(form: Format, tmp_path: Path) -> None:
    path = form.write(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    section = DatasetSection.model_validate({"source": form.source, "path": str(path)})
    arrays = section.reader.read(silent)
    written = PARTS[form.source]
    assert [part for part, *_ in arrays.parts()] == ["train", "test"]
    for part, x, y in arrays.parts():
        assert (x.dtype, y.dtype) == (np.uint8, np.int64)
        assert y.shape == (len(x),)
        assert np.array_equal(x, written[f"x_{part}"])
        assert np.array_equal(y, written[f"y_{part}"])
    assert arrays.class_names == official.SETS[form.source].class_names
    assert arrays.maximum == 255.0
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("source", PARTS)
def test_all_formats_of_a_set_have_one_fingerprint(source: str, tmp_path: Path) -> None:
    fingerprints = set()
    for number, form in enumerate(form for form in FORMATS if form.source == source):
        path = form.write(tmp_path / str(number))
        section = DatasetSection.model_validate({"source": source, "path": str(path)})
        fingerprints.add(open_dataset(section, Home(tmp_path / "home")).fingerprint)
    assert len(fingerprints) == 1


def npz(folder: Path) -> DatasetSection:
    path = official.keras_npz(folder / "own.npz", MNIST)
    return DatasetSection(source="npz", path=str(path), validation="given")


def image_folder(folder: Path) -> DatasetSection:
    names = official.SETS["cifar10"].class_names
    path = official.image_folder(folder / "images", CIFAR10, names)
    return DatasetSection(source="image_folder", path=str(path))


def digits(_folder: Path) -> DatasetSection:
    return DatasetSection(source="digits")


def idx(folder: Path) -> DatasetSection:
    path = official.write_folder(folder / "idx", official.idx_files(MNIST))
    return DatasetSection(source="mnist", path=str(path))


def pickles(folder: Path) -> DatasetSection:
    return DatasetSection(source="cifar100", path=str(cifar100(folder)))


@pytest.mark.parametrize("write", [npz, image_folder, digits, idx, pickles])
def test_every_source_keeps_to_one_contract(
    write: Callable[[Path], DatasetSection], tmp_path: Path
) -> None:
    section = write(tmp_path)
    dataset = open_dataset(section, Home(tmp_path / "home"))
    x, y = dataset.train()
    x_test, y_test = open_test(dataset, Access(opened_by="a test"))
    assert (x.dtype, y.dtype, y_test.dtype) == (np.uint8, np.int64, np.int64)
    assert x.shape == (dataset.train_size, *dataset.input_shape)
    assert x_test.shape == (dataset.test_size, *dataset.input_shape)
    assert set(y) == set(y_test) == set(range(len(dataset.class_names)))
    assert dataset.maximum is not None
    assert x.max() <= dataset.maximum
    assert dataset.test_taken == (section.source == "digits")
    again = open_dataset(section, Home(tmp_path / "another"))
    assert again.fingerprint == dataset.fingerprint
    assert len(again.fingerprint) == 64


def test_a_file_of_the_shape_of_the_real_mnist(tmp_path: Path) -> None:
    parts = official.parts("mnist", train=60_000, test=10_000)
    path = official.keras_npz(tmp_path / "mnist.npz", parts)
    section = DatasetSection(source="mnist", path=str(path))
    dataset = open_dataset(section, Home(tmp_path / "home"))
    assert (dataset.train_size, dataset.test_size) == (60_000, 10_000)
    assert (dataset.input_shape, dataset.dtype, dataset.maximum) == ((28, 28), "uint8", 255.0)
    x, y = dataset.train()
    assert np.array_equal(x, parts["x_train"])
    assert np.array_equal(y, parts["y_train"])


@pytest.mark.data
@pytest.mark.skipif(not DEBIAN.is_dir(), reason="skipped: no data")
def test_the_real_fashion_mnist(tmp_path: Path) -> None:
    section = DatasetSection(source="fashion_mnist", path=str(DEBIAN))
    dataset = open_dataset(section, Home(tmp_path / "home"))
    assert (dataset.train_size, dataset.test_size) == (60_000, 10_000)
    assert dataset.class_names[0] == "T-shirt/top"
    x, y = dataset.train()
    assert np.bincount(y).tolist() == [6000] * 10
    assert y[:5].tolist() == [9, 0, 0, 3, 0]
    assert x.mean() == pytest.approx(72.94, abs=0.01)

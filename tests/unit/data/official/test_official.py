from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import official
import pytest

from hpsearch.data.arrays import silent
from hpsearch.data.cache import open_dataset
from hpsearch.data.official import official as module
from hpsearch.data.section import DatasetSection
from hpsearch.data.sources.cifar10 import Cifar10
from hpsearch.data.sources.cifar100 import Cifar100
from hpsearch.data.sources.fashion_mnist import FashionMnist
from hpsearch.data.sources.mnist import Mnist
from hpsearch.errors import InputError, UnreachableError
from hpsearch.home import Home
from hpsearch.services.named import looks_like

DIGITS, PICTURES = official.parts("mnist", train=20, test=10), official.parts("cifar10")


def section(source: str, path: Path) -> DatasetSection:
    return DatasetSection.model_validate({"source": source, "path": str(path)})


def test_the_official_names() -> None:
    assert (FashionMnist.class_names[0], FashionMnist.class_names[-1]) == (
        "T-shirt/top",
        "Ankle boot",
    )
    assert Cifar10.class_names[3] == "cat"
    assert Mnist.class_names == tuple("0123456789")
    assert len(Cifar100.class_names) == 100
    assert list(Cifar100.class_names) == sorted(set(Cifar100.class_names))


def test_class_names_are_those_of_the_file(tmp_path: Path) -> None:
    names = [f"name {number}" for number in range(10)]
    files = official.cifar10_files(PICTURES)
    files["batches.meta"] = official.python2_pickle({"label_names": names})
    read = section("cifar10", official.write_folder(tmp_path, files)).reader.load(silent)
    assert list(read.class_names) == names


def test_progress_counts_files(tmp_path: Path) -> None:
    calls: list[Any] = []
    official.write_folder(tmp_path, official.idx_files(DIGITS))
    section("mnist", tmp_path).reader.load(lambda *call: calls.append(call))
    assert calls == [("reading MNIST", done, 4) for done in range(5)]


@pytest.mark.parametrize("source", official.SETS)
def test_without_a_path_keras_is_asked(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = official.parts(source)
    given = parts | {"y_train": parts["y_train"][:, None], "y_test": parts["y_test"][:, None]}
    monkeypatch.setattr(module, "download", lambda asked, _: given if asked.name == source else 0)
    read = DatasetSection.model_validate({"source": source}).reader.load(silent)
    assert np.array_equal(read.x_train, parts["x_train"])
    assert (read.y_test.dtype, read.y_test.tolist()) == (np.int64, parts["y_test"].tolist())  # type: ignore[union-attr]
    assert read.class_names == official.SETS[source].class_names


def test_files_come_before_the_archive_beside_them(tmp_path: Path) -> None:
    official.write_folder(tmp_path / "cifar-10-batches-py", official.cifar10_files(PICTURES))
    (tmp_path / "cifar-10-python.tar.gz").write_bytes(b"half downloaded")
    assert len(section("cifar10", tmp_path).reader.load(silent).x_train) == 200


def test_the_mnist_of_keras_is_not_taken_for_fashion_mnist(tmp_path: Path) -> None:
    official.keras_npz(tmp_path / "mnist.npz", DIGITS)
    with pytest.raises(InputError, match=r'found "mnist\.npz"; for Fashion-MNIST give'):
        section("fashion_mnist", tmp_path).reader.load(silent)
    official.keras_npz(tmp_path / "fashion.npz", DIGITS)
    assert len(section("fashion_mnist", tmp_path).reader.load(silent).x_train) == 20


def folder(files: dict[str, bytes]) -> Callable[[Path], Path]:
    return lambda tmp_path: official.write_folder(tmp_path, files)


def npz(**changed: Any) -> Callable[[Path], Path]:
    arrays = {name: a for name, a in (DIGITS | changed).items() if a is not None}
    return lambda tmp_path: official.keras_npz(tmp_path / "mnist.npz", arrays)


def one(name: str, content: bytes) -> Callable[[Path], Path]:
    return lambda tmp_path: official.write_folder(tmp_path, {name: content}) / name


def loop(folder: Path) -> Path:
    """A folder that holds only a link to itself."""
    (folder / "a").symlink_to("a")
    return folder


IDX, BATCHES = official.idx_files(DIGITS), official.cifar10_files(PICTURES)
BINARY = {f"data_batch_{number}.bin": b"\0" for number in range(1, 6)}
MATLAB = {f"data_batch_{number}.mat": b"\0" for number in range(1, 6)}
LONG = official.idx_files(DIGITS | {"y_train": np.arange(21) % 10})
SMALL = official.idx_files(DIGITS | {"x_test": np.zeros((10, 27, 28), np.uint8)})
HIGH = official.idx_files(DIGITS | {"y_test": np.arange(10) + 1})
ELEVEN = BATCHES | {
    "test_batch": official.python2_pickle({
        "data": np.zeros((1, 3072), np.uint8), "labels": [-1],
    })
}  # fmt: skip

WRONG: dict[str, tuple[str, Callable[[Path], Path], tuple[str, ...]]] = {
    "nothing": ("mnist", lambda p: p / "none", ("no such file or folder", "mnist.npz")),
    "empty": ("cifar10", folder({}), ("no data_batch_1,", "found nothing", "-python.tar.gz")),
    "binary": ("cifar10", folder(BINARY), ("binary version", "python version", "and 1 more")),
    "matlab": ("cifar10", folder(MATLAB), ("MATLAB version", "python version")),
    "idx for cifar": ("cifar100", folder(IDX), ('source = "mnist"', "cifar-100-python")),
    "cifar for mnist": ("mnist", folder(BATCHES), ('source = "cifar10"',)),
    "pictures": ("mnist", folder({"1.png": b""}), ('source = "image_folder"',)),
    "one gone": (
        "cifar10", folder({n: c for n, c in BATCHES.items() if n != "data_batch_3"}),
        ("has no data_batch_3;",),
    ),
    "labels gone": (
        "mnist", folder({n: c for n, c in IDX.items() if "10k-l" not in n}),
        ("has no t10k-labels-idx1-ubyte;",),
    ),
    "one file of four": ("mnist", one("t10k-labels-idx1-ubyte.gz", b"\x1f\x8b"), ("t10k-labels",)),
    "one batch": ("cifar10", one("test_batch", BATCHES["test_batch"]), ("not a tar archive",)),
    "html": ("cifar10", one("cifar-10-python.tar.gz", b"<html>"), ("is an HTML page",)),
    "zip for cifar": ("cifar10", one("x.zip", b"PK\3\4"), ('source = "npz"',)),
    "zip for mnist": ("mnist", one("x.zip", b"PK\3\4"), ("x.zip is damaged",)),
    "own npz": ("mnist", npz(x_val=DIGITS["x_test"]), ("only one of x_val",)),
    "no test part": ("mnist", npz(x_test=None, y_test=None), ("mnist.npz has no x_test",)),
    "floats": ("mnist", npz(x_train=np.zeros((20, 28, 28))), ("x_train holds float64",)),
    "flat": ("mnist", npz(x_train=np.zeros((20, 784), np.uint8)), ("28 x 28",)),
    "objects": ("mnist", npz(y_train=np.array([{}] * 20)), ("y_train holds Python objects",)),
    "npz lengths": ("mnist", npz(y_test=np.zeros(9, int)), ("10 images", "(9,)")),
    "idx lengths": ("mnist", folder(LONG), ("20 images", "21 labels")),
    "small": ("mnist", folder(SMALL), ("x_test", "(10, 27, 28)", "28 x 28")),
    "label ten": ("mnist", folder(HIGH), ("y_test has labels from 1 to 10", "0 to 9")),
    "label below": ("cifar10", folder(ELEVEN), ("test_batch has labels from -1",)),
    "link loop": ("mnist", loop, ("has no train-images-idx3-ubyte, ", 'found "a"')),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_other_files_are_refused(name: str, tmp_path: Path) -> None:
    source, write, says = WRONG[name]
    with pytest.raises(InputError) as caught:
        section(source, write(tmp_path)).reader.load(silent)
    for part in (*says, str(tmp_path), "; "):
        assert part in str(caught.value)


def test_without_permission(tmp_path: Path, forbidden: Any) -> None:
    path = official.keras_npz(tmp_path / "x" / "mnist.npz", DIGITS)
    for closed in (path, path.parent):
        with forbidden(closed), pytest.raises(UnreachableError, match="Permission denied"):
            section("mnist", path).reader.load(silent)


def test_only_the_official_files_of_a_folder_count(tmp_path: Path) -> None:
    files = official.cifar10_files(PICTURES)
    archive = official.write_tar(tmp_path / "cifar-10-python.tar.gz", files)
    (tmp_path / "letter.txt").write_text("other downloads")
    asked = section("cifar10", tmp_path).reader
    before = asked.files()
    assert (before.root, before.files) == (
        archive,
        section("cifar10", archive).reader.files().files,
    )
    (tmp_path / "letter.txt").write_text("changed")
    assert asked.files() == before
    official.write_folder(tmp_path / "digits", official.idx_files(DIGITS))
    (tmp_path / "digits" / "notes").write_text("mine")
    names = [name for name, *_ in section("mnist", tmp_path / "digits").reader.files().files]
    assert len(names) == 4


def test_litter_in_folders_and_archives_is_passed_over_and_told(
    tmp_path: Path, home: Home
) -> None:  # fmt: skip
    files = official.cifar10_files(official.parts("cifar10"))
    litter = {f"__MACOSX/{name}": b"litter" for name in files} | {"._data_batch_1": b"litter"}
    tar = official.write_tar(tmp_path / "c.tar.gz", files | litter, inside="c")
    folder = official.write_folder(tmp_path / "c", files)
    official.write_folder(folder / "__MACOSX", files)
    told = []
    for path in (tar, folder):
        dataset = open_dataset(DatasetSection(source="cifar10", path=str(path)), home)
        told.append(dataset.notes)
    assert told == [(f"passed over: __MACOSX ({len(files)}), ._*",), ("passed over: __MACOSX",)]


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("cifar-10-python.tar.gz", "cifar10"),
        ("cifar-100-python.tar.gz", "cifar100"),
        ("cifar-10-batches-py/data_batch_1", "cifar10"),
        ("cifar-100-python/train", "cifar100"),
        ("raw/train-images-idx3-ubyte.gz", "mnist"),
        ("Fashion-MNIST/t10k-labels-idx1-ubyte", "fashion_mnist"),
        ("mnist.npz", "npz"),
        ("MINE.NPZ", "npz"),
        ("photos/train/cat/1.png", "image_folder"),
        ("empty/.hidden", "image_folder"),
        ("other.tar.gz", None),
    ],
)
def test_a_set_is_known_by_its_files(path: str, source: str | None, tmp_path: Path) -> None:
    file = tmp_path / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    assert looks_like(tmp_path / path.partition("/")[0]) == source


@pytest.mark.parametrize(
    ("folder", "source"), [("FashionMNIST", "fashion_mnist"), ("MNIST", "mnist")]
)
def test_two_sets_with_files_alike_are_told_by_the_folder(
    folder: str, source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = tmp_path / folder / "raw"
    raw.mkdir(parents=True)
    (raw / "train-images-idx3-ubyte.gz").touch()
    monkeypatch.chdir(raw)
    assert looks_like(raw) == looks_like(Path()) == source

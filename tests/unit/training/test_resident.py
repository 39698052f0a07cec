from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from hpsearch.data.cache import open_dataset
from hpsearch.data.drawing import split
from hpsearch.data.parts import Part, Parts
from hpsearch.data.section import DatasetSection
from hpsearch.data.transform import Affine
from hpsearch.home import Home
from hpsearch.recipe import Recipe
from hpsearch.training import devices
from hpsearch.training.outcome import Watch
from hpsearch.training.resident import Resident
from hpsearch.training.train import train
from hpsearch.workers.packing import example_bytes


def parts_of(x: np.ndarray, x_val: np.ndarray | None = None) -> Parts:
    y = np.arange(len(x)) % 3
    given = x if x_val is None else x_val
    return Parts(
        train=Part(x=x, y=y, rows=np.array([1, 2, 5])),
        validation=Part(x=given, y=y[: len(given)], rows=np.array([0, 3])),
        input_shape=x.shape[1:],
        class_names=("a", "b", "c"),
        transform=Affine(multiplier=np.float32([1]), offset=np.float32([0])),
        class_weights=None,
        fingerprint="",
    )


@pytest.fixture(params=["in memory", "file"])
def keep(request: pytest.FixtureRequest, tmp_path: Path):
    """Gives an array as it is, or as the cache of data sets does: from a file."""

    def from_file(x: np.ndarray) -> np.ndarray:
        file = tmp_path / f"{len(list(tmp_path.iterdir()))}.npy"
        np.save(file, x)
        return np.asarray(np.lib.format.open_memmap(file, mode="r"))

    return from_file if request.param == "file" else np.asarray


def examples(resident: Resident, rows: np.ndarray) -> tuple[np.ndarray, list[int]]:
    inputs, labels = resident.batch(tf.constant(rows))
    return inputs.numpy(), labels.numpy().tolist()


def addresses(resident: Resident) -> list[int]:
    """Where TensorFlow has the inputs."""
    return [np.asarray(memoryview(tensor)).ctypes.data for tensor in resident._inputs]


@pytest.mark.parametrize("shape", [(4, 4, 3), (5,), (8,), (1,)])
def test_bytes_come_back_as_they_were(keep, shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).integers(0, 256, (6, *shape), dtype=np.uint8)
    resident = Resident(parts_of(keep(x)))
    inputs, labels = examples(resident, resident.train[[2, 0]])
    assert inputs.dtype == np.uint8
    np.testing.assert_array_equal(inputs, x[[5, 1]])
    assert labels == [2, 1]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16, np.bool_, np.uint16, ">f4"])
def test_other_types_become_floats(keep, dtype: type | str) -> None:
    x = np.arange(24).reshape(6, 4).astype(dtype)
    resident = Resident(parts_of(keep(x)))
    inputs, _ = examples(resident, resident.train)
    assert inputs.dtype == np.float32
    np.testing.assert_array_equal(inputs, x[[1, 2, 5]].astype(np.float32))


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_a_validation_part_may_have_arrays_of_its_own(keep, dtype: type) -> None:
    x = np.zeros((6, 4), dtype)
    x_val = np.arange(16).astype(dtype).reshape(4, 4)
    resident = Resident(parts_of(keep(x), keep(x_val)))
    inputs, labels = examples(resident, resident.validation)
    np.testing.assert_array_equal(inputs, x_val[[0, 3]])
    assert labels == [0, 0]
    np.testing.assert_array_equal(examples(resident, resident.train)[0], x[:3])


def test_no_row_is_of_both_parts(keep) -> None:
    x = np.arange(24, dtype=np.uint8).reshape(6, 4)
    for parts in (parts_of(keep(x)), parts_of(keep(x), keep(x[:4]))):
        resident = Resident(parts)
        assert (len(resident.train), len(resident.validation)) == (3, 2)
        assert not set(resident.train) & set(resident.validation)


def test_curves_do_not_depend_on_where_the_data_are(tmp_path: Path) -> None:
    x = np.random.default_rng(0).integers(0, 256, (6, 5), dtype=np.uint8)
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "val.npy", x[:4])
    mapped = [np.asarray(np.load(tmp_path / f"{name}.npy", mmap_mode="r")) for name in ("x", "val")]
    recipe = Recipe(
        seed=1,
        config={"units": 4, "batch_size": 2},
        dataset={"source": "digits"},
        training={"epochs": 2, "early_stopping": False},
    )
    curves = []
    for i, (train_x, val_x) in enumerate([(x, x[:4]), mapped]):
        outcome = train(recipe, parts_of(train_x, val_x), tmp_path / str(i), Watch())
        curves.append([replace(epoch, seconds=0.0) for epoch in outcome.curves])
        curves[-1].append(outcome.train_value)
    assert curves[0] == curves[1]


def test_an_imported_data_set_is_used_where_it_lies(tmp_path: Path) -> None:
    section = DatasetSection(source="digits", limit=100)
    parts = split(open_dataset(section, Home(tmp_path)), section)
    resident = Resident(parts)
    assert addresses(resident) == [parts.train.x.ctypes.data]
    for part, rows in ((parts.train, resident.train), (parts.validation, resident.validation)):
        inputs, labels = examples(resident, rows)
        np.testing.assert_array_equal(inputs, part.x[part.rows])
        assert labels == part.y[part.rows].tolist()


def test_shared_memory_outlives_the_parts_and_their_files(tmp_path: Path) -> None:
    x = np.arange(24, dtype=np.float32).reshape(6, 4)
    np.save(tmp_path / "x.npy", x)
    resident = Resident(parts_of(np.asarray(np.load(tmp_path / "x.npy", mmap_mode="r"))))
    (tmp_path / "x.npy").unlink()
    np.testing.assert_array_equal(examples(resident, resident.train)[0], x[[1, 2, 5]])


def test_memory_that_is_not_aligned_is_copied(tmp_path: Path) -> None:
    x = np.arange(24, dtype=np.uint8).reshape(6, 4)
    (tmp_path / "x").write_bytes(bytes(8) + x.tobytes())
    odd = np.asarray(np.memmap(tmp_path / "x", np.uint8, "r", offset=8, shape=x.shape))
    resident = Resident(parts_of(odd))
    assert addresses(resident) != [odd.ctypes.data]
    np.testing.assert_array_equal(examples(resident, resident.train)[0], x[[1, 2, 5]])


def test_a_gpu_gets_words(keep, monkeypatch: pytest.MonkeyPatch) -> None:
    # Nothing here has a GPU: what would go to one is looked at on the CPU.
    answers = iter(["/GPU:0", "/CPU:0"])
    monkeypatch.setattr(devices, "main_device", lambda: next(answers))
    x = np.arange(24, dtype=np.uint8).reshape(6, 4)
    resident = Resident(parts_of(keep(x)))
    assert [tensor.dtype for tensor in resident._inputs] == [tf.int64]
    np.testing.assert_array_equal(examples(resident, resident.validation)[0], x[[0, 3]])


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64", "int16"])
def test_a_gpu_is_reckoned_with_what_it_gets(monkeypatch: pytest.MonkeyPatch, dtype: str) -> None:
    monkeypatch.setattr(devices, "on_gpu", lambda: True)
    resident = Resident(parts_of(np.zeros((6, 13), dtype)))
    tensors = [*resident._inputs, resident._labels]
    taken = sum(int(np.prod(tensor.shape)) * tensor.dtype.size for tensor in tensors)
    assert taken == 5 * example_bytes(13, are_bytes=dtype == "uint8")

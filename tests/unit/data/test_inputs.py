"""What is kept of a network's inputs, read as it was written."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hpsearch.data.cache import find_dataset, open_dataset
from hpsearch.data.drawing import split
from hpsearch.data.inputs import read_inputs, write_inputs
from hpsearch.data.section import DatasetSection
from hpsearch.home import Home


@pytest.mark.parametrize("scale", ["none", "standardize"])
@pytest.mark.parametrize("shape", [(60, 5), (60, 4, 4, 3), (60, 4, 4)])
def test_inputs_are_read_as_they_were_written(
    npz: Callable[..., DatasetSection],
    home: Home,
    tmp_path: Path,
    scale: str,
    shape: tuple[int, ...],
) -> None:
    x = np.random.default_rng(0).normal(2.0, 3.0, size=shape).astype(np.float32)
    section = npz({"scale": scale}, x_train=x)
    parts = split(open_dataset(section, home), section)
    write_inputs(tmp_path / "inputs.json", parts)
    read = read_inputs(tmp_path / "inputs.json")
    assert read is not None
    for name in ("input_shape", "class_names", "fingerprint"):
        assert getattr(read, name) == getattr(parts, name)
    for name in ("multiplier", "offset"):
        written = getattr(parts.transform, name)
        np.testing.assert_array_equal(getattr(read.transform, name), written, strict=True)
    assert read.train.x.dtype == parts.train.x.dtype
    assert len(read.train) == len(read.validation) == 0


def test_folds_are_read_each_by_itself(
    npz: Callable[..., DatasetSection], home: Home, tmp_path: Path
) -> None:
    x = np.random.default_rng(0).normal(2.0, 3.0, size=(60, 5)).astype(np.float32)
    section = npz({"scale": "standardize", "validation": {"folds": 3}}, x_train=x)
    parts = split(open_dataset(section, home), section)
    write_inputs(tmp_path / "inputs.json", parts)
    read = read_inputs(tmp_path / "inputs.json")
    assert read is not None
    found = [fold.affine.offset.tolist() for fold in read.folds]
    assert found == [fold.affine.offset.tolist() for fold in parts.folds]
    assert found[0] != found[1] != found[2]


@pytest.mark.parametrize("text", [None, "", "{}", '{"input_shape": [2], "dtype": "nothing"}', "[1"])
def test_what_cannot_be_read_is_not_there(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "inputs.json").write_text(text)
    assert read_inputs(tmp_path / "inputs.json") is None


def test_an_import_is_found_by_what_it_holds(
    npz: Callable[..., DatasetSection], home: Home, tmp_path: Path
) -> None:
    made = open_dataset(npz(), home)
    (tmp_path / "data.npz").unlink()
    found = find_dataset(home, made.fingerprint)
    assert found is not None
    assert found.folder == made.folder
    assert find_dataset(home, "0" * 64) is None
    assert find_dataset(Home(tmp_path / "nowhere"), made.fingerprint) is None

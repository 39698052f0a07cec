"""Checkpoints as files: whole or not used, whatever bit of one is wrong."""

from pathlib import Path

import numpy as np
import pytest

from hpsearch.home import CHECKPOINTS
from hpsearch.training.checkpoint import Checkpoint, load, save

NEWEST, PREVIOUS = CHECKPOINTS


@pytest.fixture
def saved() -> Checkpoint:
    return Checkpoint(
        key="key",
        values={"seconds": 1.5, "best": float("inf")},
        arrays={
            "network.0": np.arange(6, dtype=np.float32).reshape(2, 3),
            "best.0": np.ones(3, np.float32),
        },
    )


def is_same(found: Checkpoint, saved: Checkpoint) -> bool:
    return (
        (found.key, found.values, set(found.arrays)) == (saved.key, saved.values, set(saved.arrays))
        and all(found.arrays[n].dtype == saved.arrays[n].dtype for n in found.arrays)
        and all(np.array_equal(found.arrays[n], saved.arrays[n]) for n in found.arrays)
    )


def test_a_checkpoint_comes_back_as_it_was(tmp_path: Path, saved: Checkpoint) -> None:
    save(tmp_path, saved)
    found = load([tmp_path], "key")
    assert found is not None
    assert is_same(found, saved)
    assert load([tmp_path], "another key") is None


@pytest.mark.parametrize("bit", range(8))
def test_no_wrong_bit_is_believed(tmp_path: Path, saved: Checkpoint, bit: int) -> None:
    save(tmp_path, saved)
    file = tmp_path / NEWEST
    whole = file.read_bytes()
    unused = 0
    for index in range(len(whole)):
        changed = bytearray(whole)
        changed[index] ^= 1 << bit
        file.write_bytes(changed)
        found = load([tmp_path], "key")
        unused += found is None
        assert found is None or is_same(found, saved), index  # times and the like do not matter
    assert unused > len(whole) / 2


def test_no_end_that_is_missing_is_overlooked(tmp_path: Path, saved: Checkpoint) -> None:
    save(tmp_path, saved)
    file = tmp_path / NEWEST
    whole = file.read_bytes()
    for size in range(len(whole)):
        file.write_bytes(whole[:size])
        assert load([tmp_path], "key") is None


def test_behind_a_torn_one_stands_the_one_before(tmp_path: Path, saved: Checkpoint) -> None:
    before = Checkpoint(key="key", values={"seconds": 1.0}, arrays=saved.arrays)
    save(tmp_path, before)
    save(tmp_path, saved)
    (tmp_path / NEWEST).write_bytes((tmp_path / NEWEST).read_bytes()[:-30])
    found = load([tmp_path], "key")
    assert found is not None
    assert is_same(found, before)

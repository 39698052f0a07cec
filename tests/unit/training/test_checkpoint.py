"""Checkpoints as files: whole or not used, whatever bit of one is wrong."""

import hashlib
import importlib.metadata
import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO, cast

import numpy as np
import pytest

from hpsearch.data.parts import Parts
from hpsearch.data.sources.table import Table
from hpsearch.errors import UnreachableError
from hpsearch.home import CHECKPOINTS
from hpsearch.parsing import parse
from hpsearch.recipe import Recipe
from hpsearch.training.checkpoint import Checkpoint, _read, key_of, load, save

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
    with file.open("r+b") as opened:
        for index, byte in enumerate(whole):
            os.pwrite(opened.fileno(), bytes([byte ^ 1 << bit]), index)
            found = load([tmp_path], "key")
            os.pwrite(opened.fileno(), bytes([byte]), index)
            unused += found is None
            assert found is None or is_same(found, saved), index  # times and the like do not matter
    assert file.read_bytes() == whole
    assert unused > len(whole) / 2


def test_no_end_that_is_missing_is_overlooked(tmp_path: Path, saved: Checkpoint) -> None:
    save(tmp_path, saved)
    file = tmp_path / NEWEST
    whole = file.read_bytes()
    for size in range(len(whole)):
        file.write_bytes(whole[:size])
        assert load([tmp_path], "key") is None


@pytest.mark.parametrize("damage", ["torn", "empty", "text", "deleted"])
def test_behind_a_damaged_one_stands_the_one_before(
    tmp_path: Path, saved: Checkpoint, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    before = Checkpoint(key="key", values={"seconds": 1.0}, arrays=saved.arrays)
    save(tmp_path, before)
    save(tmp_path, saved)
    newest = tmp_path / NEWEST
    contents = {"torn": newest.read_bytes()[:-30], "empty": b"", "text": b"no archive at all"}
    if damage == "deleted":
        newest.unlink()
    else:
        newest.write_bytes(contents[damage])
    found = load([tmp_path], "key")
    assert found is not None
    assert is_same(found, before)
    assert ("is damaged" in caplog.text) == (damage != "deleted")


def write(run: Path, number: int) -> None:
    arrays = {"weights": np.full((50, 50), number, np.float32)}
    save(run, Checkpoint(key="key", values={"number": number}, arrays=arrays))


def numbers(run: Path) -> list[int]:
    """Which checkpoints are there and whole, the newest first."""
    found = []
    for name in CHECKPOINTS:
        loaded = _read(run / name)
        np.testing.assert_array_equal(loaded.arrays["weights"], loaded.values["number"])
        found.append(loaded.values["number"])
    return found


def test_the_last_two_stay(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        write(tmp_path, number)
    assert numbers(tmp_path) == [3, 2]
    assert {path.name for path in tmp_path.iterdir()} == set(CHECKPOINTS)


@pytest.mark.parametrize("end", [OSError(28, "No space left on device"), SystemExit()])
def test_a_checkpoint_that_is_cut_short_takes_none_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: BaseException
) -> None:
    """A full disk, or a kill, in the middle of the file."""
    write(tmp_path, 1)
    write(tmp_path, 2)
    whole = np.savez

    def cut_short(file: BinaryIO, **arrays: Any) -> None:
        whole(file, **arrays)
        file.truncate(1000)
        raise end

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", cut_short)
        with pytest.raises(UnreachableError if isinstance(end, OSError) else SystemExit) as caught:
            write(tmp_path, 3)
    if isinstance(end, OSError):
        assert str(caught.value).endswith(".npz: cannot be written: No space left on device")
        assert {path.name for path in tmp_path.iterdir()} == set(CHECKPOINTS)
    assert numbers(tmp_path) == [2, 1]
    write(tmp_path, 4)
    assert numbers(tmp_path) == [4, 2]
    assert {path.name for path in tmp_path.iterdir()} == set(CHECKPOINTS)


def test_what_a_link_leads_to_is_not_written(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("all that I have")
    for name in (f".partial.{NEWEST}", NEWEST):
        (tmp_path / name).symlink_to(precious)
    write(tmp_path, 1)
    write(tmp_path, 2)
    assert numbers(tmp_path) == [2, 1]
    assert precious.read_text() == "all that I have"


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"config": {"layers": 3, "units": [1, 2, 3], "optimizer": {"type": "sgd"}}},
        {"dataset": {"source": "npz", "path": "/there/a.npz", "include_validation": True}},
        {"training": {"epochs": 7, "early_stopping": False, "tensorboard": {}}},
        {"objective": {"metric": "val_loss"}, "provenance": {"study": "a"}},
    ],
)
def test_checkpoints_of_0_1_0_are_known_again(changes: dict[str, Any]) -> None:
    recipe = parse(
        Recipe, {"seed": 3, "config": {}, "dataset": {"source": "digits"}} | changes, "here"
    )
    said = recipe.model_dump(mode="json", exclude={"provenance": True, "dataset": {"path"}})
    del said["training"]["mlflow"]
    del said["config"]["label_smoothing"], said["config"]["augment"]
    for name in (
        "numeric_embedding",
        "embedding_sigma",
        "input_scale",
        "members",
        "parametric_activation",
    ):
        del said["config"][name]
    for key in ("task", "log_target", *Table.own_keys()):
        del said["dataset"][key]
    if not recipe.dataset.include_validation:
        del said["dataset"]["include_validation"]
    versions = [importlib.metadata.version(name) for name in ("keras", "tensorflow")]
    # As 0.1.0 did.
    text = json.dumps(["hpsearch-checkpoint/2", versions, "f", said], sort_keys=True)
    parts = cast("Parts", SimpleNamespace(fingerprint="f"))
    assert key_of(recipe, parts) == hashlib.sha256(text.encode()).hexdigest()
    other = recipe.model_copy(update={"seed": 4})
    assert key_of(other, parts) != key_of(recipe, parts)

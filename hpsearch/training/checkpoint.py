"""Checkpoints: all that a cut-off trial needs to resume, in a file that proves to be whole.

A file replaces the one before it at once, and that one stays as the last but one: where the newest
is torn, by a power cut or a bad disk, training falls back to it. Every array carries a checksum.
The files are not forced to the disk: the last but one is older than what a system keeps unwritten.
"""

import contextlib
import hashlib
import importlib.metadata
import json
import logging
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hpsearch.config import without_places
from hpsearch.data.parts import Parts
from hpsearch.errors import UnreachableError
from hpsearch.files import written_whole
from hpsearch.home import CHECKPOINTS
from hpsearch.recipe import Recipe

Arrays = Mapping[str, npt.NDArray[np.generic]]

_FORMAT = "hpsearch-checkpoint/2"
"""Changes with what is in a file, so that no other version goes on from it."""

_STATE = "state"
"""The member of a file that holds everything but the arrays, as JSON."""

_log = logging.getLogger(__name__)


_FIRST: dict[str, frozenset[str]] = {
    "config": frozenset({
        "layers", "units", "activation", "batch_norm", "dropout", "l2", "initializer",
        "batch_size", "lr_schedule", "optimizer",
    }),
    "dataset": frozenset({
        "source", "validation", "split_seed", "scale", "limit", "class_weights", "image_size",
        "image_mode", "max_unreadable",
    }),
    "training": frozenset({
        "epochs", "early_stopping", "reduce_lr_on_plateau", "precision", "tensorboard",
        "trial_timeout",
    }),
    "objective": frozenset({"metric", "direction", "epoch"}),
}  # fmt: skip
"""What a recipe of 0.1.0 says. What came later counts where it differs from its default, so that
checkpoints of before are known again."""


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """Where a training stands."""

    key: str
    """What is trained, from :func:`key_of`: only the same training goes on from it."""
    values: Mapping[str, Any]
    """Numbers and texts, as JSON has them; NaN and infinities included."""
    arrays: Arrays
    """By name; no name is "state"."""


def key_of(recipe: Recipe, parts: Parts) -> str:
    """A digest of all that a training's course depends on: recipe, data, and what trains."""
    recipe = recipe.model_copy(update={"config": without_places(recipe.config)})
    places = {"dataset": {"path"}, "training": {"mlflow"}}
    said = recipe.model_dump(mode="json", exclude={"provenance": True, **places})
    for section, known in _FIRST.items():
        changed = getattr(recipe, section).model_dump(mode="json", exclude_defaults=True)
        said[section] = {
            key: value for key, value in said[section].items() if key in known or key in changed
        }
    versions = [importlib.metadata.version(name) for name in ("keras", "tensorflow")]
    text = json.dumps([_FORMAT, versions, parts.fingerprint, said], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def save(run: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint; the one before it is kept, older ones are not.

    Args:
        run: the trial's folder, which exists.
        checkpoint: what to write.

    Raises:
        UnreachableError: no permission, a full disk and the like; the checkpoints that were there
            are there still.
    """
    newest, previous = (run / name for name in CHECKPOINTS)
    state = json.dumps(
        {"key": checkpoint.key, "values": checkpoint.values, "arrays": sorted(checkpoint.arrays)}
    )
    try:
        with written_whole(newest) as file:
            np.savez(file, allow_pickle=False, **{_STATE: np.array(state)}, **checkpoint.arrays)
            file.flush()  # the one before stays where the disk is full
            with contextlib.suppress(FileNotFoundError):
                newest.replace(previous)
    except OSError as error:
        raise UnreachableError(f"{newest}: cannot be written: {error.strerror or error}") from None


def load(
    folders: Sequence[Path], key: str, check: Callable[[Checkpoint], object] = lambda _: None
) -> Checkpoint | None:
    """The first checkpoint that is whole and of the same training.

    Args:
        folders: where to look, in this order; in each the newest first.
        key: the training's, from :func:`key_of`.
        check: raises ValueError where nothing can go on from a checkpoint of that key, which
            counts as torn.

    Returns:
        None where there is none; what is torn or of another training is logged.
    """
    for file in (folder / name for folder in folders for name in CHECKPOINTS):
        try:
            found = _read(file)
            if found.key != key:
                _log.warning("%s belongs to another training and is not used", file)
                continue
            check(found)
        except FileNotFoundError:
            continue
        except _TORN as error:
            _log.warning("%s is damaged (%s); trying the one before", file, _brief(error))
            continue
        return found
    return None


_TORN = (
    OSError, ValueError, KeyError, TypeError, EOFError, MemoryError, OverflowError, RuntimeError,
    struct.error, zlib.error, zipfile.BadZipFile,
)  # fmt: skip
"""What reading a torn file may raise; a test changes every bit of one."""


def _brief(error: Exception) -> str:
    """What was wrong, in one line."""
    return " ".join(str(error).split())[:200]


def _read(file: Path) -> Checkpoint:
    """A checkpoint, every checksum compared, and that no array is missing."""
    # NumPy itself leaves a torn file open.
    with file.open("rb") as opened, np.load(opened, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    state = json.loads(str(arrays.pop(_STATE)))
    if sorted(arrays) != state["arrays"]:
        raise ValueError("its list of arrays was cut short")
    return Checkpoint(key=str(state["key"]), values=dict(state["values"]), arrays=arrays)

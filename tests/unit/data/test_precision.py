"""Precision: features of which float32 merges values are named, with how many are left."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hpsearch.data.advice import advise
from hpsearch.data.cache import open_dataset
from hpsearch.data.drawing import split
from hpsearch.data.precision import merged
from hpsearch.data.section import DatasetSection
from hpsearch.home import Home

RANDOM = np.random.default_rng(0)
COUNT = 600
SIXTY = np.arange(COUNT) % 60
NANO = 1_700_000_000_000_000_000


def beside(column: Any) -> Any:
    """A column after one that is harmless."""
    return np.stack([(RANDOM.integers(0, 50, len(column))).astype(column.dtype), column], axis=1)


@pytest.mark.parametrize(
    ("column", "values", "kept", "standardized"),
    [
        (NANO + SIXTY * 10**9, 60, 1, 1),  # an hour would be 26 values
        (1_700_000_000.0 + SIXTY, 60, 1, 1),
        (np.uint32(16_777_216) + (SIXTY % 2).astype(np.uint32), 2, 1, 1),
        (16_777_215.0 - SIXTY % 2, 2, 2, 2),
        (100_000 + SIXTY * 1e-4, 60, 2, 2),
        (np.where(SIXTY < 2, 2.0**30 + SIXTY, SIXTY), 60, 59, 59),  # far apart, and near
    ],
)
def test_merged_values_are_counted(
    column: Any, values: int, kept: int, standardized: int
) -> None:  # fmt: skip
    found = merged(beside(column))
    if values == kept == standardized:
        assert found == []
        return
    (one,) = found
    assert (one.feature, one.values) == (1, values)
    assert one.kept == kept
    assert one.standardized <= standardized + 1


def test_whole_numbers_that_only_scaling_merges() -> None:
    (one,) = merged(beside(np.int64(14_000_000) + np.arange(COUNT)))
    assert one.kept == one.values == COUNT
    assert one.standardized < COUNT


@pytest.mark.parametrize(
    "x",
    [
        RANDOM.normal(size=(200_000, 2)),
        RANDOM.random((200_000, 1)) * 1e9,
        RANDOM.lognormal(0, 2, (200_000, 1)),
        RANDOM.integers(-30_000, 30_000, (5000, 2)).astype(np.int16),
        RANDOM.integers(0, 4_000_000, (5000, 2)),
        RANDOM.integers(0, 256, (300, 8, 8)).astype(np.float64),
        RANDOM.random((300, 8, 8, 3)),
        np.full((50, 2), 1e18),
        np.full((50, 2), np.nan),
        np.array([[np.inf], [1e300], [-1e300]]),
    ],
    ids=lambda x: f"{x.dtype} {x.shape} {x.flat[0]:.3g}",
)
def test_what_rounding_does_to_all_data_is_not_told(x: Any) -> None:
    assert merged(x) == []


def warnings(tmp_path: Path, scale: str, **arrays: Any) -> str:
    np.savez(tmp_path / "d.npz", y_train=np.arange(COUNT) % 2, **arrays)
    section = DatasetSection(source="npz", path=str(tmp_path / "d.npz"), scale=scale)  # type: ignore[arg-type]
    dataset = open_dataset(section, Home(tmp_path / "home"))
    return "\n".join(advise(dataset, section, split(dataset, section)))


@pytest.mark.parametrize("scale", ["none", "standardize"])
def test_a_user_is_told_the_column_and_the_cure(scale: str, tmp_path: Path) -> None:
    told = warnings(tmp_path, scale, x_train=beside(NANO + SIXTY * 10**9))
    assert "a feature loses distinct values in float32" in told
    assert "feature 1 keeps 1 of 60 (counted from 0)" in told
    assert "x - x_train.min(axis=0)" in told


def test_a_feature_that_only_float32_makes_constant_is_not_called_so(tmp_path: Path) -> None:
    told = warnings(tmp_path, "standardize", x_train=beside(1_700_000_000.0 + SIXTY))
    assert told.startswith("a feature loses distinct values")
    assert "never varies" not in told


def test_what_was_shifted_before_is_not_told(tmp_path: Path) -> None:
    x = beside(NANO + SIXTY * 10**9)
    assert "float32" not in warnings(tmp_path, "standardize", x_train=x - x.min(axis=0))

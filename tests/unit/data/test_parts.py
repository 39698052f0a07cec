from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from hpsearch.data.cache import open_dataset
from hpsearch.data.dataset import Dataset
from hpsearch.data.drawing import split
from hpsearch.data.parts import Parts, check_values
from hpsearch.data.section import DatasetSection
from hpsearch.errors import DataError, InputError
from hpsearch.home import Home

Write = Callable[..., DatasetSection]


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    home = Home(tmp_path_factory.mktemp("home"))
    return open_dataset(DatasetSection(source="digits"), home)


def section(**changes: Any) -> DatasetSection:
    return DatasetSection(source="digits", **changes)


@settings(deadline=None, max_examples=30)
@given(
    share=st.floats(0.05, 0.9),
    seed=st.integers(0, 2**31 - 1),
    limit=st.one_of(st.none(), st.integers(40, 2000)),
)
def test_a_split_is_disjoint_stratified_and_independent_of_the_limit(
    digits: Dataset, share: float, seed: int, limit: int | None
) -> None:
    parts = split(digits, section(validation=share, split_seed=seed, limit=limit))
    train, validation = set(parts.train.rows.tolist()), set(parts.validation.rows.tolist())
    assert not train & validation
    assert len(validation) == round(share * 1438)
    assert len(train) == min(limit or 1438, 1438 - len(validation))
    whole = np.bincount(parts.train.y) / 1438
    for part in (parts.train, parts.validation):
        assert (np.diff(part.rows) > 0).all()
        counts = np.bincount(part.y[part.rows], minlength=10)
        # Two draws, each of them within one example.
        assert np.abs(counts - whole * len(part)).max() <= 2
    unlimited = split(digits, section(validation=share, split_seed=seed))
    assert unlimited.validation.rows.tolist() == parts.validation.rows.tolist()
    assert train <= set(unlimited.train.rows.tolist())


def test_parts_say_what_training_needs(digits: Dataset) -> None:
    parts = split(digits, section())
    assert (len(parts.train), len(parts.validation)) == (1294, 144)
    assert (parts.inputs, parts.outputs, parts.input_shape) == (64, 10, (8, 8))
    assert parts.fingerprint == digits.fingerprint
    assert parts.class_weights is None
    assert parts.train.x is parts.validation.x  # no copies
    scaled = parts.train.x[parts.train.rows] * parts.transform.multiplier + parts.transform.offset
    assert (scaled.min(), scaled.max()) == (-1, 1)


def test_the_split_seed_alone_chooses_the_rows(digits: Dataset) -> None:
    first, again = split(digits, section()), split(digits, section(scale="unit"))
    other = split(digits, section(split_seed=1))
    assert first.validation.rows.tolist() == again.validation.rows.tolist()
    assert first.validation.rows.tolist() != other.validation.rows.tolist()


def test_the_split_seed_chooses_what_a_limit_keeps(npz: Write, home: Home) -> None:
    x, y = np.ones((30, 5)), np.arange(30) % 3
    data = npz({"scale": "none", "validation": "given", "limit": 20}, x_val=x, y_val=y)
    dataset = open_dataset(data, home)
    kept = [
        split(dataset, data.model_copy(update={"split_seed": seed})).train.rows.tolist()
        for seed in (0, 0, 1)
    ]
    assert kept[0] == kept[1]
    assert kept[0] != kept[2]


def test_standardize_looks_at_the_limited_training_part(digits: Dataset) -> None:
    parts = split(digits, section(scale="standardize", limit=100))
    scaled = parts.train.x[parts.train.rows] * parts.transform.multiplier + parts.transform.offset
    assert scaled.shape == (100, 8, 8)
    assert scaled.mean() == pytest.approx(0, abs=1e-5)
    assert scaled.std() == pytest.approx(1, abs=1e-5)


def test_balanced_weights_give_every_class_the_same_sum(npz: Write, home: Home) -> None:
    y = np.repeat([0, 1, 2], [200, 100, 60])
    data = npz({"scale": "none", "class_weights": "balanced"}, x_train=np.ones((360, 2)), y_train=y)
    parts = split(open_dataset(data, home), data)
    assert parts.class_weights is not None
    assert parts.class_weights.dtype == np.float32
    counts = np.bincount(parts.train.y[parts.train.rows])
    sums = counts * parts.class_weights
    assert sums == pytest.approx(np.full(3, len(parts.train) / 3), rel=1e-6)


def test_given_validation_is_taken_whole(npz: Write, home: Home) -> None:
    x, y = np.arange(45.0).reshape(9, 5), np.arange(9) % 3
    data = npz({"scale": "none", "validation": "given"}, x_val=x, y_val=y)
    parts = split(open_dataset(data, home), data)
    assert parts.validation.x[parts.validation.rows].tolist() == x.tolist()
    assert parts.validation.y.tolist() == y.tolist()
    assert len(parts.train) == 48  # all that the test split left


REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "nothing given": ({"validation": "given"}, {}, "add x_val and y_val"),
    "share too small": ({"validation": 0.001}, {}, "dataset.validation = 0.001"),
    "too few": ({"validation": 0.01}, {}, "add examples, or use validation = { folds = 5 }"),
    "or given": (
        {"validation": 0.01},
        {"x_val": np.zeros((3, 5)), "y_val": np.arange(3)},
        'or use validation = { folds = 5 }, or "given"',
    ),
    "share too large": ({"validation": 0.99}, {}, "dataset.validation = 0.99"),
    "limit below classes": ({"limit": 2}, {}, "dataset.limit = 2 of 43"),
    "no maximum": ({"scale": "unit"}, {}, 'dataset.scale = "unit"'),
}


@pytest.mark.parametrize("name", REFUSED)
def test_parts_that_cannot_be_made_are_refused(npz: Write, home: Home, name: str) -> None:
    changes, arrays, says = REFUSED[name]
    data = npz({"scale": "none"} | changes, **arrays)
    with pytest.raises(InputError) as caught:
        split(open_dataset(data, home), data)
    assert says in str(caught.value)


@pytest.mark.parametrize("limit", [None, 100])
def test_a_refit_trains_on_the_validation_examples_too(digits: Dataset, limit: int | None) -> None:
    apart = split(digits, section(limit=limit))
    whole = split(digits, section(limit=limit, include_validation=True, scale="standardize"))
    rows = sorted([*apart.train.rows.tolist(), *apart.validation.rows.tolist()])
    assert whole.train.rows.tolist() == rows
    assert whole.train.x is whole.validation.x  # no copies
    assert whole.validation.rows.tolist() == apart.validation.rows.tolist()
    scaled = whole.train.x[rows] * whole.transform.multiplier + whole.transform.offset
    assert (scaled.mean(), scaled.std()) == (pytest.approx(0, abs=1e-5), pytest.approx(1, abs=1e-5))


def test_a_refit_where_the_validation_part_is_given(npz: Write, home: Home) -> None:
    x, y = np.full((30, 5), 7.0), np.arange(30) % 3
    data = npz({"scale": "none", "validation": "given", "limit": 20}, x_val=x, y_val=y)
    dataset = open_dataset(data, home)
    apart = split(dataset, data)
    whole = split(dataset, data.model_copy(update={"include_validation": True}))
    assert len(whole.train) == 20 + 30
    expected = np.concatenate([apart.train.x[apart.train.rows], x])
    assert np.array_equal(whole.train.x[whole.train.rows], expected)
    labels = [*apart.train.y[apart.train.rows], *y]
    assert whole.train.y[whole.train.rows].tolist() == labels
    assert np.array_equal(whole.validation.x[whole.validation.rows], x)
    assert whole.validation.y[whole.validation.rows].tolist() == y.tolist()


def test_folds_share_the_examples_and_are_fitted_each_for_itself(digits: Dataset) -> None:
    parts = split(digits, section(validation={"folds": 4}, scale="standardize"))
    assert len(parts.folds) == 4
    assert len(parts.others) == 3
    assert parts.folds[0].others == ()
    seen = np.concatenate([fold.validation.rows for fold in parts.folds])
    assert sorted(seen) == [*range(digits.train_size)]
    assert len({float(fold.affine.offset.sum()) for fold in parts.folds}) == 4
    assert all(fold.train.x is parts.train.x for fold in parts.folds)
    again = split(digits, section(validation={"folds": 4, "repeats": 2}))
    assert len(again.folds) == 8
    assert again.folds[1].validation.rows.tolist() == parts.folds[1].validation.rows.tolist()
    assert again.folds[4].validation.rows.tolist() != parts.folds[0].validation.rows.tolist()


def test_trained_on_all_folds_there_is_one(digits: Dataset) -> None:
    parts = split(digits, section(validation={"folds": 4}, include_validation=True))
    assert parts.others == ()
    assert len(parts.train) == digits.train_size


def test_a_limit_below_the_classes_is_refused_in_folds_too(digits: Dataset) -> None:
    small = section(validation={"folds": 20}, limit=5)
    with pytest.raises(InputError, match=r"dataset\.limit = 5"):
        split(digits, small)


def table(tmp_path: Path, **keys: Any) -> Parts:
    """Sixty rows with a weight, a group and a time."""
    lines = [f"{n}.5,{n % 7 + 1},{n % 5},{n},{n * n}.25" for n in range(60)]
    (tmp_path / "t.csv").write_text("\n".join(["a,w,g,t,y", *lines]))
    columns = {"source": "table", "path": str(tmp_path / "t.csv"), "target": "y"}
    wanted = DatasetSection.model_validate({**columns, "validation": 0.2, **keys})
    return split(open_dataset(wanted, Home(tmp_path / "home")), wanted)


def test_weights_are_one_in_the_mean_of_the_training_rows(tmp_path: Path) -> None:
    parts = table(tmp_path, weight="w", ignore=("g", "t"))
    assert parts.train.weights is not None
    assert parts.train.weights[parts.train.rows].mean() == pytest.approx(1, abs=1e-6)
    assert parts.validation.weights is None
    folded = table(tmp_path, weight="w", ignore=("g", "t"), validation={"folds": 3})
    for fold in folded.folds:
        assert fold.train.weights is not None
        assert fold.train.weights[fold.train.rows].mean() == pytest.approx(1, abs=1e-6)


def test_a_refit_of_folds_in_time_trains_on_all_rows(tmp_path: Path) -> None:
    wanted = {"time": "t", "ignore": ("g", "w"), "validation": {"folds": 3}}
    parts = table(tmp_path, **wanted)
    assert max(len(fold.train) for fold in parts.folds) < 48
    assert len(table(tmp_path, **wanted, include_validation=True).train) == 48
    limited = table(tmp_path, **wanted, include_validation=True, limit=20)
    assert len(limited.train) == 20


def test_repeats_of_folds_in_time_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="every repeat has the same folds"):
        table(tmp_path, time="t", validation={"folds": 3, "repeats": 2})


def test_the_kept_network_of_folds_answers_within_all_their_ranges(tmp_path: Path) -> None:
    parts = table(tmp_path, time="t", ignore=("g", "w"), validation={"folds": 3})
    ranges = [(fold.target.low, fold.target.high) for fold in parts.folds if fold.target]
    assert parts.answers is not None
    assert (parts.answers.low, parts.answers.high) == (
        min(low for low, _ in ranges),
        max(high for _, high in ranges),
    )
    assert parts.target is not None
    assert parts.answers.high > parts.target.high


def test_a_number_of_which_float32_keeps_little_is_told(tmp_path: Path) -> None:
    lines = [f"{100_000_000 + n},{n * n}.5" for n in range(40)]
    (tmp_path / "t.csv").write_text("\n".join(["a,y", *lines]))
    wanted = DatasetSection.model_validate(
        {"source": "table", "path": str(tmp_path / "t.csv"), "target": "y"}
    )
    dataset = open_dataset(wanted, Home(tmp_path / "home"))
    (told,) = dataset.summary.flaws
    assert told.startswith('column "a": of 40 different values float32 keeps 6')


def test_values_of_all_folds_are_checked(tmp_path: Path) -> None:
    days = np.arange(40)
    lines = [f"{day},{day % 7},{day * day % 17}.5" for day in days]
    (tmp_path / "days.csv").write_text("\n".join(["day,x,value", *lines]))
    folds = {"validation": {"folds": 3}, "target": "value", "time": "day"}
    data = DatasetSection(source="table", path=str(tmp_path / "days.csv"), **folds)
    parts = split(open_dataset(data, Home(tmp_path / "home")), data)
    check_values(parts)
    newest = parts.folds[-1].validation
    assert newest.rows[-1] not in parts.validation.rows
    y = newest.y.copy()
    y[newest.rows[-1]] = np.nan
    damaged = [replace(fold, validation=replace(fold.validation, y=y)) for fold in parts.folds]
    with pytest.raises(DataError, match="row 31 of the validation examples"):
        check_values(replace(damaged[0], others=tuple(damaged[1:])))

"""What a study file becomes by its data: a preset's space, training and portfolio."""

from dataclasses import replace
from typing import Any

import fakes
import numpy as np
import pytest

from hpsearch.data.parts import Parts
from hpsearch.data.tables.shape import TableShape
from hpsearch.data.target import Standard
from hpsearch.errors import InputError
from hpsearch.for_data import for_data, lost_portfolio, sizes_of, usual_preset
from hpsearch.networks.network import Shape
from hpsearch.presets.preset import preset
from hpsearch.study_file import StudyFile, as_begun, differences


def study(**sections: Any) -> StudyFile:
    whole = {"name": "mine", "dataset": {"source": "digits"}, **sections}
    return StudyFile.model_validate(whole)


def images(side: int = 8, names: tuple[str, ...] = ("cat", "dog", "owl")) -> Parts:
    parts = fakes.parts(inputs=side * side)
    x = parts.train.x.reshape(-1, side, side)
    return replace(
        parts,
        input_shape=(side, side),
        class_names=names,
        train=replace(parts.train, x=x),
        validation=replace(parts.validation, x=x),
    )


def resolved(parts: Parts, **sections: Any) -> StudyFile:
    return for_data(study(**sections), "classification", parts, "mine.toml")


def test_without_a_space_the_preset_of_the_data_is_searched() -> None:
    vectors, pictures = resolved(fakes.parts()), resolved(images())
    assert (vectors.preset, pictures.preset) == ("vectors", "images")
    assert vectors.space.network.units.high == sizes_of(fakes.parts()).width
    assert "translate" in pictures.space.augment.model_fields_set
    assert pictures.space.augment.flip.choices == (False, True)
    assert vectors.is_search
    assert study().awaits_preset
    assert study().fixed_recipe() is None
    assert len(vectors.first) == len(vectors.portfolio) >= 1


@pytest.mark.parametrize(
    ("shape", "name"),
    [
        ((28, 28), "images"),
        ((4, 9, 3), "images"),
        ((7,), "vectors"),
        ((2, 50), "vectors"),
        ((8, 8, 8, 3), "vectors"),
        ((8, 8, 100), "vectors"),
        (TableShape(numbers=2, others=0, embedded=0, rows=0), "tables"),
    ],
)
def test_each_kind_of_data_has_its_preset(shape: Shape, name: str) -> None:
    assert usual_preset(shape) == name


def test_a_preset_may_be_by_the_data_and_changed() -> None:
    found = resolved(images(), preset="auto", space={"layers": 1})
    assert found.space.network.layers == 1
    assert found.space.network.units == resolved(images()).space.network.units
    assert found.preset is None
    assert resolved(images(), preset="auto") == resolved(images())


def test_letters_are_never_mirrored() -> None:
    assert sizes_of(images(names=("a", "b", "c"))).may_flip is False
    assert sizes_of(images(names=("9", "10", "11"))).may_flip is False
    assert sizes_of(images(names=("a", "cat", "c"))).may_flip is True
    assert resolved(images(names=("a", "b", "c"))).space.augment.flip is False


def test_what_a_study_file_says_is_kept() -> None:
    given = preset("vectors", sizes_of(fakes.parts())).table["training"]
    found = resolved(fakes.parts(), training={"epochs": 7})
    assert found.training.epochs == 7
    assert found.training.early_stopping.patience == given["early_stopping"]["patience"]
    found = resolved(fakes.parts(), training={"early_stopping": {"patience": 3}})
    assert found.training.epochs == given["epochs"]
    assert found.training.early_stopping.patience == 3
    found = resolved(fakes.parts(), training={"early_stopping": False})
    assert found.training.early_stopping is False
    metric = resolved(fakes.parts(), objective={"metric": "val_f1_macro"})
    assert metric.training.early_stopping.monitor == "val_f1_macro"


def test_an_own_space_is_left_as_it_is() -> None:
    own = study(space={"layers": {"type": "int", "low": 1, "high": 2}})
    assert for_data(own, "classification", fakes.parts(), "mine.toml") == own


def test_keys_of_a_space_are_in_place_of_a_named_presets() -> None:
    whole = resolved(images(), preset="images")
    own = {"layers": 1, "augment": {"translate": 5}, "optimizer": {"type": "adam"}}
    found = resolved(images(), preset="images", space=own)
    network = found.space.network
    assert (network.layers, network.units) == (1, whole.space.network.units)
    assert found.space.augment.translate == 5
    assert found.space.augment.flip == whole.space.augment.flip
    assert found.space.optimizer.type == "adam"
    assert (found.preset, found.portfolio) == (None, ())
    assert found.training == whole.training
    narrow = resolved(images(), preset="images", space={"label_smoothing": 0.0})
    assert 1 <= len(narrow.portfolio) <= len(whole.portfolio)
    conv = resolved(images(), preset="images", space={"network": {"type": "conv"}})
    assert conv.space.network.type == "conv"


def test_what_is_enqueued_must_lie_in_the_presets_space() -> None:
    with pytest.raises(
        InputError, match=r"mine.toml: enqueue\[0\].layers = 60 is not in the space"
    ):
        resolved(fakes.parts(), enqueue=[{"layers": 60}])


def test_a_portfolio_can_be_switched_off_or_be_the_users_own() -> None:
    assert resolved(fakes.parts(), sampler={"type": "tpe", "portfolio": False}).first == ()
    found = resolved(fakes.parts(), portfolio=[{"layers": 1}])
    assert [one.network.layers for one in found.portfolio] == [1]
    # What is enqueued comes first.
    found = resolved(fakes.parts(), enqueue=[{"layers": 3}])
    assert found.first[0].network.layers == 3
    assert len(found.first) == 1 + len(resolved(fakes.parts()).portfolio)


def test_what_is_too_large_for_the_budget_is_no_part_of_the_portfolio() -> None:
    found = resolved(images(), budget={"max_parameters": 10_000})
    sizes = [one.network.units for one in found.portfolio]
    assert len(sizes) < len(resolved(images()).portfolio)


def test_what_is_lost_of_a_portfolio_is_told() -> None:
    given = study(preset="images", space={"optimizer": {"type": "adam"}})
    found = for_data(given, "classification", images(), "mine.toml")
    assert lost_portfolio(given, found, images()).startswith("0 of ")
    whole = study()
    found = for_data(whole, "classification", images(), "mine.toml")
    assert not lost_portfolio(whole, found, images())
    off = study(sampler={"type": "tpe", "portfolio": False})
    found = for_data(off, "classification", images(), "mine.toml")
    assert not lost_portfolio(off, found, images())


def test_folds_in_order_of_time_are_sized_by_the_last() -> None:
    parts = fakes.parts()
    grown = replace(parts, train=replace(parts.train, rows=np.arange(30)))
    assert sizes_of(replace(parts, others=(grown,))).rows == 30


def test_a_study_keeps_the_preset_that_it_began_with() -> None:
    stored = resolved(fakes.parts())
    older = stored.model_copy(
        update={
            "space": stored.space.model_copy(update={"batch_size": 77}),
            "portfolio": (),
            "training": stored.training.model_copy(update={"epochs": 55}),
        }
    )
    older = StudyFile.model_validate_json(older.model_dump_json())
    again = as_begun(older, resolved(fakes.parts()))
    assert differences(older, again) == []
    assert again.portfolio == ()
    changed = as_begun(older, resolved(fakes.parts(), training={"epochs": 9}))
    assert differences(older, changed) == ["training.epochs: 55 -> 9"]
    own = as_begun(older, resolved(fakes.parts(), preset="vectors", space={"layers": 1}))
    assert any(line.startswith("space.") for line in differences(older, own))


def test_a_preset_for_other_data_has_no_portfolio() -> None:
    found = resolved(fakes.parts(), preset="images-conv")
    assert found.space.network.tables()["conv"].blocks.high == 1
    assert found.portfolio == ()


def numbers(parts: Parts) -> Parts:
    y = np.linspace(0.0, 1.0, 30)
    return replace(
        parts,
        class_names=(),
        target=Standard(mean=0.0, deviation=1.0, low=0.0, high=1.0, is_log=False),
        train=replace(parts.train, y=y),
        validation=replace(parts.validation, y=y),
    )


def test_a_regression_has_its_metric_and_nothing_that_is_of_classes() -> None:
    found = for_data(study(), "regression", numbers(images()), "mine.toml")
    assert found.training.early_stopping.monitor == "val_rmse"
    assert found.space.label_smoothing == 0.0
    assert len(found.portfolio) > 3
    assert all(one.label_smoothing is None for one in found.portfolio)
    wrong = study(objective={"metric": "val_auc"})
    with pytest.raises(InputError, match="no metric of a regression"):
        for_data(wrong, "regression", numbers(images()), "mine.toml")

"""The study to try next."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
import strategies
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.config import TrialConfig, flat
from hpsearch.fields import parse
from hpsearch.report.following import as_toml, following
from hpsearch.report.leaders import leaders
from hpsearch.space import Corner, Space, suggest_config
from hpsearch.study_file import StudyFile, from_table

RATE = {"type": "float", "low": 1e-4, "high": 1e-2, "log": True}
UNITS = {"type": "int", "low": 64, "high": 1024, "log": True, "per_layer": True}


def file(name: str = "study", *, space: dict[str, Any], **sections: Any) -> StudyFile:
    table = {"name": name, "dataset": {"source": "digits"}, "space": space, **sections}
    return parse(StudyFile, table, "study.toml")


def read(text: str) -> StudyFile:
    return from_table(tomllib.loads(text), Path("next.toml"))


def trained(value: float, *, best_epoch: int = 1, **fields: Any) -> dict[str, Any]:
    """A complete trial."""
    config = flat(parse(TrialConfig, fields, "config"))
    return {
        "number": 0, "state": "complete", "values": [value], "config": config,
        "best_epoch": best_epoch,
    }  # fmt: skip


def after(study: StudyFile, rows: list[dict[str, Any]], config: TrialConfig | None = None) -> Any:
    found = following(study, rows, leaders(rows, maximize=True), config)
    return found, read(found.text)


def test_without_a_reason_nothing_changes_but_the_name() -> None:
    study = file(space={"units": UNITS}, budget={"trials": 7}, seed=3)
    found, now = after(study, [])
    assert found.changes == []
    assert now == study.model_copy(update={"name": "study-2"})


@pytest.mark.parametrize(
    ("name", "following_name"),
    [
        ("study", "study-2"), ("study-2", "study-3"), ("study-9", "study-10"), ("a-b", "a-b-2"),
        ("2", "2-2"), ("run-20261125", "run-20261125-2"), ("n" * 100, "n" * 97 + "-2"),
    ],
)  # fmt: skip
def test_names_are_counted(name: str, following_name: str) -> None:
    found, now = after(file(name, space={}), [])
    assert found.name == now.name == following_name


def test_ends_move_on_their_scale() -> None:
    space = {
        "layers": {"type": "int", "low": 1, "high": 3}, "units": UNITS,
        "optimizer": {"adam": {"learning_rate": RATE}},
    }  # fmt: skip
    rows = [
        trained(0.9, layers=3, units=1024, optimizer={"type": "adam", "learning_rate": 1e-4})
        for _ in range(6)
    ]
    found, now = after(file(space=space), rows)
    assert now.space.layers.high == 4  # by half of its width
    assert now.space.units.high == 4096  # by the root of 16
    assert now.space.optimizer.adam.learning_rate.low == pytest.approx(1e-5)
    assert len(found.changes) == 3
    assert found.changes[0] == (
        "layers: 5 of 5 values of the best trials lie at the high end (3); it is 4 now"
    )
    # What was not at an end stays.
    assert now.space.units.low == 64


def test_an_end_that_cannot_move_stays_and_nothing_is_claimed() -> None:
    space = {
        "dropout": {"type": "float", "low": 0.0, "high": 0.5},
        "optimizer": {"sgd": {"momentum": {"type": "float", "low": 0.0, "high": 0.95}}},
    }
    rows = [trained(0.9, dropout=0.0, optimizer={"type": "sgd", "momentum": 0.94})] * 6
    found, now = after(file(space=space), rows)
    assert found.changes == []
    assert now.space == parse(Space, space, "space")


def test_a_number_to_choose_from_gets_a_neighbour() -> None:
    space = {
        "batch_size": {"type": "categorical", "choices": [32, 64, 128]},
        "l2": {"type": "categorical", "choices": [0.0, 1e-5, 1e-4]},
    }
    rows = [trained(0.9, batch_size=128, l2=1e-4)] * 6
    _, now = after(file(space=space), rows)
    assert now.space.batch_size.choices == (32, 64, 128, 256)
    assert now.space.l2.choices == (0.0, 1e-5, 1e-4, 1e-3)


def test_steps_are_kept() -> None:
    space = {"dropout": {"type": "float", "low": 0.1, "high": 0.4, "step": 0.1}}
    _, now = after(file(space=space), [trained(0.9, dropout=0.4)] * 6)
    assert (now.space.dropout.high, now.space.dropout.step) == (pytest.approx(0.6), 0.1)


def test_a_choice_that_was_tried_often_and_is_never_good_goes() -> None:
    kinds = {"type": "categorical", "choices": ["relu", "gelu", "tanh"]}
    rows = [trained(0.9, activation="relu")] * 5
    rows += [trained(0.1, activation="tanh")] * 8 + [trained(0.1, activation="gelu")] * 7
    found, now = after(file(space={"activation": kinds}), rows)
    assert now.space.activation.choices == ("relu", "gelu")  # gelu was tried less often
    assert found.changes == ["activation: tanh is out: tried in 8 trials, in none of the best 5"]


def test_training_goes_on_where_the_best_were_still_getting_better() -> None:
    study = file(space={"units": UNITS}, training={"epochs": 10})
    late = [trained(0.9, best_epoch=10, units=256)] * 3 + [
        trained(0.9, best_epoch=9, units=256)
    ] * 2
    _, now = after(study, late)
    assert now.training.epochs == 20
    _, now = after(study, [trained(0.9, best_epoch=9, units=256)] * 5)
    assert now.training.epochs == 10


def test_the_best_configuration_is_tried_first() -> None:
    space = {
        "layers": 2, "units": UNITS, "activation": "gelu",
        "optimizer": {"adam": {"learning_rate": RATE}, "sgd": {"learning_rate": RATE}},
    }  # fmt: skip
    best = parse(
        TrialConfig,
        {
            "layers": 2, "units": [128, 256], "activation": "gelu",
            "optimizer": {"type": "sgd", "learning_rate": 1e-3},
        },
        "config",
    )  # fmt: skip
    found, now = after(file(space=space), [], best)
    assert found.changes == ["the best configuration is tried first"]
    (first,) = now.enqueue
    assert first.model_dump(exclude_unset=True) == {
        "layers": 2, "units": (128, 256), "optimizer": {"type": "sgd", "learning_rate": 1e-3},
    }  # fmt: skip


def test_a_space_without_ranges_has_nothing_to_try_first() -> None:
    found, now = after(file(space={"units": 64}), [], TrialConfig(units=(64, 64)))
    assert found.changes == []
    assert now.enqueue == ()


@given(space=strategies.spaces())
def test_any_space_is_written_as_it_is_read(space: dict[str, Any]) -> None:
    study = file(space=space)
    assert read(as_toml(study, study.name)) == study


def test_every_section_is_written_as_it_is_read() -> None:
    study = file(
        "all",
        space={
            "layers": {"type": "int", "low": 1, "high": 2},
            "units": UNITS,
            "optimizer": {"type": "sgd", "learning_rate": 0.1},
        },
        seed=7,
        dataset={"source": "digits", "limit": 100, "scale": "unit"},
        objective={"metric": "val_loss", "epoch": "last"},
        budget={"trials": 3, "timeout": "2h", "plateau": 2, "max_parameters": 1000},
        sampler={"type": "qmc", "qmc_type": "halton"},
        pruner={"type": "percentile", "percentile": 10.0},
        training={"epochs": 3, "early_stopping": False, "tensorboard": {"histograms": True}},
        enqueue=[{"layers": 1, "units": [65]}],
        baseline={"layers": 1, "units": 32, "optimizer": {"type": "rmsprop", "rho": 0.8}},
    )
    assert read(as_toml(study, "all")) == study


@given(space=strategies.spaces(), where=st.floats(0, 1))
def test_whatever_was_good_the_next_file_is_valid(space: dict[str, Any], where: float) -> None:
    study = file(space=space)
    config = suggest_config(study.space, Corner(where))
    rows = [
        {
            "number": 0, "state": "complete", "values": [0.5], "config": flat(config),
            "best_epoch": 30,
        }
    ] * 9  # fmt: skip
    found = following(study, rows, leaders(rows, maximize=True), config)
    assert read(found.text).name == "study-2"

"""The study to try next."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
import strategies
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.config import TrialConfig, flat
from hpsearch.parsing import parse
from hpsearch.report.following import following
from hpsearch.report.leaders import leaders
from hpsearch.report.study_toml import as_toml
from hpsearch.space import Corner, Space, config_of, fixed_config, suggest_config
from hpsearch.study_file import StudyFile, from_table, load
from hpsearch.tasks.classification import ACCURACY
from hpsearch.walks import named_fields, settle

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
    found = following(study, rows, leaders(rows, ACCURACY), config)
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
        ("2", "2-2"), ("run-20261125", "run-20261125-2"), ("n" * 100, "n" * 98 + "-2"),
        ("n" * 98 + "-9", "n" * 97 + "-10"), ("a-999", "a-1000"),
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
        for _ in range(20)
    ]
    found, now = after(file(space=space), rows)
    assert now.space.network.layers.high == 4  # by half of its width
    assert now.space.network.units.high == 4096  # by the root of 16
    assert now.space.optimizer.adam.learning_rate.low == pytest.approx(1e-5)
    assert len(found.changes) == 3
    assert found.changes[0] == (
        "layers: 5 of the best 5 trials lie at the high end (3); it is now 4"
    )
    # What was not at an end stays.
    assert now.space.network.units.low == 64


def test_of_too_few_trials_only_the_best_one_is_carried_over() -> None:
    kinds = {"type": "categorical", "choices": ["relu", "tanh"]}
    study = file(space={"units": UNITS, "activation": kinds}, training={"epochs": 10})
    good = trained(0.9, units=1024, best_epoch=10)
    rows = [good] * 10 + [trained(0.1, units=1024, activation="tanh")] * 9
    told = {"number": 0, "state": "complete", "values": [0.5], "config": {}, "best_epoch": None}
    best = parse(TrialConfig, {"units": [1024, 1024]}, "config")
    found, now = after(study, [*rows, told], best)
    assert found.changes == ["the best configuration is tried first"]
    assert found.too_few.endswith("; there are 19")
    assert (now.space, now.training) == (study.space, study.training)
    found, now = after(study, [*rows, good], best)
    assert found.too_few == ""
    assert len(found.changes) == 4
    assert now.space.network.units.high > 1024


def test_an_end_that_cannot_move_stays_and_nothing_is_claimed() -> None:
    space = {
        "dropout": {"type": "float", "low": 0.0, "high": 0.5},
        "optimizer": {"sgd": {"momentum": {"type": "float", "low": 0.0, "high": 0.95}}},
    }
    rows = [trained(0.9, dropout=0.0, optimizer={"type": "sgd", "momentum": 0.94})] * 20
    found, now = after(file(space=space), rows)
    assert found.changes == []
    assert found.stuck == [
        "dropout: 5 of the best 5 trials lie at the low end (0)",
        "sgd.momentum: 5 of the best 5 trials lie at the high end (0.95)",
    ]
    assert now.space == parse(Space, space, "space")


def test_a_number_to_choose_from_gets_a_neighbour() -> None:
    space = {
        "batch_size": {"type": "categorical", "choices": [32, 64, 128]},
        "l2": {"type": "categorical", "choices": [0.0, 1e-5, 1e-4]},
    }
    rows = [trained(0.9, batch_size=128, l2=1e-4)] * 20
    _, now = after(file(space=space), rows)
    assert now.space.batch_size.choices == (32, 64, 128, 256)
    assert now.space.network.l2.choices == (0.0, 1e-5, 1e-4, 1e-3)


def test_steps_are_kept() -> None:
    space = {"dropout": {"type": "float", "low": 0.1, "high": 0.4, "step": 0.1}}
    _, now = after(file(space=space), [trained(0.9, dropout=0.4)] * 20)
    assert (now.space.network.dropout.high, now.space.network.dropout.step) == (
        pytest.approx(0.6),
        0.1,
    )


@pytest.mark.parametrize(
    ("dropout", "good", "ends"),
    [
        ({"type": "float", "low": 0.2, "high": 0.4}, 0.4, (0.2, 0.5)),
        ({"type": "float", "low": 0.2, "high": 0.4}, 0.2, (0.1, 0.4)),
        # Two digits do not tell its ends apart.
        ({"type": "float", "low": 0.0995, "high": 0.101}, 0.101, (0.0995, 0.101)),
    ],
)
def test_ends_of_plain_ranges_move_by_half_of_the_width(
    dropout: dict[str, Any], good: float, ends: tuple[float, float]
) -> None:
    found, now = after(file(space={"dropout": dropout}), [trained(0.9, dropout=good)] * 20)
    assert (now.space.network.dropout.low, now.space.network.dropout.high) == ends
    moved = ends != (dropout["low"], dropout["high"])
    assert [change.partition(":")[0] for change in found.changes] == ["dropout"] * moved


def test_whole_steps_are_kept() -> None:
    space = {"batch_size": {"type": "int", "low": 64, "high": 256, "step": 64}}
    _, now = after(file(space=space), [trained(0.9, batch_size=256)] * 20)
    # Half of its width is a step and a half.
    assert (now.space.batch_size.high, now.space.batch_size.step) == (384, 64)


def test_an_end_moves_by_one_step_at_least() -> None:
    space = {
        "layers": {"type": "int", "low": 1, "high": 2},
        "dropout": {"type": "float", "low": 0.1, "high": 0.2, "step": 0.1},
    }
    _, now = after(file(space=space), [trained(0.9, layers=2, dropout=0.2)] * 20)
    assert now.space.network.layers.high == 3
    assert now.space.network.dropout.high == pytest.approx(0.3)


def test_a_choice_too_near_to_be_written_in_two_digits_is_not_made_up() -> None:
    space = {"dropout": {"type": "categorical", "choices": [0.991, 0.992, 0.993]}}
    found, now = after(file(space=space), [trained(0.9, dropout=0.993)] * 20)
    assert found.changes == []
    assert now.space.network.dropout.choices == (0.991, 0.992, 0.993)


def test_of_an_optimizer_that_no_good_trial_has_nothing_is_dropped() -> None:
    choices = {"type": "categorical", "choices": [True, False]}
    space = {"optimizer": {"adam": {}, "sgd": {"nesterov": choices}}}
    bad = [trained(0.1, optimizer={"type": "sgd", "nesterov": n < 9}) for n in range(18)]
    found, now = after(file(space=space), [trained(0.9)] * 5 + bad)  # 23 of them
    assert found.changes == []
    assert now.space.optimizer.sgd.nesterov.choices == (True, False)


def test_a_choice_that_one_of_the_best_uses_in_one_layer_stays() -> None:
    widths = {"type": "categorical", "choices": [8, 9, 64], "per_layer": True}
    rows = [trained(0.9, units=[64, 64])] * 4 + [trained(0.9, units=[64, 8])]
    rows += [trained(0.1, units=width) for width in (8, 9) for _ in range(8)]  # 21 of them
    found, now = after(file(space={"units": widths}), rows)
    # One goes, and one is added at the end that they crowd at.
    assert now.space.network.units.choices == (8, 64, 455)
    assert len(found.changes) == 2


def test_trials_without_a_configuration_tried_nothing() -> None:
    kinds = {"type": "categorical", "choices": ["relu", "tanh"]}
    told = {"number": 0, "state": "pruned", "values": None, "config": {}, "best_epoch": None}
    found, _ = after(file(space={"activation": kinds}), [trained(0.9)] * 20 + [told] * 8)
    assert found.changes == []


def test_a_choice_that_was_tried_often_and_is_never_good_goes() -> None:
    kinds = {"type": "categorical", "choices": ["relu", "gelu", "tanh"]}
    rows = [trained(0.9, activation="relu")] * 5
    rows += [trained(0.1, activation="tanh")] * 8 + [trained(0.1, activation="gelu")] * 7
    found, now = after(file(space={"activation": kinds}), rows)
    assert now.space.network.activation.choices == ("relu", "gelu")  # gelu was tried less often
    assert found.stuck == []
    dropped = "activation: tanh is dropped: 8 trials tried it, but none of the best 5 did"
    assert found.changes == [dropped]


def test_training_goes_on_where_the_best_were_still_getting_better() -> None:
    study = file(space={"units": UNITS}, training={"epochs": 10})
    late = [trained(0.9, best_epoch=10, units=256)] * 3
    early = [trained(0.9, best_epoch=9, units=256)]
    _, now = after(study, late + early * 17)
    assert now.training.epochs == 20
    _, now = after(study, early * 20)
    assert now.training.epochs == 10
    _, now = after(study, late + early * 16)
    assert now.training.epochs == 10


def test_there_is_an_end_to_longer_training() -> None:
    study = file(space={"units": UNITS}, training={"epochs": 60_000})
    found, now = after(study, [trained(0.9, best_epoch=60_000, units=256)] * 20)
    assert found.changes == []
    assert now.training.epochs == 60_000


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


def test_a_monitor_that_is_none_of_the_objective_is_written_out() -> None:
    """Left out it would be the objective's metric."""
    mine = file(
        space={},
        objective={"metric": "val_f1_macro"},
        training={"early_stopping": {"monitor": "val_accuracy"}},
    )
    text = as_toml(mine, "other")
    assert 'early_stopping = { monitor = "val_accuracy" }' in text
    again = StudyFile.model_validate(tomllib.loads(text))
    assert again.training == mine.training


@given(table=strategies.study_files)
def test_any_study_file_is_written_as_it_is_read(table: dict[str, Any]) -> None:
    study = parse(StudyFile, table, "study.toml")
    assert read(as_toml(study, study.name)) == study


@pytest.mark.parametrize(
    "sections",
    [
        {"sampler": {"type": "tpe", "multivariate": True, "group": True, "constant_liar": False}},
        {"sampler": {"type": "gp", "deterministic_objective": True}},
        {"sampler": {"type": "random"}}, {"sampler": {"type": "tpe"}},
        {"pruner": {"type": "median", "n_warmup_steps": 0}}, {"pruner": {"type": "none"}},
        {"pruner": {"type": "hyperband", "reduction_factor": 4}},
        {"pruner": {"type": "successive_halving", "min_early_stopping_rate": 2}},
        {"workers": {"count": 2}}, {"workers": {"per_gpu": 3}},
        {"training": {"early_stopping": {"monitor": "val_loss", "patience": 5}}},
        {"training": {"reduce_lr_on_plateau": {"factor": 0.1}, "trial_timeout": "90s"}},
        {"objective": {"direction": "maximize"}},
    ],
)  # fmt: skip
def test_sections_are_written_as_they_are_read(sections: dict[str, Any]) -> None:
    study = file(space={"units": UNITS}, **sections)
    assert read(as_toml(study, study.name)) == study
    assert after(study, [])[1] == study.model_copy(update={"name": "study-2"})


def test_a_step_of_one_between_real_numbers_is_no_default() -> None:
    rate = {"type": "float", "low": 1.0, "high": 3.0, "step": 1.0}
    study = file(space={"optimizer": {"adam": {"learning_rate": rate}}})
    assert read(as_toml(study, study.name)) == study


def test_any_path_is_written_as_it_is_read(tmp_path: Path) -> None:
    folder = tmp_path / 'größe "😀" \\ \x7f\n'
    folder.mkdir()
    study = file(space={}, dataset={"source": "image_folder", "path": str(folder)})
    assert read(as_toml(study, study.name)) == study


def test_what_was_enqueued_is_written_also_after_it_was_stored() -> None:
    space = {"layers": {"type": "int", "low": 1, "high": 3}, "optimizer": {"adam": {"beta_1": 0.8},
             "sgd": {"learning_rate": RATE}}}  # fmt: skip
    sgd = {"type": "sgd", "learning_rate": 1e-3}
    study = file(space=space, enqueue=[{"layers": 1}, {"optimizer": sgd}])
    stored = parse(StudyFile, study.model_dump(mode="json"), "the storage")
    assert read(as_toml(stored, study.name)) == study


def test_the_files_are_read_as_files(tmp_path: Path) -> None:
    study = file(space={"units": UNITS}, budget={"timeout": "2h"})
    path = tmp_path / "study.toml"
    path.write_text(as_toml(study, "study"), encoding="utf-8")
    assert load(path) == study
    path.write_text(after(study, [])[0].text, encoding="utf-8")
    assert load(path).name == "study-2"


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


@given(space=strategies.spaces(), places=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_only_what_is_said_changes_and_the_best_is_tried_first(
    space: dict[str, Any], places: tuple[float, float]
) -> None:
    study = file(space=space)
    good, bad = (suggest_config(study.space, Corner(where)) for where in places)
    rows = [trained(0.9, best_epoch=30, **flat(good))] * 5 + [trained(0.1, **flat(bad))] * 15
    found, now = after(study, rows, good)
    said = {change.partition(":")[0] for change in found.changes if ":" in change}
    before, behind = named_fields(study.space), named_fields(now.space)
    assert before.keys() == behind.keys()
    changed = {name for name in before if before[name] != behind[name]}
    assert changed | {"training.epochs"} == said
    assert now.training.epochs == 60
    other = {key: getattr(now, key) for key in ("name", "space", "training", "enqueue")}
    assert now == study.model_copy(update=other)
    first = [config_of(now.space, settle(now.space, partial)) for partial in now.enqueue]
    assert first == ([good] if fixed_config(study.space) is None else [])
    assert ("the best configuration is tried first" in found.changes) == bool(first)
    assert strategies.within(now.space, good)

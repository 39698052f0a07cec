"""What the best trials have in common."""

from typing import Any

import pytest

from hpsearch.config import TrialConfig, flat
from hpsearch.parsing import parse
from hpsearch.report.leaders import crowded, in_words, leaders
from hpsearch.space import Space
from hpsearch.tasks.classification import ACCURACY, LOSS
from hpsearch.walks import Place, places


def row(number: int = 0, value: float = 0.5, state: str = "complete", **config: Any) -> Any:
    """A trial as ``trials --json`` prints it, as far as it is looked at here."""
    given = flat(TrialConfig(layers=1, units=(64,), dropout=(0.0,))) | config
    values = [value] if state == "complete" else None
    return {"number": number, "state": state, "values": values, "config": given}


@pytest.mark.parametrize(("trials", "number"), [(3, 3), (20, 5), (60, 6), (61, 7)])
def test_a_tenth_and_five_at_least(trials: int, number: int) -> None:
    rows = [row(n, n / 100) for n in range(trials)]
    assert [r["number"] for r in leaders(rows, ACCURACY)] == [trials - 1 - n for n in range(number)]
    assert [r["number"] for r in leaders(rows, LOSS)] == list(range(number))


def test_only_complete_trials_lead_and_the_first_of_equals() -> None:
    rows = [row(0, 0.5), row(1, state="pruned"), row(2, 0.5), row(3, state="failed")]
    assert [r["number"] for r in leaders(rows, ACCURACY)] == [0, 2]
    assert [r["number"] for r in leaders(rows, LOSS)] == [0, 2]


@pytest.mark.parametrize("config", [{}, {"layers": 2}, flat(TrialConfig()) | {"optimizer": "sgd"}])
def test_what_another_program_told_does_not_lead(config: dict[str, Any]) -> None:
    told = row(0, 0.9) | {"config": config}
    assert [r["number"] for r in leaders([told, row(1, 0.5)], ACCURACY)] == [1]


def place(name: str, **fields: Any) -> Place:
    """A field of the space that has these fields."""
    return {one.name: one for one in places(space(**fields))}[name]


LOG = {"type": "int", "low": 10, "high": 1000, "log": True, "per_layer": True}


def space(**fields: Any) -> Space:
    return parse(Space, fields, "space")


def test_an_end_counts_on_the_scale_of_its_range() -> None:
    # Near 1000 on a logarithmic scale; on a plain one the last tenth would begin at 901.
    rows = [row(units=[width]) for width in (700, 800, 650, 20, 30)]
    (found,) = crowded(space(units=LOG), rows)
    assert (found.name, found.end, found.limit, found.near, found.of) == (
        "units", "high", 1000, 3, 5
    )  # fmt: skip
    assert crowded(space(units=LOG | {"log": False}), rows) == []


def test_a_trial_has_one_vote_however_many_layers_it_has() -> None:
    deep = [row(units=[1000] * 5)] * 2 + [row(units=[100])] * 3
    assert crowded(space(units=LOG), deep) == []  # ten of thirteen layers, two of five trials
    (found,) = crowded(space(units=LOG), [*deep, row(units=[990])])
    assert (found.near, found.of) == (3, 6)


def test_a_trial_votes_for_an_end_where_most_of_its_layers_lie() -> None:
    mostly, half = row(units=[1000, 900, 20]), row(units=[1000, 20])
    assert [one.end for one in crowded(space(units=LOG), [mostly] * 5)] == ["high"]
    assert crowded(space(units=LOG), [half] * 5) == []


def test_four_trials_say_nothing_however_deep_they_are() -> None:
    assert crowded(space(units=LOG), [row(units=[1000] * 5)] * 4) == []


def test_of_another_optimizer_nothing_is_said() -> None:
    rate = {"type": "float", "low": 1e-4, "high": 1e-2, "log": True}
    both = space(optimizer={"adam": {"learning_rate": rate}, "sgd": {"learning_rate": rate}})
    low = {"type": "sgd", "learning_rate": 1e-4}
    rows = [row(optimizer=low) for _ in range(5)] + [row() for _ in range(4)]
    assert [one.name for one in crowded(both, rows)] == ["sgd.learning_rate"]


def test_numbers_to_choose_from() -> None:
    sizes = {"type": "categorical", "choices": [64, 32, 128]}
    mostly = [row(batch_size=size) for size in (32, 32, 32, 32, 64, 64)]
    assert [one.end for one in crowded(space(batch_size=sizes), mostly)] == ["low"]
    assert crowded(space(batch_size=sizes), [*mostly, row(batch_size=128)]) == []
    two = sizes | {"choices": [32, 64]}
    assert crowded(space(batch_size=two), mostly) == []


def test_words_and_fixed_fields_have_no_ends() -> None:
    kinds = {"type": "categorical", "choices": ["relu", "gelu", "tanh"]}
    rows = [row(activation="relu", units=[64]) for _ in range(6)]
    assert crowded(space(activation=kinds, units=64), rows) == []


def test_few_values_say_nothing() -> None:
    assert crowded(space(units=LOG), [row(units=[1000]) for _ in range(4)]) == []


def test_one_value_for_all_layers_is_one_value() -> None:
    rows = [row(units=[1000, 1000, 1000]) for _ in range(4)]
    assert crowded(space(units=LOG | {"per_layer": False}), rows) == []
    assert crowded(space(units=LOG), rows) == []
    (found,) = crowded(space(units=LOG | {"per_layer": False}), [*rows, rows[0]])
    assert (found.near, found.of) == (5, 5)


def test_a_range_of_one_value_has_no_ends() -> None:
    one = LOG | {"low": 64, "high": 64}
    assert crowded(space(units=one), [row() for _ in range(6)]) == []


def test_half_of_the_values_at_each_end() -> None:
    rows = [row(dropout=[value]) for value in (0.0, 0.05, 0.05, 0.45, 0.5, 0.5)]
    drop = {"type": "float", "low": 0.0, "high": 0.5}
    assert [(one.end, one.near) for one in crowded(space(dropout=drop), rows)] == [
        ("low", 3), ("high", 3)
    ]  # fmt: skip
    rows.append(row(dropout=[0.25]))
    assert crowded(space(dropout=drop), rows) == []


def test_values_in_words() -> None:
    rows = [row(units=[64, 512], batch_norm=True), row(units=[128], batch_norm=False)]
    units = place("units", units=LOG)
    kinds = place("batch_norm", batch_norm={"type": "categorical", "choices": [True, False]})
    assert in_words(rows, units) == "64 to 512, middle 128"
    assert in_words(rows[:1], kinds) == "yes (1 x)"
    assert in_words(rows, kinds) == "yes (1 x), no (1 x)"
    widths = {"type": "categorical", "choices": [64, 512]}
    assert in_words([row(units=[64, 64])], place("units", units=widths)) == "64 (1 x)"
    each = place("units", units=widths | {"per_layer": True})
    assert in_words([row(units=[64, 64, 512])] * 2, each) == "64 (2 x), 512 (2 x)"
    assert in_words(rows, place("units", units=64)) == ""
    momentum = {"type": "float", "low": 0.0, "high": 0.9}
    assert in_words(rows, place("sgd.momentum", optimizer={"sgd": {"momentum": momentum}})) == (
        "none"
    )
    assert in_words([row(units=[7])], units) == "7"

"""Walks: what is enqueued is held against the space, and as parameters; places and what is open."""

from typing import Any

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import WIDE, configs, spaces, within

from hpsearch.config import TrialConfig, flat
from hpsearch.derived import Choice
from hpsearch.parsing import parse
from hpsearch.space import PartialConfig, Replay, Space, config_of, suggest_config
from hpsearch.walks import misfits, opened, place_of, places, settle


def space(**fields: object) -> Space:
    return parse(Space, fields, "here")


def partial(**fields: object) -> PartialConfig:
    return parse(PartialConfig, fields, "here")


def sample(chosen: Space, seed: int) -> tuple[TrialConfig, dict[str, Any]]:
    """A configuration that Optuna draws at random, and its parameters."""
    asked = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed)).ask()
    return suggest_config(chosen, asked), asked.params


@given(spaces(), st.integers(0, 2**31), st.data())
def test_what_is_enqueued_from_the_space_comes_back(table: Any, seed: int, data: Any) -> None:
    chosen = space(**table)
    config, params = sample(chosen, seed)
    written = flat(config)
    if isinstance(chosen.optimizer, Choice):
        wanted = data.draw(st.sets(st.sampled_from(sorted(written["optimizer"]))))
        kept = {"type", *wanted}
        written["optimizer"] = {k: v for k, v in written["optimizer"].items() if k in kept}
    keys = data.draw(st.sets(st.sampled_from(sorted(written))))
    some = PartialConfig.model_validate({key: written[key] for key in keys})
    fixed = settle(chosen, some)
    assert fixed.items() <= params.items()
    assert PartialConfig.model_validate(some.model_dump(mode="json")) == some
    assert settle(chosen, PartialConfig.model_validate(some.model_dump(mode="json"))) == fixed
    if keys == set(written):
        assert config_of(chosen, params | fixed) == config


@given(spaces(), st.integers(0, 2**31))
def test_a_whole_configuration_enqueued_is_all_parameters(table: Any, seed: int) -> None:
    chosen = space(**table)
    config, params = sample(chosen, seed)
    assert settle(chosen, PartialConfig.model_validate(flat(config))) == params


@given(spaces(), configs(most_layers=4))
def test_what_is_not_in_the_space_is_refused_in_words(table: Any, config: TrialConfig) -> None:
    chosen = space(**table)
    whole = PartialConfig.model_validate(flat(config))
    if within(chosen, config):
        assert config_of(chosen, settle(chosen, whole)) == config
        return
    with pytest.raises(ValueError, match=r"; |, but "):
        settle(chosen, whole)


@pytest.mark.parametrize(
    ("fields", "params"),
    [
        ({}, {}),
        ({"layers": 2}, {"layers": 2}),
        ({"units": [64, 128]}, {"layers": 2, "units_0": 64, "units_1": 128}),
        ({"units": 64}, {"units_0": 64, "units_1": 64, "units_2": 64}),
        ({"layers": 1, "units": 64}, {"layers": 1, "units_0": 64}),
        ({"dropout": [0.3, 0.3]}, {"layers": 2, "dropout": 0.3}),
        ({"activation": "relu", "batch_norm": True}, {"batch_norm": True}),
        ({"optimizer": {"type": "adam"}}, {"optimizer": "adam"}),
        ({"optimizer": {"type": "adam", "beta_1": 0.9, "epsilon": 1e-5, "amsgrad": False}},
         {"optimizer": "adam", "adam.beta_1": 0.9}),
        ({"optimizer": {"type": "sgd", "nesterov": True}}, {"optimizer": "sgd"}),
    ],
)  # fmt: skip
def test_an_enqueued_configuration_fixes_what_it_names(fields: Any, params: Any) -> None:
    assert settle(space(**WIDE), partial(**fields)) == params


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"layers": 4}, "layers = 4 is not in the space (1 to 3); change it or widen the range"),
        ({"units": [64, 32]}, "units[1] = 32 is not in the space (64 to 2048)"),
        ({"dropout": 0.25}, "dropout = 0.25 is not in the space (0.0 to 0.5 in steps of 0.1)"),
        ({"dropout": [0.1, 0.2]}, "dropout = [0.1, 0.2] differs between layers, but"),
        ({"units": [64, 64], "dropout": [0.1]}, "units is a list of 2 and dropout is a list of 1"),
        (
            {"activation": "tanh"},
            'activation = "tanh", but the space fixes it to "relu"; change it',
        ),
        ({"optimizer": {"type": "rmsprop"}}, 'optimizer.type = "rmsprop" is not in the space'),
        (
            {"optimizer": {"type": "adam", "epsilon": 1e-7}},
            "optimizer.epsilon = 1e-07, but the space",
        ),
        ({"optimizer": {"type": "sgd", "momentum": 0.9}}, "fixes it to 0.0"),
    ],
)
def test_an_enqueued_value_out_of_the_space_is_told(fields: Any, message: str) -> None:
    with pytest.raises(ValueError, match=r"; ") as caught:
        settle(space(**WIDE), partial(**fields))
    assert message in str(caught.value)


def test_a_list_is_held_against_a_fixed_number_of_layers() -> None:
    with pytest.raises(ValueError, match=r"\[64\] is a list of 1, but the space fixes layers to 3"):
        settle(space(layers=3, units=64), partial(units=[64]))
    with pytest.raises(
        ValueError, match=r"units = \[64, 65\], but the space fixes it to \[64, 64\]"
    ):
        settle(space(units=[64, 64]), partial(units=[64, 65]))


def test_an_enqueued_optimizer_is_held_against_a_fixed_one() -> None:
    fixed = space(optimizer={"type": "adam", "learning_rate": 0.01})
    assert settle(fixed, partial(optimizer={"type": "adam"})) == {}
    with pytest.raises(
        ValueError, match=r'optimizer\.type = "sgd", but the space fixes it to "adam"'
    ):
        settle(fixed, partial(optimizer={"type": "sgd", "momentum": 0.5}))
    with pytest.raises(
        ValueError, match=r"optimizer\.learning_rate = 0\.1, but the space fixes it"
    ):
        settle(fixed, partial(optimizer={"type": "adam", "learning_rate": 0.1}))


@given(spaces(), spaces(), st.integers(0, 2**31))
def test_a_configuration_fits_a_space_or_the_fields_are_named(
    table: Any, other: Any, seed: int
) -> None:
    config, _ = sample(space(**table), seed)
    for chosen in (space(**table), space(**other)):
        wrong = misfits(chosen, config)
        whole = partial(**flat(config))
        if wrong:
            with pytest.raises(ValueError, match="="):
                settle(chosen, whole)
        else:
            assert config_of(chosen, settle(chosen, whole)) == config
    assert misfits(space(**table), config) == []


@pytest.mark.parametrize(
    ("changed", "fields"),
    [
        ({}, []),
        (
            {"layers": 1, "units": {"type": "int", "low": 9, "high": 999, "per_layer": True}},
            ["layers"],
        ),
        ({"layers": 1, "units": {"type": "int", "low": 9, "high": 99}}, ["layers", "units"]),
        ({"units": 128}, ["units"]),
        ({"units": [64, 128]}, []),
        ({"units": [128, 64]}, ["units"]),
        ({"dropout": 0.5, "batch_norm": True}, ["batch_norm", "dropout"]),
        ({"optimizer": {"type": "sgd"}}, ["optimizer"]),
        ({"optimizer": {"sgd": {}, "rmsprop": {}}}, ["optimizer"]),
        ({"optimizer": {"type": "adam", "beta_1": 0.8}}, ["optimizer.beta_1"]),
        ({"optimizer": {"adam": {"learning_rate": 0.01}, "sgd": {}}}, ["optimizer.learning_rate"]),
    ],
)
def test_the_fields_that_do_not_fit_are_named(changed: Any, fields: list[str]) -> None:
    two = {"layers": 2, "units": [64, 128]}
    config = TrialConfig.model_validate(two)
    assert misfits(space(**two | changed), config) == fields


FLAT = flat(TrialConfig.model_validate({"units": [64, 32], "dropout": 0.5, "batch_norm": True}))
EACH = {"type": "int", "low": 10, "high": 1000, "per_layer": True}
SHARE = {"type": "float", "low": 0.0, "high": 0.9}


@pytest.mark.parametrize(
    ("fields", "name", "keys", "values"),
    [
        ({"units": EACH}, "units", ("units",), [64, 32]),
        ({"dropout": SHARE}, "dropout", ("dropout",), [0.5]),  # drawn once for all layers
        ({"batch_norm": True}, "batch_norm", ("batch_norm",), [True]),
        ({"optimizer": {"adam": {}, "sgd": {}}}, "optimizer", ("optimizer",), ["adam"]),
        ({"optimizer": {"type": "sgd"}}, "optimizer", ("optimizer",), ["adam"]),
        ({"optimizer": {"adam": {"beta_1": SHARE}}}, "adam.beta_1",
         ("optimizer", "adam", "beta_1"), [0.9]),
        ({"optimizer": {"sgd": {"momentum": SHARE}}}, "sgd.momentum",
         ("optimizer", "sgd", "momentum"), []),
    ],
)  # fmt: skip
def test_places_know_where_they_are_and_what_a_configuration_has_there(
    fields: Any, name: str, keys: Any, values: Any
) -> None:
    chosen = space(**fields)
    place = next(one for one in places(chosen) if one.name == name)
    assert (place.keys, place.values(FLAT)) == (keys, values)
    written = fields
    for key in keys:
        written = written[key]
    assert place.within(fields) is written


@pytest.mark.parametrize(
    ("parameter", "name"),
    [
        ("layers", "layers"), ("units_0", "units"), ("units_12", "units"), ("dropout", "dropout"),
        ("optimizer", "optimizer"), ("adam.beta_1", "adam.beta_1"), ("adam.beta_2", None),
        ("nothing_1", None),
    ],
)  # fmt: skip
def test_the_field_of_a_parameter(parameter: str, name: str | None) -> None:
    found = place_of(space(**WIDE), parameter)
    assert (found and found.name) == name


@given(spaces(), st.integers(0, 2**31))
def test_what_a_space_leaves_open_is_enqueued_as_it_is(table: Any, seed: int) -> None:
    chosen = space(**table)
    config, params = sample(chosen, seed)
    assert settle(chosen, partial(**opened(chosen, config))) == params
    assert opened(space(**opened(chosen, config)), config) == {}


SHAPED = Space.model_validate({
    "layers": {"type": "int", "low": 1, "high": 3},
    "units": {"type": "int", "low": 64, "high": 1024, "log": True, "ratio": [0.5, 1.0]},
})  # fmt: skip


def test_layers_follow_from_the_first_one_by_a_ratio() -> None:
    drawn = {"layers": 3, "units": 301, "units_ratio": 0.5}
    assert suggest_config(SHAPED, Replay(drawn)).network.units == (301, 150, 75)
    assert suggest_config(SHAPED, Replay({**drawn, "units_ratio": 1.0})).network.units == (301,) * 3
    place = place_of(SHAPED, "units_ratio")
    assert place is not None
    assert place.name == "units"


@given(layers=st.integers(1, 3), first=st.integers(64, 1024), ratio=st.sampled_from([0.5, 1.0]))
def test_what_has_a_ratio_of_the_space_lies_in_it(layers: int, first: int, ratio: float) -> None:
    drawn = {"layers": layers, "units": first, "units_ratio": ratio}
    config = suggest_config(SHAPED, Replay(drawn))
    assert misfits(SHAPED, config) == []
    assert suggest_config(SHAPED, Replay(settle(SHAPED, config))) == config


def test_what_has_no_ratio_of_the_space_is_refused() -> None:
    wanted = PartialConfig.model_validate({"units": [512, 128]})
    with pytest.raises(ValueError, match=r"units = \[512, 128\] is of no ratio in the space"):
        settle(SHAPED, wanted)
    assert settle(SHAPED, PartialConfig.model_validate({"units": [512, 256]})) == {
        "layers": 2, "units": 512, "units_ratio": 0.5,
    }  # fmt: skip

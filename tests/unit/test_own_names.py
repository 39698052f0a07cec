"""Settings of any name: drawn, named, settled and compared as those of other networks are."""

from typing import Any

import numpy as np
import pytest

from hpsearch.config import TrialConfig, flat
from hpsearch.errors import InputError
from hpsearch.parsing import parse
from hpsearch.searchable import identity
from hpsearch.space import Corner, PartialConfig, Space, config_of, fixed_config, suggest_config
from hpsearch.walks import misfits, named_fields, places, settle

NORM = {"batch": {"momentum": {"type": "float", "low": 0.9, "high": 0.99}}, "layer": {}}
SETTINGS: dict[str, Any] = {
    "depth": {"type": "int", "low": 1, "high": 4},
    "size": {"type": "categorical", "choices": ["s", "m"]},
    "bias": True,
    "norm": NORM,
}


def space(**settings: Any) -> Space:
    table = {"file": "/home/me/own.py", "sha256": "ab", **SETTINGS, **settings}
    return parse(Space, {"network": {"python": table}}, "S")


def part(**settings: Any) -> PartialConfig:
    return parse(PartialConfig, {"network": {"type": "python", **settings}}, "P")


class Evenly:
    """Answers with values drawn evenly."""

    def __init__(self, seed: int) -> None:
        self.draw, self.params = np.random.default_rng(seed), dict[str, Any]()

    def suggest_int(self, name: str, low: int, high: int, **_: Any) -> int:
        return self.params.setdefault(name, int(self.draw.integers(low, high + 1)))

    def suggest_float(self, name: str, low: float, high: float, **_: Any) -> float:
        return self.params.setdefault(name, float(self.draw.uniform(low, high)))

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        return self.params.setdefault(name, choices[int(self.draw.integers(len(choices)))])


def test_parameters_have_the_names_of_the_settings_and_of_the_chosen_table() -> None:
    low, high = (suggest_config(space(), Corner(at)).network for at in (0.0, 1.0))
    assert flat(TrialConfig(network=low))["network"]["norm"] == {"type": "batch", "momentum": 0.9}
    assert flat(TrialConfig(network=high))["network"]["norm"] == {"type": "layer"}
    own = [name for name in named_fields(space()) if name.startswith("python.")]
    assert own == [
        "python.file", "python.sha256", "python.depth", "python.size", "python.bias",
        "python.norm", "python.norm.batch.momentum",
    ]  # fmt: skip


@pytest.mark.parametrize("seed", range(20))
def test_what_is_drawn_lies_in_the_space_and_is_drawn_again_by_its_parameters(seed: int) -> None:
    ask = Evenly(seed)
    drawn = suggest_config(space(), ask)
    assert misfits(space(), drawn) == []
    assert settle(space(), drawn) == ask.params
    assert config_of(space(), ask.params) == drawn
    assert parse(TrialConfig, flat(drawn), "T") == drawn
    there = [place.values(flat(drawn)) for place in places(space()) if place.keys[-1] == "momentum"]
    assert there == [[m] if (m := ask.params.get("python.norm.batch.momentum")) else []]


def test_a_space_reads_back_as_it_was_written() -> None:
    assert parse(Space, space().model_dump(mode="json"), "S") == space()


def test_the_place_of_the_file_makes_no_other_configuration() -> None:
    here = suggest_config(space(), Corner(0.0))
    there = suggest_config(space(file="/elsewhere/own.py"), Corner(0.0))
    changed = suggest_config(space(sha256="cd"), Corner(0.0))
    assert identity(here) == identity(there) != identity(changed)
    assert misfits(space(), there) == []
    assert misfits(space(), changed) == ["network.sha256"]
    assert settle(space(), there) == settle(space(), here)


def test_settings_that_differ_are_named() -> None:
    config = parse(
        TrialConfig,
        {
            "network": {
                "type": "python", "file": "f", "sha256": "ab", "depth": 9, "size": "s",
                "bias": True, "norm": {"type": "batch", "momentum": 0.5}, "more": 1,
            }
        },
        "T",
    )  # fmt: skip
    assert misfits(space(), config) == ["network.depth", "network.norm.momentum", "network.more"]


def test_a_part_fixes_some_parameters() -> None:
    assert settle(space(), part(depth=2, norm={"type": "layer"})) == {
        "network": "python",
        "python.depth": 2,
        "python.norm": "layer",
    }


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"dept": 2}, "network.dept is no setting of the space; take it out, or add it there"),
        ({"depth": 7}, "network.depth = 7 is not in the space (1 to 4)"),
        ({"bias": False}, "network.bias = false, but the space fixes it to true"),
        ({"norm": "batch"}, 'network.norm = "batch" is not in the space; write a table with a'),
        ({"norm": {"type": "none"}}, 'network.norm.type = "none" is not in the space (one of'),
        ({"norm": {"type": "batch", "momentum": 2.0}}, "network.norm.momentum = 2.0 is not in"),
    ],
)
def test_a_part_that_is_not_in_the_space_is_refused(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=r".") as raised:
        settle(space(), part(**settings))
    assert told in str(raised.value)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"depth": {"type": "integer", "low": 1}}, 'depth.type = "integer" does not fit here'),
        ({"depth": {"type": "int", "low": 3, "high": 1}}, "low = 3 is above high = 1"),
        ({"depth": [1, 2]}, "has the wrong type; write one plain value or a table such as"),
        ({"size": {"type": "categorical", "choices": [[1], 2]}}, "write one plain value"),
        ({"norm": {}}, "python.norm: has no table"),
        ({"norm": {"int": {}}}, "int is the type of a range; call the table otherwise"),
        ({"norm": {"batch": 3}}, "python.norm.batch = 3 has the wrong type; write a table"),
        ({"file": {"type": "categorical", "choices": ["a"]}}, "only a plain value fits here"),
    ],
)
def test_a_wrong_space_is_one_message(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError) as raised:
        space(**settings)
    (line,) = str(raised.value).splitlines()
    assert told in line


def test_a_space_needs_the_file() -> None:
    with pytest.raises(InputError, match=r"S: network.python.file: missing; add it"):
        parse(Space, {"network": {"python": {"depth": 3}}}, "S")


def test_a_fixed_network_is_its_only_configuration() -> None:
    table = {"type": "python", "file": "f", "depth": 3, "norm": {"type": "batch", "momentum": 0.9}}
    fixed = parse(Space, {"network": table}, "S")
    config = fixed_config(fixed)
    assert config is not None
    assert flat(config)["network"]["norm"] == {"type": "batch", "momentum": 0.9}
    assert misfits(fixed, config) == []
    assert settle(fixed, part(norm={"type": "batch", "momentum": 0.9})) == {}
    with pytest.raises(ValueError, match=r"network.depth = 4, but the space fixes it to 3"):
        settle(fixed, part(depth=4))

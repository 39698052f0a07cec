"""A section of several kinds, of which one needs no table: its fields stand among the others."""

from typing import Annotated, Any, Literal

import pytest
from strategies import Noted

from hpsearch.derived import partial_of, space_of
from hpsearch.errors import InputError
from hpsearch.networks.dense import Dense, Units
from hpsearch.networks.network import Network
from hpsearch.parsing import parse
from hpsearch.searchable import OneOf, Repeated, Searchable, identity
from hpsearch.walks import misfits, opened, place_of, places, settle, suggest

RATE = {"type": "float", "low": 0.0, "high": 0.5}


class Conv(Network):
    """Another network, with a field that a dense one has as well."""

    type: Literal["conv"] = "conv"
    blocks: Literal[1, 2, 3] = 1
    filters: Annotated[tuple[Units, ...], Repeated("blocks")] = (16,)
    l2: float = 0.0


class Config(Searchable):
    """A configuration with two kinds of networks."""

    network: Annotated[Network, OneOf((Dense, Conv), lifted=Dense)] = Dense()
    batch_size: int = 32


Space: Any = space_of(Config)
Partial: Any = partial_of(Config)
BOTH = {
    "batch_size": {"type": "int", "low": 1, "high": 64},
    "network": {
        "dense": {"units": {"type": "int", "low": 1, "high": 99, "per_layer": True}, "l2": 0.5},
        "conv": {"blocks": {"type": "categorical", "choices": [1, 2]}, "filters": 8, "l2": RATE},
    },
}


def flat(config: Config) -> dict[str, Any]:
    return config.model_dump(mode="json")


def test_the_fields_of_the_lifted_one_stand_among_the_others() -> None:
    config = Config.model_validate({"units": [8, 9, 10], "batch_size": 4})
    assert config == Config(network=Dense(units=(8, 9, 10), layers=3), batch_size=4)
    assert [*flat(config)] == [*(key for key in Dense.model_fields if key != "type"), "batch_size"]
    assert Config.model_validate(flat(config)) == config
    table = {"network": {"type": "dense", "units": [8, 9, 10]}, "batch_size": 4}
    assert Config.model_validate(table) == config
    assert identity(config) == {"layers": 3, "units": [8, 9, 10], "batch_size": 4}


def test_the_other_one_has_a_table() -> None:
    config = Config.model_validate({"network": {"type": "conv", "filters": [4, 4]}})
    assert flat(config) == {
        "network": {"type": "conv", "blocks": 2, "filters": [4, 4], "l2": 0.0},
        "batch_size": 32,
    }
    assert Config.model_validate(flat(config)) == config
    told = {"type": "conv", "blocks": 2, "filters": [4, 4]}
    assert identity(config) == {"network": told}


@pytest.mark.parametrize(
    ("model", "table", "message"),
    [
        (Config, {"units": 0}, "units[0] = 0 is out of range; write a value of at least 1"),
        (Config, {"network": {"type": "dense", "units": 0}},
         "network.units[0] = 0 is out of range; write a value of at least 1"),
        (Config, {"network": {"type": "conv", "filters": [1, 0]}}, "network.filters[1] = 0 is out"),
        (Config, {"network": {"type": "conv"}, "units": 8},
         'units is a setting of network = "dense", but there is a table of network, too;'),
        (Config, {"network": {"type": "conf"}},
         'network.type = "conf" does not fit here; did you mean conv? known: conv, dense'),
        (Config, {"unitz": 8}, "unitz: unknown key; did you mean units? known: activation, batch"),
        (Config, {"network": {"type": "conv", "units": 8}},
         "network.units: unknown key; known: blocks, filters, l2, type"),
        (Space, {"unitz": 8}, "unitz: unknown key; did you mean units? known: activation, batch"),
        (Space, {"units": {"type": "int", "low": 0, "high": 9}}, "units.low = 0 is out of range"),
        (Space, {"network": {"conv": {"filtres": 1}}},
         "network.conv.filtres: unknown key; did you mean filters? known: blocks, filters, l2"),
        (Space, {"network": {"conv": {}}, "units": 8}, "units is a setting of network"),
        (Space, {"network": {"units": 8}},
         'network: has no type; write { type = "dense", ... } for one fixed network, or dense ='),
        (Config, {"network": 3, "units": 8},
         'network = 3 has the wrong type; write a table such as { type = "dense"'),
        (Space, {"network": {}}, "network: has no network; add at least one of dense, conv"),
        (Space, {"network": "conv"}, 'network = "conv" is not a table; write { type = "conv" }'),
        (Space, {"network": {"conv": {"filters": [8], "blocks": RATE}}}, "network.conv.blocks"),
        (Partial, {"unitz": 8}, "unitz: unknown key; did you mean units? known: activation, batch"),
        (Partial, {"units": [0]}, "units[0] = 0 is out of range"),
    ],
)  # fmt: skip
def test_a_wrong_table_is_told_by_the_keys_of_the_file(
    model: Any, table: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError) as caught:
        parse(model, table, "f")
    assert str(caught.value).startswith(f"f: {message}")


@pytest.mark.parametrize(
    "table",
    [
        {},
        {"units": {"type": "int", "low": 1, "high": 9}, "batch_size": 4},
        {"network": {"type": "dense", "units": 4}},
        {"network": {"type": "conv"}},
        BOTH,
    ],
)
def test_a_space_survives_json(table: dict[str, Any]) -> None:
    space = parse(Space, table, "f")
    assert parse(Space, space.model_dump(mode="json"), "f") == space


def test_parameters_are_named_by_the_kind_only_where_it_is_chosen() -> None:
    alone = parse(Space, {"l2": RATE, "units": [8]}, "f")
    noted = Noted({"l2": 0.25})
    assert suggest(alone, noted) == Config.model_validate({"l2": 0.25, "units": [8]})
    both = parse(Space, BOTH, "f")
    noted = Noted({"batch_size": 4, "network": "dense", "dense.units_0": 7, "dense.units_1": 8})
    config = suggest(both, noted)
    assert config == Config.model_validate({"batch_size": 4, "units": [7, 8], "l2": 0.5})
    names = [name for name, *_ in noted.asked]
    assert names == ["network", "dense.units_0", "dense.units_1", "batch_size"]
    noted = Noted({"batch_size": 4, "network": "conv", "conv.blocks": 2, "conv.l2": 0.1})
    conv = suggest(both, noted)
    assert conv.network == Conv(blocks=2, filters=(8, 8), l2=0.1)
    assert [place.name for place in places(both)] == [
        "network", "batch_size", "dense.units", "dense.l2", "conv.blocks", "conv.filters", "conv.l2"
    ]  # fmt: skip
    units = place_of(both, "dense.units_1")
    assert units is not None
    assert units.keys == ("network", "dense", "units")
    kinds, blocks = place_of(both, "network"), place_of(both, "conv.blocks")
    assert kinds is not None
    assert blocks is not None
    for one, kind, widths, deep in ((config, "dense", [7, 8], []), (conv, "conv", [], [2])):
        assert kinds.values(flat(one)) == [kind]
        assert units.values(flat(one)) == widths
        assert blocks.values(flat(one)) == deep


def test_parts_fix_what_they_name() -> None:
    alone = parse(Space, {"l2": RATE, "units": [8]}, "f")
    both = parse(Space, BOTH, "f")

    def fixed(space: Any, **part: Any) -> dict[str, Any]:
        return settle(space, parse(Partial, part, "f"))

    assert fixed(alone, l2=0.5) == fixed(alone, network={"type": "dense", "l2": 0.5}) == {"l2": 0.5}
    assert fixed(both, batch_size=8) == {"batch_size": 8}
    assert fixed(both, units=[1, 2]) == {
        "network": "dense", "dense.units_0": 1, "dense.units_1": 2
    }  # fmt: skip
    assert fixed(both, network={"type": "conv", "l2": 0.5}) == {"network": "conv", "conv.l2": 0.5}
    with pytest.raises(ValueError, match=r"network.l2 = 0.6 is not in the space \(0.0 to 0.5\)"):
        fixed(both, network={"type": "conv", "l2": 0.6})
    with pytest.raises(ValueError, match=r'network.type = "conv", but the space fixes it'):
        fixed(alone, network={"type": "conv"})
    with pytest.raises(ValueError, match=r"^l2 = 0.4, but the space fixes it to 0.5"):
        fixed(both, l2=0.4)


def test_a_fixed_network_takes_one_value_for_all_layers() -> None:
    space = parse(Space, {"network": {"type": "dense", "units": [8, 8]}}, "f")
    assert settle(space, parse(Partial, {"units": 8, "dropout": 0.0}, "f")) == {}
    with pytest.raises(
        ValueError, match=r"^units = \[8, 8, 8\] is a list of 3, but the space fixes"
    ):
        settle(space, parse(Partial, {"units": [8, 8, 8]}, "f"))


def test_what_is_empty_or_null_is_told_as_what_is_written() -> None:
    with pytest.raises(InputError, match="unitz: unknown key; did you mean units"):
        parse(Partial, {"unitz": {}}, "f")
    with pytest.raises(InputError, match="network: the table has no type"):
        parse(Partial, {"network": {}}, "f")
    assert parse(Partial, {"units": None}, "f") == parse(Partial, {}, "f")
    assert Config.model_validate({"network": None, "units": 12}).network.units == (12, 12)


def test_a_part_that_names_a_kind_alone_is_stored_with_it() -> None:
    part = parse(Partial, {"network": {"type": "dense"}}, "f")
    assert part.model_dump(mode="json") == {"network": {"type": "dense"}}
    assert parse(Partial, part.model_dump(mode="json"), "f") == part
    assert settle(parse(Space, BOTH, "f"), part) == {"network": "dense"}


def test_a_configuration_of_a_kind_that_the_space_has_not() -> None:
    alone = parse(Space, {"l2": RATE, "units": [8]}, "f")
    conv = Config.model_validate({"network": {"type": "conv"}})
    assert opened(alone, conv) == {}
    place = place_of(alone, "l2")
    assert place is not None
    assert place.values(flat(conv)) == []


def test_what_does_not_fit_and_what_is_open() -> None:
    alone = parse(Space, {"l2": RATE, "units": [8]}, "f")
    both = parse(Space, BOTH, "f")
    dense = Config.model_validate({"units": [8], "l2": 0.6})
    conv = Config.model_validate({"network": {"type": "conv", "filters": [8, 8], "l2": 0.1}})
    assert misfits(alone, dense) == ["l2"]
    assert misfits(alone, conv) == ["network"]
    assert misfits(both, dense) == ["layers", "l2"]
    assert misfits(both, conv) == []
    assert opened(alone, dense) == {"l2": 0.6}
    assert opened(both, conv) == {
        "network": {"type": "conv", "blocks": 2, "filters": [8, 8], "l2": 0.1},
        "batch_size": 32,
    }

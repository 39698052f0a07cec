"""What fields say of themselves, and what makes a configuration another one."""

from typing import Annotated

import pytest
from hypothesis import given
from strategies import configs

from hpsearch.config import TrialConfig, flat
from hpsearch.networks import NETWORKS
from hpsearch.networks.dense import Dense, Layers, Units
from hpsearch.optimizers import OPTIMIZERS, Adam
from hpsearch.searchable import Repeated, Searchable, counts, identity, kind_of, traits


class Later(TrialConfig):
    """The configuration of a version that has one more field."""

    later: float = 0.0


def test_the_fields_of_a_configuration() -> None:
    found = {trait.name: trait for trait in traits(TrialConfig)}
    assert list(found) == list(TrialConfig.model_fields)
    assert found["optimizer"].members == OPTIMIZERS
    assert found["optimizer"].default == Adam()
    assert found["optimizer"].lifted is None
    assert (found["network"].members, found["network"].lifted) == (NETWORKS, "dense")
    assert counts(TrialConfig) == {}


def test_the_fields_of_a_network() -> None:
    found = {trait.name: trait for trait in traits(Dense)}
    assert list(found) == [key for key in Dense.model_fields if key != "type"]
    assert (found["units"].by, found["units"].default) == ("layers", 128)
    assert found["units"].allows(64)
    assert not found["units"].allows(0)
    assert not found["units"].allows((64, 64))
    assert found["layers"].by is found["layers"].members is None
    assert counts(Dense) == {"layers": ("units", "dropout")}


def test_the_kind_of_a_section_is_none_of_its_fields() -> None:
    assert kind_of(Adam) == "adam"
    assert [trait.name for trait in traits(Adam)][:2] == ["learning_rate", "beta_1"]
    assert counts(Adam) == {}


def test_several_counts_are_told_apart() -> None:
    class Hybrid(Searchable):
        """Two stacks of layers."""

        blocks: Layers = 1
        filters: Annotated[tuple[Units, ...], Repeated("blocks")] = (16,)
        layers: Layers = 2
        units: Annotated[tuple[Units, ...], Repeated("layers")] = (8, 8)

    assert counts(Hybrid) == {"blocks": ("filters",), "layers": ("units",)}
    made = Hybrid.model_validate({"filters": [1, 2, 3], "units": 4})
    assert (made.blocks, made.filters, made.layers, made.units) == (3, (1, 2, 3), 2, (4, 4))
    with pytest.raises(ValueError, match="units = \\[1\\] is a list of 1, but layers = 2"):
        Hybrid.model_validate({"layers": 2, "units": [1]})


@pytest.mark.parametrize(
    ("settings", "other"),
    [
        ({}, {}),
        ({"layers": 2, "units": 128, "optimizer": {"type": "adam", "beta_1": 0.9}}, {}),
        ({"l2": 0.5, "batch_norm": True}, {"l2": 0.5, "batch_norm": True}),
        ({"layers": 3}, {"layers": 3}),  # as wide as by default
        ({"units": [128, 64]}, {"units": [128, 64]}),
        ({"units": [8]}, {"layers": 1, "units": [8]}),
        ({"optimizer": {"type": "sgd"}}, {"optimizer": {"type": "sgd"}}),
        ({"optimizer": {"type": "adam", "beta_1": 0.5}},
         {"optimizer": {"type": "adam", "beta_1": 0.5}}),
    ],
)  # fmt: skip
def test_what_differs_from_the_defaults(settings: object, other: object) -> None:
    assert identity(TrialConfig.model_validate(settings)) == other


@given(configs(), configs())
def test_it_tells_configurations_apart(one: TrialConfig, other: TrialConfig) -> None:
    assert (identity(one) == identity(other)) == (one == other)
    assert TrialConfig.model_validate(identity(one)) == one


@given(configs())
def test_a_field_that_is_added_later_makes_no_other_configuration(config: TrialConfig) -> None:
    later = Later.model_validate(flat(config))
    assert identity(later) == identity(config)
    changed = later.model_copy(update={"later": 0.1})
    assert identity(changed) == {**identity(config), "later": 0.1}

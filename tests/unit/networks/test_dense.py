"""Dense networks: parameters and values of the layers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import configs

from hpsearch.config import TrialConfig
from hpsearch.data.tables.shape import TableShape
from hpsearch.networks.dense import Dense
from hpsearch.parsing import parse
from hpsearch.space import Space, ends


def test_parameters_of_a_network_worked_out_by_hand() -> None:
    # 3072 x 32 + 32, 32 x 32 + 32 twice, 32 x 10 + 10
    small = Dense(layers=3, units=(32,) * 3, dropout=(0.0,) * 3)
    assert small.parameters((32, 32, 3), 10) == 98_336 + 1_056 + 1_056 + 330
    # without biases in the hidden layer, but with a scale and an offset for each unit
    normalised = Dense(layers=1, units=(4,), dropout=(0.0,), batch_norm=True)
    assert normalised.parameters((3,), 2) == 12 + 8 + 8 + 2


def test_a_short_line_names_what_is_not_as_usual() -> None:
    network = Dense(
        units=(64, 64), members=16, numeric_embedding="periodic", input_scale=True,
        parametric_activation=True, initializer="ntk",
    ).model_dump(mode="json")  # fmt: skip
    assert Dense.summary(network) == [
        "64-64", "parametric relu", "periodic", "scaled", "ntk", "×16 members",
    ]  # fmt: skip
    older = {"units": [64, 64], "activation": "relu", "batch_norm": False, "dropout": [0.0, 0.0]}
    assert Dense.summary(older) == ["64-64", "relu"]


def test_parameters_of_members_worked_out_by_hand() -> None:
    network = Dense(layers=1, units=(4,), dropout=(0.0,), members=3, batch_norm=True)
    # a shared kernel, scales of inputs and outputs, biases, one normalisation, three last layers
    assert network.parameters((5,), 2) == 20 + 3 * (5 + 4 + 4) + 8 + 3 * (8 + 2)
    assert network.macs((5,), 2) == 3 * (20 + 8)


@pytest.mark.parametrize("embedding", ["none", "periodic", "piecewise"])
def test_parameters_of_a_table_worked_out_by_hand(embedding: str) -> None:
    shape = TableShape(numbers=3, others=2, embedded=1, rows=20)
    network = Dense.model_validate({"units": [4], "numeric_embedding": embedding})
    width, each, macs = {"none": (1, 0, 0), "periodic": (4, 83, 64), "piecewise": (8, 144, 136)}[
        embedding
    ]
    inputs = 3 * width + 2 + 8
    assert network.parameters(shape, 2) == 20 * 8 + 3 * each + inputs * 4 + 4 + 8 + 2
    assert network.macs(shape, 2) == 3 * macs + inputs * 4 + 8
    assert network.misfit(shape) == ""
    assert (network.misfit((5,)) == "") == (embedding == "none")


def test_the_largest_network_of_a_space_has_the_largest_embedding_of_numbers() -> None:
    chosen = {"type": "categorical", "choices": ["piecewise", "none"]}
    space = parse(Space, {"numeric_embedding": chosen}, "f")
    found = {config.network.numeric_embedding for config in ends(space, 1.0, "dense")}
    assert found == {"piecewise", "none"}


@given(configs(), st.integers(1, 5000), st.integers(2, 1000))
def test_parameters_are_the_sum_over_the_arrays(
    chosen: TrialConfig, inputs: int, classes: int
) -> None:
    network = chosen.network
    shapes: list[tuple[int, ...]] = []
    width = inputs
    for units in network.units:
        shapes += [(width, units), *([(units,)] * (2 if network.batch_norm else 1))]
        width = units
    shapes += [(width, classes), (classes,)]
    total = 0
    for shape in shapes:
        size = 1
        for length in shape:
            size *= length
        total += size
    assert network.parameters((inputs,), classes) == total

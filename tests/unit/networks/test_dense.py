"""Dense networks: parameters and values of the layers."""

from hypothesis import given
from hypothesis import strategies as st
from strategies import configs

from hpsearch.config import TrialConfig
from hpsearch.networks.dense import Dense


def test_parameters_of_a_network_worked_out_by_hand() -> None:
    # 3072 x 32 + 32, 32 x 32 + 32 twice, 32 x 10 + 10
    small = Dense(layers=3, units=(32,) * 3, dropout=(0.0,) * 3)
    assert small.parameters((32, 32, 3), 10) == 98_336 + 1_056 + 1_056 + 330
    # without biases in the hidden layer, but with a scale and an offset for each unit
    normalised = Dense(layers=1, units=(4,), dropout=(0.0,), batch_norm=True)
    assert normalised.parameters((3,), 2) == 12 + 8 + 8 + 2


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

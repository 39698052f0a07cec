"""Convolutional networks: parameters, multiplications, and what they take."""

from typing import Any

import pytest
from hypothesis import given
from strategies import conv_networks, image_shapes

from hpsearch.config import TrialConfig, describe, flat, is_whole
from hpsearch.networks.conv import Conv
from hpsearch.searchable import identity
from hpsearch.space import Replay, Space, config_at, ends, kinds, smallest, suggest_config
from hpsearch.walks import misfits, settle

SPACE: dict[str, Any] = {
    "network": {
        "conv": {
            "blocks": {"type": "int", "low": 1, "high": 3},
            "filters": {"type": "int", "low": 4, "high": 16, "per_layer": True},
            "kernel": {"type": "categorical", "choices": [3, 5]},
            "layers": {"type": "int", "low": 0, "high": 2},
            "units": {"type": "int", "low": 8, "high": 64},
        },
        "dense": {"units": {"type": "int", "low": 8, "high": 64}},
    },
}


def conv(**table: Any) -> Conv:
    network = TrialConfig.model_validate({"network": {"type": "conv", **table}}).network
    assert isinstance(network, Conv)
    return network


def test_sizes_of_a_network_worked_out_by_hand() -> None:
    small = conv(filters=[8, 16], convs=[1, 2], batch_norm=False)
    # 3 x 3 kernels from 3 to 8, 8 to 16, 16 to 16 channels, with biases; then 16 x 10 + 10
    assert small.parameters((32, 32, 3), 10) == 216 + 8 + 1_152 + 16 + 2_304 + 16 + 170
    # on 32 x 32, then twice on 16 x 16 places, and the outputs
    assert small.macs((32, 32, 3), 10) == 1_024 * 216 + 256 * (1_152 + 2_304) + 160
    residual = conv(filters=[8], residual=True, pool="stride", head="flatten", units=[5])
    # kernel and shortcut with scale and offset each; 2 x 2 places are left
    assert residual.parameters((3, 4), 2) == 72 + 16 + 8 + 16 + 32 * 5 + 10 + 12
    assert residual.macs((3, 4), 2) == 4 * (72 + 8) + 160 + 10


def test_a_block_keeps_its_inputs_where_the_shapes_are_the_same() -> None:
    plain, residual = conv(filters=[3, 3]), conv(filters=[3, 3], residual=True)
    assert plain.parameters((8, 8, 3), 2) == residual.parameters((8, 8, 3), 2)


@given(conv_networks(), image_shapes)
def test_a_network_survives_json_and_its_space(table: dict[str, Any], shape: Any) -> None:
    config = TrialConfig.model_validate({"network": table})
    assert TrialConfig.model_validate(flat(config)) == config
    assert is_whole(flat(config))
    assert len(describe(config)) < 200
    assert identity(config).get("network", {}).get("type") == "conv"
    sizes = config.network.output_sizes(shape, 3)
    assert sizes[-1] == 3
    assert min(sizes) > 0
    space = Space.model_validate({"network": table})
    assert suggest_config(space, Replay({})) == config
    assert misfits(space, config) == []


def test_a_count_of_zero_needs_no_values() -> None:
    space = Space.model_validate(SPACE)
    params = {
        "network": "conv", "conv.blocks": 2, "conv.filters_0": 4, "conv.filters_1": 8,
        "conv.kernel": 5, "conv.layers": 0,
    }  # fmt: skip
    config = suggest_config(space, Replay(params))
    assert (config.network.layers, config.network.units) == (0, ())
    assert settle(space, config) == params
    assert misfits(space, config) == []
    hybrid = suggest_config(space, Replay({**params, "conv.layers": 2, "conv.units": 9}))
    assert hybrid.network.units == (9, 9)


def test_corners_are_of_each_kind() -> None:
    space = Space.model_validate(SPACE)
    assert kinds(space) == ["dense", "conv"]
    assert [config.network.type for config in smallest(space, {})] == ["dense", "conv", "conv"]
    assert [config.network.type for config in smallest(space, {"network": "dense"})] == ["dense"]
    largest = config_at(space, 1.0, {"network": "conv"})
    assert (largest.network.filters, largest.network.units) == ((16, 16, 16), (64, 64))
    assert kinds(Space()) == ["dense"]
    assert kinds(Space.model_validate({"network": {"type": "conv"}})) == ["conv"]


def test_neither_end_need_be_the_smallest() -> None:
    """With all of the last block's outputs fewer blocks have more parameters."""
    table = {
        "blocks": {"type": "int", "low": 1, "high": 4}, "layers": 1, "units": 256,
        "filters": {"type": "int", "low": 32, "high": 128},
        "head": {"type": "categorical", "choices": ["flatten", "gap"]},
    }  # fmt: skip
    space = Space.model_validate({"network": {"conv": table}})
    sizes = [config.network.parameters((28, 28), 10) for config in smallest(space, {})]
    assert (len(sizes), min(sizes), max(sizes)) == (4, 11_626, 1_609_066)
    assert len(smallest(space, {"conv.head": "gap"})) == 2
    largest = [config.network.parameters((28, 28), 10) for config in ends(space, 1.0, "conv")]
    assert max(largest) == 6_427_018

    def fits(config: TrialConfig) -> bool:
        return config.network.parameters((28, 28), 10) < 10**6

    heads = [c.network for c in ends(space, 1.0, "conv", {"conv.head": "gap"}, fits)]
    assert [network.blocks for network in heads] == [1, 4]
    assert all(network.parameters((28, 28), 10) < 10**6 for network in heads)


def test_an_empty_list_stands_for_none() -> None:
    assert conv(units=[]) == conv(layers=0) == conv()


@pytest.mark.parametrize("shape", [(8,), (8, 8, 5), (8, 8, 3, 1), ()])
def test_what_is_no_image_is_refused(shape: tuple[int, ...]) -> None:
    assert "takes images" in Conv.refusal(shape)


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 1), (8, 8, 4)])
def test_images_are_taken(shape: tuple[int, ...]) -> None:
    assert not Conv.refusal(shape)


def test_the_short_line() -> None:
    config = TrialConfig(network=conv(filters=[32, 64], units=[128], residual=True, convs=2))
    assert describe(config) == (
        "conv 32-64 ×2 + 128 k3 relu bn res max gap adam 1.0e-03 constant b32"
    )

"""Definitions of training as source."""

import pytest

from hpsearch.script.shared import Shared


def test_what_is_used_comes_along_once_and_first() -> None:
    shared = Shared()
    shared.add("hpsearch.training.networks.dense", "build")
    shared.add("hpsearch.training.networks.dense", "activated")
    heads = [text.partition("(")[0].partition(" =")[0] for text in shared.definitions]
    assert len(heads) == len(set(heads))
    for first, then in (("def stack", "def build"), ("def _derive", "def weights_seed")):
        assert heads.index(first) < heads.index(then)
    assert "def order" not in heads
    assert shared.imports == {"import keras", "import numpy as np"}


def test_types_are_left_out() -> None:
    shared = Shared()
    shared.add("hpsearch.training.networks.dense", "activated")
    heads = [text.splitlines()[0] for text in shared.definitions]
    assert "def activated(network, x, name, policy):" in heads
    assert not any("->" in head for head in heads)


def test_of_a_faster_layer_comes_that_of_keras() -> None:
    shared = Shared()
    shared.add("hpsearch.training.networks.conv", "convolved")
    for name in ("BatchNormalization", "Conv2D"):
        assert f"{name} = keras.layers.{name}" in shared.definitions
    assert "import keras" in shared.imports
    with pytest.raises(ValueError, match="Classification is none of Keras'"):
        Shared().add("hpsearch.training.tasks.classification", "Classification")


def test_what_is_not_there_is_an_error() -> None:
    with pytest.raises(KeyError):
        Shared().add("hpsearch.training.schedules", "none")


def test_a_function_may_have_another_name_in_a_script() -> None:
    shared = Shared()
    kinds = ("dense", "members", "conv")
    for kind in kinds:
        shared.add(f"hpsearch.training.networks.{kind}", "build", f"build_{kind}")
    heads = [text.partition("(")[0] for text in shared.definitions]
    assert [head for head in heads if "build" in head] == [f"def build_{kind}" for kind in kinds]
    with pytest.raises(ValueError, match=r"schedules and .*dense both define build_dense; rename"):
        shared.add("hpsearch.training.schedules", "step", "build_dense")

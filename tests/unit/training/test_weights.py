from pathlib import Path

import keras
import numpy as np
import pytest

from hpsearch.errors import UnreachableError
from hpsearch.home import WEIGHTS
from hpsearch.training import weights


def network(seed: int) -> keras.Model:
    kernel = keras.initializers.RandomNormal(seed=seed)
    inputs = keras.Input((3,))
    return keras.Model(inputs, keras.layers.Dense(2, kernel_initializer=kernel)(inputs))


def test_weights_come_back_and_replace_earlier_ones(tmp_path: Path) -> None:
    weights.save(network(1), tmp_path / WEIGHTS)
    weights.save(network(2), tmp_path / WEIGHTS)
    loaded = network(3)
    loaded.load_weights(tmp_path / WEIGHTS)
    np.testing.assert_array_equal(loaded.get_weights()[0], network(2).get_weights()[0])
    assert [path.name for path in tmp_path.iterdir()] == [WEIGHTS]


def test_a_file_that_cannot_be_written_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / WEIGHTS).mkdir()  # stands where the file should go
    with pytest.raises(UnreachableError, match=r"best\.weights\.h5: cannot be written: Is a dir"):
        weights.save(network(1), tmp_path / WEIGHTS)
    assert [path.name for path in tmp_path.iterdir()] == [WEIGHTS]


def test_what_a_link_leads_to_is_not_written(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("all that I have")
    for name in (f".partial.{WEIGHTS}", WEIGHTS):
        (tmp_path / name).symlink_to(precious)
    weights.save(network(1), tmp_path / WEIGHTS)
    network(3).load_weights(tmp_path / WEIGHTS)
    assert precious.read_text() == "all that I have"

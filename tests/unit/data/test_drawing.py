"""What a data section says once its data are known."""

from collections.abc import Callable

import numpy as np
import pytest

from hpsearch.data.cache import open_dataset
from hpsearch.data.drawing import Splits, split, usually_scaled
from hpsearch.data.section import DatasetSection
from hpsearch.home import Home


@pytest.mark.parametrize(
    ("x", "named", "scale"),
    [
        (np.ones((60, 5), np.float32), {}, "standardize"),
        (np.ones((60, 5), np.int64), {}, "standardize"),
        (np.ones((60, 5), np.uint8), {}, "symmetric"),
        (np.ones((60, 5), np.bool_), {}, "symmetric"),
        (np.ones((60, 5), np.float32), {"scale": "none"}, "none"),
        (np.ones((60, 5), np.float32), {"scale": "symmetric"}, "symmetric"),
    ],
)
def test_a_scale_that_is_left_out_follows_from_the_inputs(
    x: np.ndarray, named: dict[str, str], scale: str, npz: Callable[..., DatasetSection], home: Home
) -> None:
    section = npz(named, x_train=x)
    found = usually_scaled(section, open_dataset(section, home))
    assert found.scale == scale


def test_networks_of_the_same_data_section_share_their_parts(
    npz: Callable[..., DatasetSection], home: Home
) -> None:
    section = npz({"scale": "none"}, x_train=np.ones((60, 5), np.float32))
    other = section.model_copy(update={"split_seed": 1})
    dataset = open_dataset(section, home)
    splits = Splits(dataset)
    first = splits(section)
    assert splits(section.model_copy()) is first
    for one in (section, other):
        assert np.array_equal(splits(one).train.rows, split(dataset, one).train.rows)
    assert not np.array_equal(splits(other).train.rows, first.train.rows)

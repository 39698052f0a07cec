"""What a data section says once its data are known."""

from collections.abc import Callable

import numpy as np
import pytest

from hpsearch.data.cache import open_dataset
from hpsearch.data.drawing import usually_scaled
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

import numpy as np

from hpsearch.data.arrays import silent
from hpsearch.data.section import DatasetSection


def test_digits_are_small_whole_numbers() -> None:
    arrays = DatasetSection(source="digits").reader.load(silent)
    assert arrays.x_train.shape == (1797, 8, 8)
    assert arrays.x_train.dtype == np.uint8
    assert arrays.x_train.max() == arrays.maximum == 16
    assert sorted(set(arrays.y_train.tolist())) == list(range(10))
    assert arrays.class_names == tuple("0123456789")
    assert arrays.x_test is None

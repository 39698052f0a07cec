"""Values of Python as a study file has them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hpsearch.api.plain import plain
from hpsearch.api.ranges import Int
from hpsearch.errors import InputError


def test_ranges_paths_and_numbers_of_numpy_become_plain_at_any_depth() -> None:
    given = {
        "path": Path("a/b.csv"),
        "rate": np.float32(0.5),
        "is_on": np.bool_(1),
        "left_out": None,
        "norm": {"batch": {"n": Int(1, 2)}, "layer": {}},
        "pair": (1, np.int64(2)),
    }
    found = plain(given, "space")
    assert found == {
        "path": "a/b.csv",
        "rate": 0.5,
        "is_on": True,
        "norm": {"batch": {"n": {"type": "int", "low": 1, "high": 2}}, "layer": {}},
        "pair": [1, 2],
    }
    assert (type(found["rate"]), type(found["is_on"])) == (float, bool)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"a": {"b": print}}, "space.a.b: <built-in function print> is no number"),
        ({"a": Int}, "space.a: <class 'hpsearch.api.ranges.Int'> is no number"),
        ({1: 2}, "space: the key 1 is no text; write it in quotes"),
        ({"a": {1, 2}}, "space.a: {1, 2} is no number"),
        ([1j], "space: 1j is no number"),
        ({"a": "x" * 99, "b": b"y" * 99}, "space.b: b'yyyyyyyy"),
    ],
)
def test_what_no_file_can_have_is_refused_by_its_key(given: Any, told: str) -> None:
    with pytest.raises(InputError) as error:
        plain(given, "space")
    assert str(error.value).startswith(told)
    assert len(str(error.value)) < 240

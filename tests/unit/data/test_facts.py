"""The facts of a study's data."""

from dataclasses import replace

import numpy as np
from fakes import parts

from hpsearch.data.facts import split_fingerprint


def test_a_split_is_known_by_its_rows() -> None:
    one = parts()
    found = split_fingerprint(one)
    assert len(found) == 64
    assert split_fingerprint(parts()) == found
    # Where a row is trained on that was validated on before it is another split.
    moved = replace(
        one,
        train=replace(one.train, rows=np.arange(0, 25)),
        validation=replace(one.validation, rows=np.arange(25, 30)),
    )
    fewer = replace(one, train=replace(one.train, rows=np.arange(0, 23)))
    # The same rows of another array.
    given = replace(one, validation=replace(one.validation, x=one.validation.x.copy()))
    every = {found, *(split_fingerprint(other) for other in (moved, fewer, given))}
    assert len(every) == 4
    # The type of the indices, and what the arrays hold, do not matter.
    small = replace(one, train=replace(one.train, rows=one.train.rows.astype(np.int32)))
    assert split_fingerprint(small) == found

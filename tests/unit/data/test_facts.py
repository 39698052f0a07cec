"""The facts of a study's data."""

from dataclasses import replace

import numpy as np
from fakes import parts

from hpsearch.data.facts import sizes, split_fingerprint, words


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


def test_data_are_told_in_a_few_words() -> None:
    classes = {"class_names": ["a", "b"]}
    numbers: dict[str, list[str]] = {"class_names": []}
    table = {"input_shape": [25], "table": {}, "columns": 19, "target": "churn"}
    assert words({"input_shape": [8, 8], **classes}) == "8 x 8 values each, 2 classes"
    assert words({"input_shape": [8], **numbers}) == "8 values each, regression"
    assert words({**table, **classes}) == "19 columns, target churn, 2 classes"
    assert words({**table, **numbers}) == "19 columns, target churn, regression"
    assert sizes({"train": 80, "validation": 20}) == "80 training and 20 validation examples"
    assert sizes({"train": 80, "validation": 100, "folds": 5}) == "100 examples in 5 folds"
    assert sizes({}) == "? training and ? validation examples"
    # A study may know nothing of its data.
    assert words({}) == words({"input_shape": [], **numbers}) == ""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hpsearch.data.arrays import Arrays
from hpsearch.data.importing import cache_key, fingerprint, hold_out, write_array
from hpsearch.data.section import DatasetSection
from hpsearch.errors import InputError

Write = Callable[..., DatasetSection]


def arrays(per_class: int = 20, classes: int = 3) -> Arrays:
    count = per_class * classes
    return Arrays(
        x_train=np.arange(count * 2, dtype=np.float32).reshape(count, 2),
        y_train=np.arange(count) % classes,
        class_names=tuple("abcdefghij"[:classes]),
        maximum=None,
    )


def test_a_fifth_of_each_class_is_held_out() -> None:
    given = arrays()
    held = hold_out(given, "data")
    assert held.y_test is not None
    assert held.x_test is not None
    assert np.bincount(held.y_train).tolist() == [16, 16, 16]
    assert np.bincount(held.y_test).tolist() == [4, 4, 4]
    together = np.concatenate([held.x_train, held.x_test])
    assert sorted(together.tolist()) == arrays().x_train.tolist()
    for x, y in ((held.x_train, held.y_train), (held.x_test, held.y_test)):
        assert (x[:, 0] // 2 % 3).tolist() == y.tolist()  # each x kept its own label
    assert hold_out(arrays(), "data").x_test.tolist() == held.x_test.tolist()  # type: ignore[union-attr]


def test_a_test_part_that_is_given_stays() -> None:
    given = replace(arrays(), x_test=np.zeros((1, 2), np.float32), y_test=np.array([0]))
    assert hold_out(given, "data") is given


def test_the_only_example_of_a_class_stays_in_the_training_part() -> None:
    given = replace(arrays(), y_train=np.array([0] * 30 + [1] * 29 + [2]))
    held = hold_out(given, "data")
    assert held.y_test is not None
    assert 2 in held.y_train
    assert 2 not in held.y_test
    assert len(held.y_test) in (11, 12)


IDENTIFIERS = replace(arrays(), y_train=np.arange(60), class_names=tuple(map(str, range(60))))


@pytest.mark.parametrize("given", [arrays(1), arrays(2), IDENTIFIERS])
def test_too_few_examples_for_a_test_part(given: Arrays) -> None:
    with pytest.raises(InputError, match=r"my\.npz: there is no test part") as caught:
        hold_out(given, "my.npz")
    assert "give a test part" in str(caught.value)


def test_the_fingerprint_is_that_of_the_data_and_nothing_else() -> None:
    first = fingerprint(arrays())
    assert len(first) == hashlib.sha256().digest_size * 2
    assert fingerprint(arrays()) == first
    base = arrays()
    x, y = base.x_train.copy(), base.y_train.copy()
    x[3, 1] += 1
    y[0], y[1] = y[1], y[0]
    changed = [
        replace(base, x_train=x),
        replace(base, y_train=y),
        replace(base, x_train=base.x_train.view(np.int32)),
        replace(base, x_train=base.x_train.reshape(60, 1, 2)),
        replace(base, class_names=("a", "b", "d")),
        replace(base, x_test=base.x_train, y_test=base.y_train),
        replace(base, x_val=base.x_train, y_val=base.y_train),
    ]
    assert len({first, *map(fingerprint, changed)}) == 1 + len(changed)


def test_a_fingerprint_does_not_depend_on_memory_order() -> None:
    base = arrays()
    assert fingerprint(replace(base, x_train=np.asfortranarray(base.x_train))) == fingerprint(base)


def test_the_key_is_that_of_source_and_path(npz: Write, images: Write) -> None:
    sections = [npz(), images(), DatasetSection(source="digits")]
    keys = {cache_key(section) for section in sections}
    assert len(keys) == 3
    assert all(len(key) == 16 for key in keys)
    same = sections[0].model_copy(update={"scale": "none", "validation": 0.3, "limit": 5})
    assert cache_key(same) in keys


@pytest.mark.parametrize(
    ("section", "key"),
    [
        ({"source": "digits"}, "33dcc37cc227754d"),
        ({"source": "npz", "path": "/a/b.npz", "scale": "none"}, "6df193f8fd3956e5"),
        ({"source": "image_folder", "path": "/a", "image_size": [8, 9]}, "52f293d28d9173eb"),
    ],
)
def test_imports_of_earlier_versions_are_found(section: dict[str, Any], key: str) -> None:
    assert cache_key(DatasetSection(**section)) == key


def test_the_order_in_memory_and_the_size_of_blocks_change_nothing_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = np.random.default_rng(0).random((50, 3)).astype(np.float32)
    np.save(tmp_path / "numpy.npy", x)
    given = arrays()
    names = {fingerprint(replace(given, x_train=x))}
    monkeypatch.setattr("hpsearch.data.arrays._BYTES", 7 * x[:1].nbytes)
    for order in ("C", "F"):
        same = np.array(x, order=order)  # type: ignore[call-overload]  # numpy's own names
        names.add(fingerprint(replace(given, x_train=same)))
        with (tmp_path / f"{order}.npy").open("wb") as file:
            write_array(file, same)
        assert (tmp_path / f"{order}.npy").read_bytes() == (tmp_path / "numpy.npy").read_bytes()
    assert len(names) == 1


def test_inputs_that_cannot_be_written_are_left_alone() -> None:
    given = arrays()
    given.x_train.flags.writeable = False
    held = hold_out(given, "data")
    assert given.x_train.tolist() == arrays().x_train.tolist()
    assert held.x_train.tolist() == hold_out(arrays(), "data").x_train.tolist()

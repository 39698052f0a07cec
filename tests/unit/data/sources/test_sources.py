"""The table of sources."""

import pytest

from hpsearch.data.arrays import silent
from hpsearch.data.sources import SOURCES, source_class, source_classes
from hpsearch.errors import InputError


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_is_a_module_and_a_class_of_its_name(name: str) -> None:
    found = source_class(name)
    assert found.name == name
    assert found.__module__ == f"hpsearch.data.sources.{name}"


def test_what_is_left_out_is_none_and_no_two_have_one_key() -> None:
    own = [item for one in source_classes() for item in one.own_keys().items()]
    assert len({key for key, _ in own}) == len(own)
    assert {field.default for _, field in own} == {None}


def test_what_is_read_is_checked(npz) -> None:  # type: ignore[no-untyped-def]
    source = npz(y_train=[0] * 60).reader
    assert len(source.load(silent).x_train) == 60
    with pytest.raises(InputError, match="at least two"):
        source.read(silent)

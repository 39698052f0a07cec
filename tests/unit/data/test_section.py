"""``[dataset]``: its keys are those of all sources; which of them fit; its path."""

from pathlib import Path
from typing import Any, get_args

import pytest

from hpsearch.data.section import CommonKeys, DatasetSection, SourceName, resolve_path
from hpsearch.data.sources import SOURCES, source_classes
from hpsearch.data.sources.image_folder import ImageFolder
from hpsearch.errors import InputError
from hpsearch.parsing import parse


def refusal(table: dict[str, Any]) -> str:
    with pytest.raises(InputError) as caught:
        parse(DatasetSection, table, "a.toml")
    return str(caught.value)


def test_every_source_may_be_named_and_its_keys_follow_the_common_ones() -> None:
    assert get_args(SourceName) == tuple(SOURCES)
    own = [key for one in source_classes() for key in one.own_keys()]
    assert [*DatasetSection.model_fields] == [*CommonKeys.model_fields, *own]


def test_the_reader_has_the_path_and_the_keys_of_its_source() -> None:
    section = DatasetSection(source="image_folder", path="/a", image_size=[2, 3], limit=5)
    assert section.reader == ImageFolder(path="/a", image_size=(2, 3))


@pytest.mark.parametrize("name", SOURCES)
def test_keys_of_another_source_and_paths_that_do_not_fit_are_refused(name: str) -> None:
    (own,) = (one for one in source_classes() if one.name == name)
    path = {"path": "x"} if own.needs_path() else {}
    values = {"image_size": [1, 1], "image_mode": "rgb", "max_unreadable": 0.5}
    for key, value in values.items():
        table = {"source": name, **path, key: value}
        parse(DatasetSection, {**table, key: None}, "a.toml")
        if key in own.own_keys():
            parse(DatasetSection, table, "a.toml")
        else:
            says = f'a.toml: {key} applies to source = "image_folder" only; leave it out'
            assert refusal(table) == says
    if own.needs_path():
        assert refusal({"source": name}).endswith('needs a path; add path = "..."')
    if not own.takes_path():
        assert refusal({"source": name, "path": "x"}).endswith("is built in; leave path out")


def test_a_path_may_begin_with_the_home() -> None:
    home = resolve_path(DatasetSection(source="npz", path="~"), Path("/nowhere"), "here")
    assert home.path == str(Path.home())


def test_a_device_is_no_data() -> None:
    section = DatasetSection(source="npz", path="/dev/zero")
    with pytest.raises(InputError, match="is neither a file nor a folder; correct it"):
        resolve_path(section, Path(), "study.toml")

"""Litter: known by its name, in any folder, and told in one line."""

import pytest

from hpsearch.data.litter import is_litter, listed, litter_in


@pytest.mark.parametrize(
    "name",
    [
        ".DS_Store", "._a.png", "Thumbs.db", "THUMBS.DB", "desktop.ini", "Desktop.ini", "__MACOSX",
        "@eaDir", ".ipynb_checkpoints", "__pycache__", ".git", "a.png:Zone.Identifier",
        "hpsearch-data",
    ],
)  # fmt: skip
def test_litter_is_known(name: str) -> None:
    assert is_litter(name)
    assert litter_in(f"set/{name}/data_batch_1") == name


@pytest.mark.parametrize("name", ["a.png", "thumbs", "MACOSX", "_train", "data_batch_1"])
def test_data_are_none(name: str) -> None:
    assert not is_litter(name)
    assert litter_in(f"./set/../{name}") is None


def test_it_is_told_in_one_line() -> None:
    names = ["__MACOSX", *(f"._{number}.png" for number in range(20)), ".DS_Store", ".DS_Store"]
    assert listed(names) == "._* (20), .DS_Store (2), __MACOSX"
    assert listed(f".{letter}" for letter in "abcdefg") == ".a, .b, .c, .d, .e and 2 more"

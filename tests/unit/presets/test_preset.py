"""Presets: each is a whole study for data of any size, and its portfolio lies in its space."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpsearch.parsing import parse
from hpsearch.presets import sizes
from hpsearch.presets.preset import NAMES, PresetName, preset
from hpsearch.presets.sizes import Sizes
from hpsearch.recipe import TrainingSection
from hpsearch.space import Corner, PartialConfig, Space, searched, suggest_config
from hpsearch.walks import settle

FOLDER = Path(sizes.__file__).parent


def test_every_file_is_a_preset() -> None:
    assert {file.stem for file in FOLDER.glob("*.toml")} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
@settings(deadline=None, max_examples=40)
@given(
    rows=st.integers(1, 10_000_000),
    pixels=st.integers(2, 512),
    may_flip=st.booleans(),
)
def test_a_preset_fits_data_of_any_size(
    name: PresetName, rows: int, pixels: int, may_flip: bool
) -> None:
    is_image = name.startswith("images")
    found = preset(name, Sizes(rows=rows, pixels=pixels * is_image, may_flip=may_flip))
    training = parse(TrainingSection, found.table["training"], name)
    # What RealMLP was published with stays so, whatever the size.
    assert training.epochs == 256 if name == "tables-realmlp" else 10 <= training.epochs <= 100
    space = parse(Space, found.table["space"], name)
    assert len(searched(space)) >= 8
    for where in (0.0, 0.5, 1.0):
        network = suggest_config(space, Corner(where)).network
        assert network.type == ("conv" if name == "images-conv" else "dense")
    for one in found.table["portfolio"]:
        assert settle(space, parse(PartialConfig, one, name))


@pytest.mark.parametrize("name", NAMES)
def test_the_text_for_a_new_study_file_is_the_space(name: PresetName) -> None:
    found = preset(name, Sizes(rows=5000, pixels=28))
    text = found.space_text
    assert text.startswith("[space]\n")
    assert tomllib.loads(text) == {"space": found.table["space"]}
    assert '"flip' not in found.text


def test_only_what_may_be_mirrored_is() -> None:
    for may_flip in (False, True):
        table = preset("images", Sizes(rows=5000, pixels=28, may_flip=may_flip)).table
        flip = table["space"]["augment"]["flip"]
        assert flip == ({"type": "categorical", "choices": [False, True]} if may_flip else False)
        mirrored = {one["augment"]["flip"] for one in table["portfolio"]}
        assert mirrored == ({False, True} if may_flip else {False})

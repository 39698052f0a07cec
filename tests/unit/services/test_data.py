"""The data of a study: what its networks and its augmentation cannot take is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hpsearch.errors import InputError
from hpsearch.home import Home
from hpsearch.services.data import study_data
from hpsearch.services.progress import Silent
from hpsearch.study_file import StudyFile


class Heard(Silent):
    """Keeps what is said."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        """Keep it."""
        self.lines.append(text)


@pytest.fixture
def file(make_file: Callable[..., StudyFile], tmp_path: Path) -> Callable[..., StudyFile]:
    """A study of arrays of some shape."""

    def make(shape: tuple[int, ...], names: str, **sections: Any) -> StudyFile:
        random, y = np.random.default_rng(0), np.arange(60) % 2
        x = random.integers(0, 256, (60, *shape)).astype(np.uint8)
        np.savez(tmp_path / "a.npz", x_train=x, y_train=np.array([*names])[y])
        dataset = {"source": "npz", "path": str(tmp_path / "a.npz"), "validation": 0.2}
        return make_file(dataset=dataset, **sections)

    return make


CONV = {"network": {"conv": {}, "dense": {}}}
FLIP = {"augment": {"flip": {"type": "categorical", "choices": [False, True]}}}


@pytest.mark.parametrize("name", ["tables", "tables-realmlp", "images-conv"])
def test_a_preset_of_other_data_is_told_by_its_name(
    file: Callable[..., StudyFile], tmp_path: Path, name: str
) -> None:
    said = rf'f\.toml: preset = "{name}" is not for these data, .*shape \(5,\); write "vectors"'
    with pytest.raises(InputError, match=said):
        study_data(file((5,), "ab", preset=name, space={}), "f.toml", Home(tmp_path), Silent())
    own: dict[str, Any] = {
        "preset": "vectors",
        "space": {},
        "baseline": {"network": {"type": "conv"}},
    }
    with pytest.raises(InputError, match="a convolutional network takes images"):
        study_data(file((5,), "ab", **own), "f.toml", Home(tmp_path), Silent())


@pytest.mark.parametrize(
    ("sections", "says"),
    [
        ({"space": CONV}, "a convolutional network takes images"),
        ({"space": FLIP}, "augment changes images"),
        ({"space": {}, "baseline": {"network": {"type": "conv"}}}, "a convolutional network takes"),
        ({"space": {}, "baseline": {"augment": {"cutout": 1}}}, "augment changes images"),
    ],
)
def test_vectors_are_refused_with_the_cure(
    file: Callable[..., StudyFile], tmp_path: Path, sections: dict[str, Any], says: str
) -> None:
    study = file((5,), "ab", **sections)
    with pytest.raises(InputError, match=rf"f\.toml: {says}.*reshape") as caught:
        study_data(study, "f.toml", Home(tmp_path / "home"), Silent())
    assert "has shape (5,)" in str(caught.value)


@pytest.mark.parametrize(("space", "warned"), [(FLIP, 1), (CONV, 0)])
def test_flips_of_what_reads_otherwise_mirrored_are_warned_of(
    file: Callable[..., StudyFile], tmp_path: Path, space: dict[str, Any], warned: int
) -> None:
    heard = Heard()
    study_data(file((4, 4), "67", space=space), "f.toml", Home(tmp_path / "home"), heard)
    assert sum("mirrors images" in line for line in heard.lines) == warned

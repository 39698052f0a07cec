"""Augmentation in files: a section in [space], whose fields may be ranges."""

from typing import Any

import pytest

from hpsearch.augment import Augment
from hpsearch.config import TrialConfig, describe, flat
from hpsearch.errors import InputError
from hpsearch.parsing import parse
from hpsearch.report.study_toml import as_toml
from hpsearch.searchable import identity
from hpsearch.space import PartialConfig, Replay, Space, fixed_config, searched, suggest_config
from hpsearch.study_file import StudyFile
from hpsearch.walks import misfits, opened, place_of, places, settle

TABLE: dict[str, Any] = {
    "augment": {
        "flip": {"type": "categorical", "choices": [True, False]},
        "translate": {"type": "int", "low": 0, "high": 4},
        "cutout": 3,
    },
}
PARAMS = {"augment.flip": True, "augment.translate": 2}


def space(**table: Any) -> Space:
    return parse(Space, table, "f")


def test_its_ranges_are_parameters() -> None:
    found = space(**TABLE)
    assert {"augment.flip", "augment.translate"} == set(searched(found))
    config = suggest_config(found, Replay(PARAMS))
    assert config.augment == Augment(flip=True, translate=2, cutout=3)
    assert settle(found, config) == PARAMS
    assert misfits(found, config) == []
    assert opened(found, config) == {"augment": {"flip": True, "translate": 2}}
    place = place_of(found, "augment.flip")
    assert place is not None
    assert place.values(flat(config)) == [True]
    assert place.values({}) == []
    assert [p.name for p in places(Space()) if p.name.startswith("augment.")] == [
        f"augment.{name}" for name in Augment.model_fields
    ]


def test_what_does_not_lie_in_it() -> None:
    other = TrialConfig(augment=Augment(translate=9))
    assert misfits(space(**TABLE), other) == ["augment.translate", "augment.cutout"]
    partial = parse(PartialConfig, {"augment": {"translate": 9}}, "f")
    with pytest.raises(ValueError, match=r"augment\.translate = 9 is not in the space \(0 to 4\)"):
        settle(space(**TABLE), partial)


def test_a_part_leaves_the_rest_open() -> None:
    partial = parse(PartialConfig, {"augment": {"flip": False}}, "f")
    assert settle(space(**TABLE), partial) == {"augment.flip": False}
    assert partial.model_dump(mode="json") == {"augment": {"flip": False}}


def test_only_what_is_on_makes_another_configuration() -> None:
    assert identity(TrialConfig()) == {}
    config = TrialConfig(augment=Augment(cutout=4))
    assert identity(config) == {"augment": {"cutout": 4}}
    assert describe(config).endswith("b32 cut 4")
    assert describe(TrialConfig()).endswith("b32")
    every = Augment(flip=True, translate=2, cutout=8, mixup=0.25)
    assert every.summary() == ["flip", "move 2", "cut 8", "mixup 0.25"]
    assert TrialConfig.model_validate(flat(config)) == config
    assert fixed_config(Space()) == TrialConfig()


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"flip": 1}, "augment.flip = 1 has the wrong type; write"),
        ({"cutout": -1}, "augment.cutout = -1 is out of range; write a value of at least 0"),
        ({"mixup": {"type": "float", "low": -1.0, "high": 1.0}}, "augment.mixup.low = -1.0 is out"),
        ({"rotate": 3}, "augment.rotate: unknown key; known: cutout, flip, mixup, translate"),
        (3, "augment = 3 has the wrong type; write a table"),
        ({"type": "flip"}, "augment.type: unknown key"),
    ],
)
def test_what_is_wrong_is_told(table: Any, message: str) -> None:
    with pytest.raises(InputError) as caught:
        space(augment=table)
    assert str(caught.value).startswith(f"f: {message}")


def test_it_is_written_as_a_table() -> None:
    file = parse(StudyFile, {"name": "a", "dataset": {"source": "digits"}, "space": TABLE}, "f")
    text = as_toml(file, "b")
    assert "[space.augment]\n" in text
    assert "cutout = 3\n" in text
    assert 'translate = { type = "int", low = 0, high = 4 }' in text


@pytest.mark.parametrize("setting", [{"cutout": 8}, {"translate": 9}])
def test_something_of_an_image_has_to_be_left(setting: dict[str, int]) -> None:
    (name,) = setting
    told = Augment(**setting).refusal((8, 9, 3))
    assert f"augment.{name} = " in told
    assert told.endswith("write at most 4")
    assert not Augment(**{name: 7}).refusal((8, 9, 3))


@pytest.mark.parametrize("shape", [(8,), (8, 8, 5)])
def test_only_images_are_augmented(shape: tuple[int, ...]) -> None:
    assert "augment changes images" in Augment(flip=True).refusal(shape)
    assert not Augment().refusal(shape)
    assert not Augment(flip=True).refusal((8, 8, 3))

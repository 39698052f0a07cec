"""The study file that a call of hpsearch.search stands for."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hpsearch.api.asked import Asked
from hpsearch.api.given import Keeping
from hpsearch.api.ranges import Choice, Int
from hpsearch.errors import InputError
from hpsearch.study_file import from_table

ARRAYS = (np.eye(8), [0, 1] * 4)
SPACE = {"depth": Int(1, 4), "batch_size": Choice([32, 64])}


def build(config: Any, data: Any) -> Any:  # noqa: ARG001
    return None


def asked(**given: Any) -> Asked:
    sections, others = given.pop("sections", {}), given.pop("others", ())
    names = ("study", "data", "target", "model", "fit", "space", "name")
    known = {name: given.get(name) for name in names}
    return Asked(sections=sections, others=others, **known)


def written(keeping: Keeping, **given: Any) -> dict[str, Any]:
    _, table = asked(**given).written(keeping)
    assert table is not None
    return table


def test_a_study_file_alone_is_run_as_it_is(keeping: Keeping) -> None:
    assert asked(study="a.toml").written(keeping) == (Path("a.toml"), None)


def test_what_is_given_beside_a_study_file_is_laid_over_it(
    keeping: Keeping, tmp_path: Path
) -> None:
    file = tmp_path / "a.toml"
    file.write_text(
        'name = "a"\n[dataset]\nsource = "digits"\nvalidation = 0.3\n[sampler]\ntype = "tpe"\n'
        "startup = 5\n[training]\nepochs = 9\nprecision = 'float32'\n[space]\nlayers = 3\n"
    )
    sections = {
        "training": {"epochs": 2},
        "sampler": {"type": "random"},
        "dataset": {"validation": {"folds": 3}},
        "seed": np.int64(4),
        "objective": None,
    }
    path, table = asked(study=file, sections=sections, space=SPACE).written(keeping)
    assert path == file
    assert table == {
        "name": "a",
        "seed": 4,
        "dataset": {"source": "digits", "validation": {"folds": 3}},
        "sampler": {"type": "random"},
        "training": {"epochs": 2, "precision": "float32"},
        "space": {
            "depth": {"type": "int", "low": 1, "high": 4},
            "batch_size": {"type": "categorical", "choices": [32, 64]},
        },
    }


def test_other_data_take_the_place_of_those_of_a_study(keeping: Keeping) -> None:
    study = {
        "name": "a",
        "dataset": {"source": "table", "path": "b.csv", "target": "c", "validation": 0.2},
    }
    dataset = written(keeping, study=study, data=ARRAYS)["dataset"]
    assert (dataset["source"], dataset["validation"]) == ("npz", 0.2)
    assert "target" not in dataset
    assert study["dataset"]["source"] == "table"  # what the caller has stays as it is
    retargeted = written(keeping, study=study, target="d")["dataset"]
    assert retargeted == {**study["dataset"], "target": "d"}


def test_names_of_the_configuration_are_training_and_all_others_the_model(
    keeping: Keeping, tmp_path: Path
) -> None:
    table = written(keeping, data=ARRAYS, model=build, space={**SPACE, "layers": Int(0, 2)})
    assert from_table(deepcopy(table), tmp_path / "search()").is_search
    space = table["space"]
    assert set(space) == {"batch_size", "network"}
    own = space["network"]["python"]
    assert own.pop("depth") == {"type": "int", "low": 1, "high": 4}
    assert own.pop("layers") == {"type": "int", "low": 0, "high": 2}
    assert own.pop("function") == "build"
    assert Path(own.pop("file")).exists()
    assert own == {}
    assert "preset" not in table


def test_configurations_to_try_are_written_as_the_space_is(
    keeping: Keeping, tmp_path: Path
) -> None:
    sections = {
        "enqueue": [{"depth": 2}, {"network": {"type": "python", "depth": 3}, "batch_size": 64}],
        "baseline": {"depth": 1, "batch_size": 32},
    }
    table = written(keeping, data=ARRAYS, model=build, space=SPACE, sections=sections)
    study = from_table(table, tmp_path / "search()")
    first = [part.model_dump(mode="json", exclude_none=True) for part in study.enqueue]
    assert [part["network"]["depth"] for part in first] == [2, 3]
    assert study.baseline is not None
    assert study.baseline.network.model_dump()["depth"] == 1


def test_data_may_stand_in_place_of_a_study(keeping: Keeping, tmp_path: Path) -> None:
    (tmp_path / "houses.csv").write_text("a,price\n1.5,2\n2.5,3\n")
    table = written(keeping, study=tmp_path / "houses.csv", target="price")
    assert table["name"].startswith("houses-")
    assert table["dataset"]["target"] == "price"
    assert written(keeping, study="digits") == written(keeping, data="digits")


def test_data_alone_are_searched_by_the_preset(keeping: Keeping) -> None:
    table = written(keeping, data="digits")
    assert (table["preset"], table["dataset"]["source"]) == ("images", "digits")
    assert table["name"].startswith("digits-")
    few = written(keeping, data=ARRAYS)
    assert (few["preset"], few["dataset"]["validation"]) == ("auto", {"folds": 5})


def test_a_name_follows_from_what_is_searched(keeping: Keeping, tmp_path: Path) -> None:
    def name(keeping: Keeping = keeping, **given: Any) -> str:
        return str(
            written(keeping, **{"data": ARRAYS, "model": build, "space": SPACE} | given)["name"]
        )

    assert name().startswith("build-")
    assert name() == name(Keeping(type(keeping.home)(tmp_path / "elsewhere")))
    assert name(sections={"budget": {"trials": 7}, "workers": {"count": 2}}) == name()
    others = [
        name(space={**SPACE, "depth": Int(1, 5)}),
        name(data=(np.eye(8) * 2, [0, 1] * 4)),
        name(sections={"seed": 3}),
        name(sections={"training": {"epochs": 3}}),
        name(model=lambda _config, _data: 1),
    ]
    assert len({*others, name()}) == 6
    assert name(name="mine") == "mine"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "search(): nothing to train on; give data=..., a study file, or dataset={...}"),
        ({"study": 5}, "search(): int is no study; give the path of a study file, or a mapping"),
        ({"study": "nope.toml", "name": "a"}, "nope.toml: file not found; check the name"),
        (
            {"data": "digits", "sections": {"trainin": {}}},
            "search(): unknown argument trainin; did you mean training?",
        ),
        (
            {"data": "digits", "sections": {"trails": 3}, "others": ["trials"]},
            "search(): unknown argument trails; did you mean trials?",
        ),
        ({"data": "digits", "space": [1]}, "space: is no mapping; write {"),
        ({"data": "digits", "space": {"f": print}}, "space.f: <built-in function print> is no"),
        (
            {"data": "digits", "model": build, "space": {"file": Int(1, 2)}},
            "space.file: is not free for a setting of your own; rename it",
        ),
        (
            {"data": "digits", "model": build, "space": {"network": {}}},
            "space.network: the network is the model that was given",
        ),
        ({"data": "digits", "model": 5}, "model: 5 is no function; give build(config, data)"),
        ({"data": "digits", "fit": build}, "fit: trains a model that is a function; give it, too"),
    ],
)
def test_what_cannot_be_a_study_is_refused(
    given: dict[str, Any], told: str, keeping: Keeping
) -> None:
    with pytest.raises(InputError) as error:
        asked(**given).written(keeping)
    assert str(error.value).startswith(told)

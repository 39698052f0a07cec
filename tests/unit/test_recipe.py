"""Recipes: written and read in three formats; what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import configs, datasets, metrics, objectives, study_files, trainings

from hpsearch.config import TrialConfig
from hpsearch.errors import InputError, UnreachableError
from hpsearch.files import write_text
from hpsearch.formats import read_file
from hpsearch.parsing import parse
from hpsearch.recipe import ObjectiveSection, Recipe, TrainingSection, dump, parse_recipe
from hpsearch.study_file import StudyFile

SMALL: dict[str, Any] = {"seed": 1, "config": {"layers": 1}, "dataset": {"source": "digits"}}

# PyYAML folds the control character "next line" into a space.
texts = st.text(st.characters(exclude_characters="\x85", codec="utf-8"), max_size=8)
provenance = st.dictionaries(
    texts,
    texts
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.booleans()
    | st.none()
    | st.sampled_from(
        ["1e5", "1e-3", "-1E+3", "1.e5", "yes", "null", "~", "1:30", "0x1e5", "2024-01-01"]
    ),
    max_size=4,
)
recipes = st.builds(
    lambda **tables: parse(Recipe, tables, "here"),
    seed=st.integers(0, 2**31 - 1),
    config=configs().map(lambda config: config.model_dump(mode="json")),
    dataset=datasets,
    training=trainings,
    objective=objectives,
    provenance=provenance,
)


def read(text: str, ending: str, folder: Path) -> Recipe:
    file = folder / f"recipe{ending}"
    write_text(file, text)
    return parse_recipe(read_file(file), file)


def refusal(text: str, ending: str, folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        read(text, ending, folder)
    assert caught.value.exit_code == 2
    assert str(caught.value).startswith(f"{folder / 'recipe'}{ending}: ")
    return str(caught.value).removeprefix(f"{folder / 'recipe'}{ending}: ")


@pytest.mark.parametrize("ending", [".toml", ".json", ".yaml", ".yml"])
@given(recipe=recipes)
def test_a_recipe_comes_back_as_it_was_written(
    ending: str, recipe: Recipe, tmp_path_factory: pytest.TempPathFactory
) -> None:
    again = read(dump(recipe, ending), ending, tmp_path_factory.getbasetemp())
    kept = {key: value for key, value in recipe.provenance.items() if value is not None}
    assert again == recipe.model_copy(update={"provenance": kept})


@given(study_files)
def test_a_study_file_survives_json(table: Any) -> None:
    study = parse(StudyFile, table, "here")
    assert StudyFile.model_validate(json.loads(json.dumps(study.model_dump(mode="json")))) == study


@pytest.mark.parametrize("number", ["1e-3", "1E-3", "1.0e-3", "+1e-3", ".1e-2", "0.001", "1.e-3"])
def test_yaml_reads_a_number_however_it_is_written(number: str, tmp_path: Path) -> None:
    text = (
        "seed: 1\ndataset: {source: digits}\n"
        f"config: {{optimizer: {{type: adam, learning_rate: {number}}}}}\n"
    )
    assert read(text, ".yaml", tmp_path).config.optimizer.learning_rate == 1e-3


@pytest.mark.parametrize(
    ("ending", "text", "message"),
    [
        (".toml", "seed = x", "is not valid TOML: Invalid value (at line 1"),
        (".json", "{'seed': 1}", "is not valid JSON: Expecting property name"),
        (".json", '{"seed": 1, "seed": 2}', 'is not valid JSON: "seed" appears twice'),
        (".json", "[" * 100_000, "is not valid JSON: nested too deeply"),
        (".json", "[]", "holds no settings; write key = value lines"),
        (".json", "", "is not valid JSON: Expecting value"),
        (".yaml", "", "holds no settings"),
        (".yaml", "seed: [1", "is not valid YAML: while parsing a flow sequence"),
        (".yaml", "seed: 1\nseed: 2", 'is not valid YAML: "seed" appears twice'),
        (".yaml", "config: {layers: 1, layers: 2}", 'is not valid YAML: "layers" appears twice'),
        (".yaml", "? [a]\n: 1", "is not valid YAML: while constructing a mapping"),
        (".yaml", "seed: !!python/object/apply:os.getcwd []", "is not valid YAML: could not"),
        (".yaml", "&a [*a]", "is not valid YAML: has an alias (*name) in line 1, column 5"),
        (".yaml", "seed: [[[[[[[[1]]]]]]]]", "seed = [[[[[[[[1]]]]]]]] has the wrong type"),
        (".ini", "seed = 1", "unknown ending; known: .json, .toml, .yaml, .yml"),
    ],
)
def test_a_file_that_does_not_parse_is_told(
    ending: str, text: str, message: str, tmp_path: Path
) -> None:
    assert message in refusal(text, ending, tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": None}, "seed = null has the wrong type; write a whole number"),
        ({"seed": 1.5}, "seed = 1.5 has the wrong type"),
        ({"format": "hpsearch-recipe/2"}, 'format = "hpsearch-recipe/2" is not one of the choices'),
        ({"config": {"layers": 2, "units": [1]}}, "config: units = [1] is a list of 1, but layers"),
        ({"config": {"units": {"type": "int", "low": 1, "high": 2}}}, "config: units = "),
        ({"config": 3}, "config = 3 has the wrong type; write a table: [config] or { ... }"),
        ({"space": {}}, "space: unknown key; "),
        ({"dataset": {"source": "digits", "path": "x"}}, 'dataset: source = "digits" is built in'),
        (
            {"dataset": {"source": "digits", "image_size": [8, 8]}},
            'dataset: image_size applies to source = "image_folder" only; leave it out',
        ),
        (
            {"dataset": {"source": "npz", "path": "x", "image_mode": "rgb"}},
            "dataset: image_mode applies to",
        ),
        ({"dataset": {"source": "mnist", "max_unreadable": 0.0}}, "dataset: max_unreadable"),
        ({"objective": {"metric": "val_loss", "direction": "maximize"}}, "objective: direction = "),
        ({"training": {"epochs": True}}, "training.epochs = true has the wrong type"),
        ({"seed": "a\ud800"}, 'seed = "a\\ud800" has the wrong type'),
        (
            {"dataset": {"source": "npz", "path": "a\ud800"}},
            'dataset.path = "a\\ud800" is not valid',
        ),
    ],
)
def test_a_wrong_recipe_is_told(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    assert refusal(json.dumps(SMALL | change), ".json", tmp_path).startswith(message)


@pytest.mark.parametrize("missing", ["seed", "config", "dataset"])
def test_a_recipe_needs_seed_config_and_dataset(missing: str, tmp_path: Path) -> None:
    table = {key: value for key, value in SMALL.items() if key != missing}
    assert refusal(json.dumps(table), ".json", tmp_path) == f"{missing}: missing; add it"


def test_yaml_keys_that_are_no_texts_are_refused(tmp_path: Path) -> None:
    assert "should be strings" in refusal(json.dumps(SMALL)[:-1] + ", 1: 2}", ".yaml", tmp_path)


def test_the_export_endings_are_three() -> None:
    with pytest.raises(InputError, match=r"'\.pkl'; use a name that ends in \.toml, \.json or"):
        dump(parse(Recipe, SMALL, "here"), ".pkl")


def test_a_path_is_relative_to_the_recipe_and_becomes_absolute(tmp_path: Path) -> None:
    (tmp_path / "d.npz").touch()
    table = SMALL | {"dataset": {"source": "npz", "path": "d.npz"}}
    assert read(json.dumps(table), ".json", tmp_path).dataset.path == str(tmp_path / "d.npz")


@pytest.mark.parametrize("ending", [".toml", ".json", ".yaml"])
def test_keys_of_images_come_back_and_are_left_out_where_not_given(
    ending: str, tmp_path: Path
) -> None:
    keys = {"image_size": [32, 48], "image_mode": "grey", "max_unreadable": 0.25}
    folder = {"source": "image_folder", "path": str(tmp_path)}
    recipe = parse(Recipe, SMALL | {"dataset": folder | keys}, "here")
    assert recipe.dataset.image_size == (32, 48)
    assert read(dump(recipe, ending), ending, tmp_path) == recipe
    plain = dump(parse(Recipe, SMALL | {"dataset": folder}, "here"), ending)
    assert not [key for key in keys if key in plain]


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "new" / "file.txt"
    write_text(file, "one")
    write_text(file, "two")
    assert file.read_text() == "two"
    with pytest.raises(UnreachableError, match="cannot be written") as caught:
        write_text(file / "below.txt", "three")
    assert caught.value.exit_code == 3
    (tmp_path / "folder").mkdir()
    with pytest.raises(UnreachableError, match="cannot be written"):
        write_text(tmp_path / "folder", "three")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file.txt", "folder", "new"]


@given(metrics)
def test_the_direction_follows_from_the_metric(metric: Any) -> None:
    section = ObjectiveSection(metric=metric)
    direction = section.measure.direction
    assert section.measure.name == metric
    assert direction == (
        "minimize" if metric in {"val_loss", "val_rmse", "val_mae"} else "maximize"
    )
    assert ObjectiveSection(metric=metric, direction=direction).measure is section.measure


def test_a_recipe_names_no_mlflow() -> None:
    table = {
        "seed": 0,
        "config": {},
        "dataset": {"source": "digits"},
        "training": {"mlflow": "http://127.0.0.1:5000"},
    }
    with pytest.raises(InputError, match=r"training\.mlflow: is told of searches, not of recipes"):
        parse(Recipe, table, "best.toml")


def test_early_stopping_and_tensorboard_are_off_by_false() -> None:
    section = parse(TrainingSection, {"early_stopping": False, "tensorboard": False}, "here")
    assert section.early_stopping is False
    assert section.tensorboard is False
    assert TrainingSection.model_validate(section.model_dump(mode="json")) == section


@pytest.mark.parametrize("metric", ["val_accuracy", "val_f1_macro", "val_loss"])
def test_early_stopping_looks_at_the_objective_where_nothing_else_is_said(metric: str) -> None:
    """In recipes and in study files, and so in the recipes of a study."""
    own: dict[str, Any] = {"objective": {"metric": metric}, "dataset": {"source": "digits"}}
    for training in ({}, {"early_stopping": {"patience": 2}}):
        study = StudyFile(name="a", space={}, training=training, **own)
        for made in (
            study,
            Recipe(seed=1, config={}, training=training, **own),
            study.recipe(TrialConfig(), 1, {}),
            StudyFile.model_validate(study.model_dump(mode="json")),
        ):
            stopping = made.training.early_stopping
            assert stopping
            assert stopping.monitor == metric
            assert stopping.patience == training.get("early_stopping", {}).get("patience", 5)
    said = Recipe(
        seed=1, config={}, training={"early_stopping": {"monitor": "val_accuracy"}}, **own
    )
    assert said.training.early_stopping
    assert said.training.early_stopping.monitor == "val_accuracy"
    off = Recipe(seed=1, config={}, training={"early_stopping": False}, **own)
    assert off.training.early_stopping is False


def test_a_recipe_without_a_precision_computes_as_ever() -> None:
    assert parse(Recipe, SMALL, "here").training.precision == "float32"
    other = SMALL | {"training": {"epochs": 2}}
    assert parse(Recipe, other, "here").training.precision == "float32"
    auto = SMALL | {"training": {"precision": "auto"}}
    assert parse(Recipe, auto, "here").training.precision == "auto"


def test_a_new_study_measures_its_precision() -> None:
    table = {"name": "a", "dataset": {"source": "digits"}, "space": {"layers": 1}}
    study = parse(StudyFile, table, "here")
    recipe = study.fixed_recipe()
    assert recipe is not None
    assert (study.training.precision, recipe.training.precision) == ("auto", "auto")

"""Predictions by networks that were really trained, each for a moment."""

import dataclasses
import gzip
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fakes
import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
import tomli_w
from PIL import Image
from scipy.special import softmax

from hpsearch.data.cache import open_dataset
from hpsearch.data.drawing import split
from hpsearch.data.parts import Parts
from hpsearch.data.tables.encoding import encode
from hpsearch.data.tables.reading import open_table
from hpsearch.errors import InputError
from hpsearch.formats import read_file
from hpsearch.home import INPUTS, RECIPE, WEIGHTS, Home
from hpsearch.objective import Objective
from hpsearch.parsing import parse
from hpsearch.recipe import Recipe
from hpsearch.search.confirmation import ensure_confirmation_study, queue, seeds
from hpsearch.search.leaders import leaders
from hpsearch.search.study import OpenStudy
from hpsearch.services import forms
from hpsearch.services.predict import Predicted, predict, told_of
from hpsearch.services.progress import Silent
from hpsearch.services.train import train
from hpsearch.services.workspace import Workspace
from hpsearch.training import train as trainer
from hpsearch.training.start import start_tensorflow

start_tensorflow()

CONFIG = {"layers": 1, "units": 8, "batch_size": 16}
TRAINING = {"epochs": 2, "early_stopping": False, "precision": "float32"}


def rows(count: int, seed: int = 0) -> pl.DataFrame:
    """Rows of a table: numbers, categories and dates, some of them missing."""
    random = np.random.default_rng(seed)
    number = random.normal(20, 5, count).round(2)
    kind = random.choice(["red", "green", "blue"], count)
    day = np.datetime64("2020-01-01") + random.integers(0, 2000, count)
    frame = pl.DataFrame(
        {
            "id": [f"r{place}" for place in range(count)],
            "number": number,
            "kind": kind,
            "day": day,
            "class": np.where(number + 5 * (kind == "red") > 21, "high", "low"),
            "price": number * 3.25 + random.normal(0, 1, count),
        }
    )
    missing = pl.Series(random.random(count) < 0.1)
    return frame.with_columns(
        pl.when(~missing).then(pl.col(name)).otherwise(None).alias(name)
        for name in ("number", "kind")
    )


def write_recipe(file: Path, dataset: dict[str, Any]) -> None:
    table = {"seed": 3, "config": CONFIG, "dataset": dataset, "training": TRAINING}
    file.write_text(tomli_w.dumps({"format": "hpsearch-recipe/1", **table}))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Place:
    """Where networks were trained."""

    folder: Path
    home: Home

    @property
    def workspace(self) -> Workspace:
        return Workspace(home=self.home)

    def trained(self, name: str, dataset: dict[str, Any]) -> Path:
        """A recipe trained into a folder of this name."""
        write_recipe(self.folder / f"{name}.toml", dataset)
        train(self.folder / f"{name}.toml", self.home, Silent(), output=self.folder / name)
        return self.folder / name

    def predict(self, what: str | Path, data: str | Path, **options: Any) -> Predicted:
        where = self.folder / data
        return predict(str(what), where, self.workspace, Silent(), **options)

    def parts(self, folder: Path) -> tuple[Recipe, Parts]:
        """The recipe of a training, and its data."""
        recipe = parse(Recipe, read_file(folder / RECIPE), "")
        return recipe, split(open_dataset(recipe.dataset, self.home), recipe.dataset)

    def logits(self, folder: Path, x: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """What training itself says of stored examples."""
        recipe, parts = self.parts(folder)
        return trainer.logits(recipe, parts, folder / WEIGHTS, x)

    def stored(self, folder: Path, data: Path) -> npt.NDArray[Any]:
        """The rows of a table as they are stored."""
        _, parts = self.parts(folder)
        return encode(open_table(data), parts.transform.columns).x  # type: ignore[union-attr]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("predict")
    rows(80).write_csv(folder / "train.csv")
    rows(30, seed=1).drop("class", "price").write_csv(folder / "new.csv")
    return Place(folder=folder, home=Home(folder / "home"))


def table(place: Place, target: str, **keys: Any) -> dict[str, Any]:
    other = {"class": "price", "price": "class"}[target]
    ignored = {"source": "table", "target": target, "ignore": ["id", other]}
    return {"path": str(place.folder / "train.csv"), **ignored, **keys}


@pytest.fixture(scope="module")
def classes(place: Place) -> Path:
    return place.trained("classes", table(place, "class"))


@pytest.fixture(scope="module")
def regression(place: Place) -> Path:
    folds = {"validation": {"folds": 2}, "log_target": True}
    return place.trained("regression", table(place, "price", **folds))


@pytest.fixture(scope="module")
def digits(place: Place) -> Path:
    return place.trained("digits", {"source": "digits", "limit": 100})


def shares(table: pl.DataFrame) -> npt.NDArray[Any]:
    return table.select(pl.col("^probability_.*$")).to_numpy()


def first_of(done: Predicted) -> pl.DataFrame:
    assert done.first is not None
    assert done.rows == len(done.first) == 10
    return done.first


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("count", [7, None])
def test_probabilities_of_a_table_are_those_of_the_network(
    place: Place, classes: Path, tmp_path: Path, ending: str, count: int | None
) -> None:
    output = tmp_path / f"out.{ending}"
    done = place.predict(classes, "new.csv", output=output, keep=["id"], rows=count)
    found = (pl.read_csv if ending == "csv" else pl.read_parquet)(output)
    assert found.columns == ["id", "prediction", "probability_high", "probability_low"]
    assert found["id"].to_list() == [f"r{number}" for number in range(30)]
    own = softmax(place.logits(classes, place.stored(classes, place.folder / "new.csv")), axis=1)
    assert np.abs(shares(found) - own).max() <= 1e-6
    assert found["prediction"].to_list() == [("high", "low")[best] for best in own.argmax(axis=1)]
    assert (done.rows, done.told.extra) == (30, ())
    assert done.first is None
    assert done.plain()["columns"] == found.columns


def test_columns_in_any_order_and_of_any_kind_of_file(
    place: Place, classes: Path, tmp_path: Path
) -> None:
    frame = pl.read_csv(place.folder / "new.csv", try_parse_dates=True)
    other = frame.select("day", "kind", pl.lit(1).alias("new"), "number")
    other.write_parquet(tmp_path / "new.parquet")
    text = other.with_columns(pl.col("number").cast(pl.String).str.replace(".", ",", literal=True))
    text.write_csv(tmp_path / "comma.csv", separator=";")
    (tmp_path / "new.csv.gz").write_bytes(gzip.compress(other.write_csv().encode()))
    wanted = first_of(place.predict(classes, "new.csv"))
    for name in ("new.parquet", "comma.csv", "new.csv.gz"):
        done = place.predict(classes, tmp_path / name)
        assert first_of(done).equals(wanted), name
        assert done.told.extra == ("new",)


def test_what_the_training_data_do_not_have_is_told(
    place: Place, classes: Path, tmp_path: Path
) -> None:
    data = tmp_path / "new.csv"
    data.write_text("number,kind,day\n1,red,2020-01-01\nx,pink,no day\n,,\n3,grey,2021-01-01\n")
    done = place.predict(classes, data, output=tmp_path / "out.csv")
    assert told_of(done.told) == [
        (
            'warning: column "kind": 2 rows with a category that the training data do not have,'
            ' such as "pink"; taken as unknown.'
        ),
        'warning: column "number": 1 value that cannot be read; taken as missing.',
        'warning: column "day": 1 value that cannot be read; taken as missing.',
    ]
    plain = done.plain()
    assert plain["unknown"] == {"kind": {"rows": 2, "example": "pink"}}
    assert plain["unread"] == {"number": 1, "day": 1}
    assert np.isfinite(shares(pl.read_csv(tmp_path / "out.csv"))).all()


def test_a_table_that_does_not_fit_writes_nothing(
    place: Place, classes: Path, tmp_path: Path
) -> None:
    (tmp_path / "few.csv").write_text("number,kind\n1,red\n")
    (tmp_path / "late.csv").write_text("number,kind,day\n1,red,2020-01-01\n1,2\n")
    (tmp_path / "empty.csv").touch()
    for name, says in (
        ("few.csv", 'few.csv has no column "day"'),
        ("late.csv", "line 3: the row has 2 fields"),
        ("empty.csv", "is empty"),
        ("none.csv", "none.csv: no such file or folder"),
    ):
        with pytest.raises(InputError, match=says):
            place.predict(classes, tmp_path / name, output=tmp_path / "out.csv", rows=1)
    with pytest.raises(InputError, match=r"--keep prediction: .* no such column"):
        place.predict(classes, "new.csv", keep=["prediction"])
    with pytest.raises(InputError, match="--keep id: the output has such a column already"):
        place.predict(classes, "new.csv", keep=["id", "id"])
    assert not [*tmp_path.glob("*out*")]


def test_how_a_table_is_written_can_be_said(place: Place, classes: Path, tmp_path: Path) -> None:
    data = tmp_path / "new.csv"
    data.write_text("number~kind~day\n1~none~2020-01-01\n2~red~2020-01-01\n")
    said = ["dataset.delimiter=~", 'dataset.missing=["none"]']
    done = place.predict(classes, data, overrides=said)
    assert (done.rows, dict(done.told.unknown)) == (2, {})
    for wrong, says in (
        ("dataset.path=x", "cannot be set here; known: dataset.delimiter"),
        ("seed=1", "cannot be set here"),
        ("dataset.decimal=x", "decimal"),
        ("dataset.delimiter=;;", 'delimiter = ";;" is not of the right form; write one character'),
    ):
        with pytest.raises(InputError, match=says):
            place.predict(classes, data, overrides=[wrong])


def test_a_regression_with_folds_predicts_in_its_own_unit(
    place: Place, regression: Path, tmp_path: Path
) -> None:
    done = place.predict(regression, "new.csv", output=tmp_path / "out.parquet", rows=11)
    found = pl.read_parquet(tmp_path / "out.parquet")
    assert found.columns == ["prediction"]
    own = place.logits(regression, place.stored(regression, place.folder / "new.csv"))[:, 0]
    np.testing.assert_allclose(found["prediction"].to_numpy(), own, rtol=1e-6)
    assert 10 < found["prediction"].mean() < 150  # type: ignore[operator]
    assert done.rows == 30


def test_neither_the_training_data_nor_their_import_is_needed(
    place: Place, regression: Path, tmp_path: Path
) -> None:
    wanted = first_of(place.predict(regression, "new.csv"))
    alone = tmp_path / "alone"
    alone.mkdir()
    for name in (RECIPE, WEIGHTS, INPUTS):
        shutil.copy(regression / name, alone)
    recipe = read_file(alone / RECIPE)
    recipe["dataset"]["path"] = "/nowhere.csv"
    (alone / RECIPE).write_text(tomli_w.dumps(recipe))
    nowhere = Workspace(home=Home(tmp_path / "nowhere"))
    done = predict(str(alone), place.folder / "new.csv", nowhere, Silent())
    assert first_of(done).equals(wanted)
    (alone / INPUTS).unlink()
    with pytest.raises(InputError, match="which says how inputs are scaled, is not beside"):
        predict(str(alone), place.folder / "new.csv", nowhere, Silent())


@pytest.mark.parametrize("form", ["npz", "npy"])
def test_arrays(place: Place, digits: Path, tmp_path: Path, form: str) -> None:
    _, parts = place.parts(digits)
    x = np.asarray(parts.validation.x[parts.validation.rows[:20]])
    data = tmp_path / f"x.{form}"
    np.savez(data, x=x) if form == "npz" else np.save(data, x.astype(np.int64))
    place.predict(digits, data, output=tmp_path / "out.parquet", rows=6)
    found = shares(pl.read_parquet(tmp_path / "out.parquet"))
    assert np.abs(found - softmax(place.logits(digits, x), axis=1)).max() <= 1e-6
    with pytest.raises(InputError, match="--keep id: is of tables"):
        place.predict(digits, data, keep=["id"])
    with pytest.raises(InputError, match=r"--set dataset.header=no: is of tables and images"):
        place.predict(digits, data, overrides=["dataset.header=no"])


def test_images(place: Place, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    folder = tmp_path / "images"
    for part, count in (("train", 20), ("new", 3)):
        for name, level in (("dark", 60), ("light", 190)):
            (folder / part / name).mkdir(parents=True)
            for number in range(count):
                pixels = np.clip(random.normal(level, 30, (4, 4, 3)), 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(folder / part / name / f"{number}.png")
    trained = place.trained(
        "images", {"source": "image_folder", "path": str(folder / "train"), "validation": 0.2}
    )
    (folder / "new" / "light" / "broken.png").write_bytes(b"nothing")
    done = place.predict(trained, folder / "new", output=tmp_path / "out.csv")
    found = pl.read_csv(tmp_path / "out.csv")
    names = [f"{name}/{number}.png" for name in ("dark", "light") for number in range(3)]
    assert found["file"].to_list() == names
    x = np.stack([np.asarray(Image.open(folder / "new" / name)) for name in names])
    assert np.abs(shares(found) - softmax(place.logits(trained, x), axis=1)).max() <= 1e-6
    (line,) = told_of(done.told)
    assert line.startswith("warning: 1 file without a prediction, as they are no readable images:")
    with pytest.raises(InputError, match=r"image_size: is .* but the network takes"):
        place.predict(trained, folder / "new", overrides=["dataset.image_size=[5, 4]"])
    with pytest.raises(InputError, match=r"image_mode: is .* but the network takes"):
        place.predict(trained, folder / "new", overrides=['dataset.image_mode = "grey"'])
    with pytest.raises(InputError, match=r"delimiter=;: cannot be set here; known: dataset.image_"):
        place.predict(trained, folder / "new", overrides=["dataset.delimiter=;"])


def test_images_of_another_size_are_resized_where_that_is_asked_for(
    place: Place, digits: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "new"
    folder.mkdir()
    Image.new("RGB", (16, 12), "white").save(folder / "a.png")
    with pytest.raises(InputError) as caught:
        place.predict(digits, folder)
    _, _, here = str(caught.value).partition("; here: ")
    assert here == "--set 'dataset.image_size=[8, 8]' --set dataset.image_mode=grey"
    options = shlex.split(here)[1::2]
    with pytest.raises(InputError, match=r"; here: .* --set dataset\.image_mode=grey$"):
        place.predict(digits, folder, overrides=options[:1])
    done = place.predict(digits, folder, output=tmp_path / "out.csv", overrides=options)
    assert done.rows == 1


def test_only_predictions_are_written_over(place: Place, digits: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((2, 8, 8), np.uint8))
    output = tmp_path / "out.csv"
    for _ in range(2):
        place.predict(digits, tmp_path / "x.npy", output=output)
    output.write_text("mine\n")
    with pytest.raises(InputError, match="is not a table of predictions"):
        place.predict(digits, tmp_path / "x.npy", output=output)
    output.write_text("number,kind,day,prediction\n1,red,2020-01-01,1\n")
    with pytest.raises(InputError, match="is the data"):
        place.predict(digits, output, output=output)
    with pytest.raises(InputError, match=r"ends in \.csv or \.parquet"):
        place.predict(digits, tmp_path / "x.npy", output=tmp_path / "out.txt")


@pytest.mark.parametrize("name", ["model.keras", "model"])
def test_an_exported_model_of_arrays(place: Place, digits: Path, tmp_path: Path, name: str) -> None:
    recipe, parts = place.parts(digits)
    form: Any = "keras" if name.endswith(".keras") else "saved_model"
    forms.write_model(
        recipe, digits / WEIGHTS, place.home, tmp_path / name, form=form, progress=Silent()
    )
    np.save(tmp_path / "x.npy", parts.validation.x[:20])
    wanted = first_of(place.predict(digits, tmp_path / "x.npy"))
    found = first_of(place.predict(tmp_path / name, tmp_path / "x.npy"))
    assert found.columns == wanted.columns
    assert found["prediction"].equals(wanted["prediction"])
    assert np.abs(shares(found) - shares(wanted)).max() <= 1e-6
    np.save(tmp_path / "wrong.npy", np.zeros(5))
    with pytest.raises(InputError, match=r"has shape \(5,\), but the network takes \(n, 8, 8\)"):
        place.predict(tmp_path / name, tmp_path / "wrong.npy")


@pytest.mark.parametrize("name", ["model.keras", "model"])
@pytest.mark.parametrize("kind", ["classes", "regression"])
def test_an_exported_model_of_a_table(
    place: Place, request: pytest.FixtureRequest, tmp_path: Path, name: str, kind: str
) -> None:
    trained, data = request.getfixturevalue(kind), place.folder / "new.csv"
    recipe, _ = place.parts(trained)
    form: Any = "keras" if name.endswith(".keras") else "saved_model"
    forms.write_model(
        recipe, trained / WEIGHTS, place.home, tmp_path / name, form=form, progress=Silent()
    )
    wanted = first_of(place.predict(trained, data, keep=["id"]))
    found = first_of(place.predict(tmp_path / name, data, keep=["id"]))
    assert found.columns == wanted.columns
    for one in found.columns:
        if wanted[one].dtype == pl.String:
            assert found[one].equals(wanted[one])
        else:
            np.testing.assert_allclose(found[one], wanted[one], rtol=1e-5)


def test_a_model_that_was_moved_alone_is_told(place: Place, digits: Path, tmp_path: Path) -> None:
    recipe, _ = place.parts(digits)
    model = tmp_path / "model.keras"
    forms.write_model(recipe, digits / WEIGHTS, place.home, model, form="keras", progress=Silent())
    (tmp_path / "model.classes.json").unlink()
    np.save(tmp_path / "x.npy", np.zeros((2, 8, 8), np.uint8))
    with pytest.raises(InputError, match=r"model\.classes\.json: is not there"):
        place.predict(model, tmp_path / "x.npy")


def test_what_names_nothing_is_told_with_what_may_be_named(place: Place, tmp_path: Path) -> None:
    (tmp_path / "best.h5").touch()
    (tmp_path / "no.keras").write_bytes(b"no model")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / RECIPE).write_text((place.folder / "classes.toml").read_text())
    for what, says in (
        (tmp_path / "best.h5", "is no study, recipe or model"),
        (tmp_path / "none.keras", "no such file or folder"),
        (tmp_path / "no.keras", "is no model that hpsearch export wrote"),
        (tmp_path / "broken", "so the training did not end; to train it again: hpsearch train"),
    ):
        with pytest.raises(InputError, match=says):
            place.predict(what, "new.csv")
    with pytest.raises(InputError, match="--trial 1: is of a study"):
        place.predict(tmp_path / "broken", "new.csv", trial=1)


def test_a_recipe_is_found_by_its_training_in_the_home(place: Place, regression: Path) -> None:
    file = place.folder / "mine.toml"
    write_recipe(file, table(place, "price", log_target=True))
    with pytest.raises(InputError, match="no training of this recipe is here; train it"):
        place.predict(file, "new.csv")
    train(file, place.home, Silent(), seed=5)
    done = place.predict(file, "new.csv")
    assert done.what == f"{file}, as hpsearch train trained it with seed 5"
    beside = place.predict(regression / RECIPE, "new.csv")
    assert beside.what == f"the training in {regression}, seed 3"


@pytest.fixture
def study(open_study: Callable[..., OpenStudy], home: Home, place: Place) -> OpenStudy:
    """A study of two trials that were really trained."""
    opened = open_study(
        dataset=table(place, "class"), training=TRAINING, space={"layers": 1}, budget={"trials": 2}
    )
    run(opened, home)
    return opened


def run(study: OpenStudy, home: Home) -> None:
    parts = split(open_dataset(study.file.dataset, home), study.file.dataset)
    job = Objective(study=study, parts=parts, home=home, trainer=trainer.train)
    while job.run_one():
        pass


def test_a_study_predicts_as_its_best_trial_until_a_winner_is_confirmed(
    study: OpenStudy, home: Home, place: Place, tmp_path: Path
) -> None:
    workspace, data = Workspace(home=home), place.folder / "new.csv"

    def told(what: str, **options: Any) -> str:
        return predict(what, data, workspace, Silent(), **options).what

    best = study.optuna.best_trial.number
    assert told("study") == f"study study, trial {best}"
    assert told("study", trial=1 - best) == f"study study, trial {1 - best}"
    file = tmp_path / "s.toml"
    file.write_text('name = "study"\n')
    assert told(str(file)) == f"study study, trial {best}"

    from hpsearch.services.export import export  # noqa: PLC0415  # of this test alone

    export("study", str(tmp_path / "r.toml"), workspace, Silent(), trial=1 - best)
    assert told(str(tmp_path / "r.toml")) == f"study study, trial {1 - best}"
    recipe = read_file(tmp_path / "r.toml")
    recipe["config"]["batch_size"] = 17
    (tmp_path / "r.toml").write_text(tomli_w.dumps(recipe))
    with pytest.raises(InputError, match="no training of this recipe is here"):
        told(str(tmp_path / "r.toml"))

    runs = ensure_confirmation_study(study)
    queue(runs, study, leaders(study, 1), seeds(study, 2))
    run(runs, home)
    assert "confirmed with 2 seeds" in told("study")
    assert told("study", trial=best) == f"study study, trial {best}"
    export("study", str(tmp_path / "c.toml"), workspace, Silent(), confirmed=True)
    assert "confirmed with 2 seeds" in told(str(tmp_path / "c.toml"))
    with pytest.raises(InputError, match="study none: not found"):
        told("none")


def test_progress_tells_the_model_first_and_the_rest_at_the_end(
    place: Place, classes: Path
) -> None:
    told = fakes.Told()
    predict(str(classes), place.folder / "train.csv", place.workspace, told)
    assert told.lines == [
        f"Predicting {place.folder / 'train.csv'} with the training in {classes}, seed 3.",
        'Ignored columns: "id", "class", "price".',
    ]
    predict(str(classes), place.folder / "train.csv", place.workspace, told, called="data")
    assert told.lines[2].startswith("Predicting data with")

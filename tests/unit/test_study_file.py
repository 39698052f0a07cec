"""Study files: what is read, what is refused and how, what may change in a study that exists."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wrong_study_files import GOOD, HEAD, SEARCH, WRONG, Wrong

from hpsearch.config import TrialConfig
from hpsearch.errors import InputError, UnreachableError
from hpsearch.optimizers import Adam
from hpsearch.recipe import Recipe, dump
from hpsearch.study_file import (
    StudyFile,
    apply_override,
    differences,
    from_table,
    load,
    load_dataset_override,
    load_either,
)

STUDIES = Path(__file__).parents[2] / "studies"


def read(text: str) -> StudyFile:
    return from_table(tomllib.loads(text), Path("study.toml"))


def test_only_name_source_and_space_are_required() -> None:
    study = read(GOOD)
    assert study.name == "mine"
    assert study.seed == 0
    assert study.dataset.validation == 0.1
    assert study.dataset.scale == "symmetric"
    assert study.objective.metric == "val_accuracy"
    assert study.objective.measure.direction == "maximize"
    assert study.objective.epoch == "best"
    assert study.budget.trials == 50
    assert study.budget.timeout is None
    assert study.sampler.type == "tpe"
    assert study.pruner.type == "median"
    assert study.training.epochs == 30
    assert study.training.early_stopping
    assert study.training.early_stopping.patience == 5
    assert study.workers.count == "auto"
    assert study.enqueue == ()
    assert study.baseline is None


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.name)
def test_a_mistake_is_one_message_with_file_key_value_and_cure(
    wrong: Wrong, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    content = wrong.text if isinstance(wrong.text, bytes) else wrong.text.encode("utf-8")
    Path(wrong.file).write_bytes(content)
    with pytest.raises(InputError) as caught:
        load(Path(wrong.given or wrong.file), wrong.overrides)
    message = str(caught.value)
    for part in wrong.says:
        assert part in message
    assert len(message.splitlines()) == wrong.lines
    for line in message.splitlines():
        assert line.startswith(f"{wrong.given or wrong.file}: " if wrong.names_file else "--set ")
        assert len(line) < 500 or "path too long" in wrong.name
    assert caught.value.exit_code == 2
    assert [path.name for path in tmp_path.iterdir()] == [wrong.file]


def test_the_table_of_mistakes_covers_every_section() -> None:
    assert len(WRONG) == len({wrong.name for wrong in WRONG}) >= 100
    said = " ".join(part for wrong in WRONG for part in (*wrong.says, str(wrong.text)))
    for section in StudyFile.model_fields:
        assert section in said


@pytest.mark.parametrize("path", sorted(STUDIES.glob("*.toml")), ids=lambda path: path.stem)
def test_the_study_files_of_the_project_load(path: Path) -> None:
    study = load(path)
    assert (study.fixed_recipe() is None) == (path.stem != "baseline_cifar10")


def test_the_baseline_study_is_the_baseline_of_the_cifar10_search() -> None:
    fixed = load(STUDIES / "baseline_cifar10.toml").fixed_recipe()
    assert fixed is not None
    assert fixed.config == load(STUDIES / "cifar10.toml").baseline
    assert fixed.config == TrialConfig(
        layers=3, units=(32,) * 3, dropout=(0.0,) * 3, batch_size=128, optimizer=Adam()
    )
    assert fixed.training.epochs == 5
    assert fixed.training.early_stopping is False


def test_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    file = tmp_path / "study.toml"
    file.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert load(file) == read(GOOD)


def test_a_path_is_relative_to_the_file_and_in_set_to_where_it_is_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("studies", "here"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "d").touch()
    file = tmp_path / "studies" / "study.toml"
    file.write_text(HEAD.replace('"digits"', '"npz"\npath = "d"') + "[space]\n")
    monkeypatch.chdir(tmp_path / "here")
    assert load(file).dataset.path == str(tmp_path / "studies" / "d")
    for override in ("dataset.path=d", ' dataset . path = "d"', 'dataset={source="npz",path="d"}'):
        assert load(file, [override]).dataset.path == str(tmp_path / "here" / "d")


def test_mlflows_sqlite_file_is_relative_likewise_and_no_recipe_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    file = tmp_path / "study.toml"
    file.write_text(HEAD + '[training]\nmlflow = "sqlite:///ml/flow.db"\n[space]\n')
    study = load(file)
    assert study.training.mlflow == f"sqlite:///{tmp_path / 'ml' / 'flow.db'}"
    fixed = study.fixed_recipe()
    assert fixed is not None
    assert fixed.training.mlflow is None
    typed = load(file, ["training.mlflow=sqlite:///flow.db"])
    assert typed.training.mlflow == f"sqlite:///{tmp_path / 'here' / 'flow.db'}"
    assert differences(study, typed) == []  # a study goes on, whatever it is told to
    there = load(file, ["training.mlflow=https://mlflow.example:5000/team"])
    assert there.training.mlflow == "https://mlflow.example:5000/team"


def test_a_recipes_path_is_found_as_that_of_a_study_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("out", "here"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "d").touch()
    (tmp_path / "study.toml").write_text(HEAD + "[space]\n")
    assert isinstance(load_either(tmp_path / "study.toml"), StudyFile)
    for ending in (".toml", ".json", ".yaml"):
        file = tmp_path / "out" / f"best{ending}"
        recipe = Recipe(seed=0, config={"units": 4}, dataset={"source": "npz", "path": "d"})
        file.write_text(dump(recipe, ending))
        monkeypatch.chdir(tmp_path / "here")
        assert load_either(file).dataset.path == str(tmp_path / "out" / "d")
        typed = load_either(file, ["dataset.path=d"])
        assert isinstance(typed, Recipe)
        assert typed.dataset.path == str(tmp_path / "here" / "d")


@pytest.mark.parametrize("relative", [True, False])
def test_a_path_that_cannot_be_written_down_is_wrong_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, relative: bool
) -> None:
    folder = tmp_path / "d\udcff"
    folder.mkdir()
    (folder / "d").touch()
    (folder / "study.toml").write_text(HEAD.replace('"digits"', '"npz"\npath = "d"') + "[space]\n")
    monkeypatch.chdir(folder)
    with pytest.raises(InputError, match=r"dataset\.path = .* is not UTF-8"):
        load(Path() / "study.toml" if relative else folder / "study.toml")


def test_a_folder_that_may_not_be_looked_into_is_unreachable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    study = read(GOOD)
    table = study.model_dump(mode="json")
    table["dataset"] |= {"source": "npz", "path": str(tmp_path)}
    monkeypatch.setattr(Path, "stat", refuse)
    with pytest.raises(UnreachableError, match=r"dataset\.path = .* cannot be read"):
        from_table(table, Path("study.toml"))


def test_set_reads_toml_values_and_bare_words() -> None:
    table = tomllib.loads(GOOD)
    for override in (
        "seed=7",
        "budget.trials = 1_000",
        "budget.timeout=2h",
        "dataset.scale=unit",
        'name="other"',
        "training.early_stopping=false",
        'space.units={type="int",low=1,high=8}',
    ):
        apply_override(table, override)
    study = from_table(table, Path("study.toml"))
    assert (study.seed, study.name, study.dataset.scale) == (7, "other", "unit")
    assert (study.budget.trials, study.budget.timeout) == (1000, 7200.0)
    assert study.training.early_stopping is False
    assert study.space.network.units.model_dump()["high"] == 8


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[relu, gelu ,]", ["relu", "gelu"]),
        ("[area,2,true]", ["area", 2, True]),
        ("[0.1, 0.2]", [0.1, 0.2]),
        ("[[a],[b]]", "[[a],[b]]"),
        ("[a.csv", "[a.csv"),
        ("[a](b)", "[a](b)"),
    ],
)
def test_texts_in_a_list_need_no_quotes(text: str, value: Any) -> None:
    table: dict[str, Any] = {}
    apply_override(table, f"key={text}")
    assert table == {"key": value}


def test_a_worker_takes_only_the_place_of_the_data(tmp_path: Path) -> None:
    table = tomllib.loads(GOOD)
    table["dataset"] = {"source": "npz", "path": str(tmp_path)}
    study = from_table(table, Path("study.toml"))
    (tmp_path / "d.npz").touch()
    moved = load_dataset_override(study, [f"dataset.path={tmp_path}/d.npz"])
    assert moved.path == str(tmp_path / "d.npz")
    in_table = load_dataset_override(study, [f'dataset={{path="{tmp_path}/d.npz"}}'])
    assert in_table == moved
    with pytest.raises(InputError, match=r"only dataset\.path"):
        load_dataset_override(study, [f'dataset={{path="{tmp_path}/d.npz", scale="none"}}'])
    with pytest.raises(InputError, match=r"budget\.trials=3: .* only dataset\.path"):
        load_dataset_override(study, ["budget.trials=3"])
    with pytest.raises(InputError, match=r"study mine: dataset\.path = .*gone.* does not exist"):
        load_dataset_override(study, [f"dataset.path={tmp_path}/gone"])


def test_differences_name_what_keeps_a_study_from_going_on() -> None:
    old = read(SEARCH)
    assert differences(old, old) == []
    changed = read(SEARCH.replace("high = 3", "high = 4") + "[training]\nepochs = 31\n")
    assert differences(old, changed) == ["training.epochs: 30 -> 31", "space.layers.high: 3 -> 4"]
    freely = SEARCH + "[budget]\ntrials = 3\n[workers]\ncount = 2\n[[enqueue]]\nlayers = 1\n"
    assert differences(old, read(freely)) == []


@pytest.mark.parametrize("path", sorted(STUDIES.glob("*.toml")), ids=lambda path: path.stem)
def test_a_study_file_survives_json(path: Path) -> None:
    study = load(path)
    assert StudyFile.model_validate(json.loads(json.dumps(study.model_dump(mode="json")))) == study


def test_an_enqueued_optimizer_keeps_its_open_settings_open_through_json() -> None:
    text = SEARCH.replace("adam = {", "adam = { epsilon = 1e-5, beta_1 = { type ="
                          ' "float", low = 0.8, high = 0.95 },')  # fmt: skip
    study = read(text + '[[enqueue]]\noptimizer = { type = "adam", learning_rate = 1e-3 }\n')
    again = StudyFile.model_validate(study.model_dump(mode="json"))
    assert again == study
    optimizer = again.enqueue[0].optimizer
    assert optimizer is not None
    assert optimizer.model_fields_set == {"type", "learning_rate"}


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.dates()
    | st.sampled_from(["int", "float", "categorical", "adam", 10**400, "2h", "relu", "auto"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "low", "high", "step", "log", "choices", "adam", "layers"])
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@given(
    st.sampled_from(sorted(StudyFile.model_fields)),
    st.none() | st.sampled_from(["layers", "units", "optimizer", "type", "timeout", "path", "x"]),
    plain,
)
def test_whatever_stands_in_a_file_is_taken_or_refused_in_words(
    section: str, key: str | None, value: object
) -> None:
    table = tomllib.loads(SEARCH)
    if key is None:
        table[section] = value
    else:
        table[section] = {**table[section], key: value} if section in table and isinstance(
            table[section], dict
        ) else {key: value}  # fmt: skip
    try:
        from_table(table, Path("study.toml"))
    except InputError as error:
        message = str(error)
        assert all(line.startswith("study.toml: ") for line in message.splitlines())
        assert message.encode("utf-8")


def test_a_key_of_the_space_that_is_typed_changes_the_preset(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('name = "mine"\n[dataset]\nsource = "digits"\n')
    assert load(file).preset is None
    typed = load(file, ["space.layers=1"])
    assert (typed.preset, typed.awaits_preset) == ("auto", True)
    file.write_text(file.read_text() + "[space]\nlayers = 2\n")
    own = load(file, ["space.layers=1"])
    assert (own.preset, own.awaits_preset) == (None, False)

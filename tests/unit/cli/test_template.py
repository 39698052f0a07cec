"""``init``: what it writes is a study file for every source, and it destroys nothing."""

import re
import tomllib
from pathlib import Path

import numpy as np
import pytest

from hpsearch.cli.init import init
from hpsearch.data.cache import open_dataset
from hpsearch.data.drawing import split
from hpsearch.data.sources import SOURCES
from hpsearch.errors import InputError, UnreachableError
from hpsearch.home import Home
from hpsearch.services.template import NETWORKS, study_text, with_keys
from hpsearch.space import Corner, suggest_config
from hpsearch.study_file import StudyFile, load

COMMENTED = (
    "limit", "class_weights", "timeout", "plateau", "max_parameters", "precision", "epochs",
    "early_stopping", "portfolio",
)  # fmt: skip


def signs_taken(text: str) -> str:
    """A study file with what stands in it commented out."""
    lines = text.splitlines()
    start = lines.index("# [space]")
    for number, line in enumerate(lines):
        if number >= start or line.startswith(tuple(f"# {key} =" for key in COMMENTED)):
            lines[number] = line.removeprefix("# ").removeprefix("#")
    return "\n".join(lines)


def prepare(folder: Path) -> None:
    """What the paths of the templates point to."""
    (folder / "data.npz").touch()
    (folder / "images").mkdir()
    (folder / "table.csv").touch()


@pytest.mark.parametrize(
    ("source", "network"),
    [(s, n) for s in SOURCES for n in NETWORKS if (s, n) != ("table", "conv")],
)
def test_what_is_written_loads(
    source: str, network: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare(tmp_path)
    file = tmp_path / "my-first.study.toml"
    init(file, source, network=network)
    study = load(file)
    assert study.name == "my-first.study"
    assert study.dataset.source == source
    assert (study.dataset.path is not None) == (source in ("npz", "image_folder", "table"))
    assert study.awaits_preset
    usual = {"npz": "auto", "table": "tables"}.get(source, "images")
    assert study.preset == ("images-conv" if network == "conv" else usual)
    assert "hpsearch run" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("source", "network"),
    [(s, n) for s in SOURCES for n in NETWORKS if (s, n) != ("table", "conv")],
)
def test_what_is_commented_out_loads_too(source: str, network: str, tmp_path: Path) -> None:
    prepare(tmp_path)
    file = tmp_path / "mine.toml"
    file.write_text(signs_taken(study_text("mine", source, network=network)))
    study = load(file)
    assert study.dataset.limit == 20_000
    assert study.budget.timeout == 7200
    assert study.budget.plateau == 25
    assert study.budget.max_parameters == 5_000_000
    assert study.training.precision == "float32"
    assert not study.sampler.portfolio
    assert len(study.enqueue) == 1
    largest = suggest_config(study.space, Corner(1.0))
    assert largest.network.type == network
    if network == "dense":
        assert largest.network.layers == (4 if source in ("npz", "table") else 3)
    else:
        blocks = {"digits": 2, "mnist": 3, "fashion_mnist": 3}
        assert largest.network.blocks == blocks.get(source, 4)
        assert largest.augment.flip == (source not in ("digits", "mnist", "npz"))


def test_what_the_template_writes_out_are_the_defaults() -> None:
    table = tomllib.loads(study_text("mine", "cifar10"))
    study = StudyFile.model_validate(table)
    plain = StudyFile.model_validate({key: table[key] for key in ("name", "dataset", "preset")})
    assert study == plain


@pytest.mark.parametrize(
    ("name", "source", "says"),
    [
        ("mine.toml", "digit", "--dataset digit: unknown; did you mean digits?"),
        ("mine.yaml", "digits", "ends in .toml"),
        ("mine", "digits", "ends in .toml"),
        (".toml", "digits", "ends in .toml"),
        ("-mine.toml", "digits", "is not a valid study name"),
        ("größe.toml", "digits", "is not a valid study name; use 1 to 100 letters (a to z"),
        ("mine.confirm.toml", "digits", "does not end in .confirm"),
        ("there.toml", "digits", "already exists; remove it or choose another"),
        ("conv.toml", "table", "is for images, and a table has none"),
    ],
)
def test_what_init_refuses(name: str, source: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "there.toml").write_text("mine")
    with pytest.raises(InputError) as caught:
        init(tmp_path / name, source, network=name[:4] if name[:4] in NETWORKS else "dense")
    assert says in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["there.toml"]
    assert (tmp_path / "there.toml").read_text() == "mine"


def test_a_path_is_written_so_that_the_study_file_finds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data = Path('my "data", café') / "a#b.npz"
    data.parent.mkdir()
    np.savez(data, x_train=np.eye(2), y_train=[0, 1])
    Path("studies").mkdir()
    for file, path in (
        ("a.toml", data), ("studies/b.toml", data), ("c.toml", data.absolute()),
        ("studies/d.toml", data.parent),
    ):  # fmt: skip
        init(Path(file), None, path)
        section = load(Path(file)).dataset
        assert section.path == str(path.absolute())
        assert section.source == ("npz" if path.suffix else "image_folder")
    assert str(tmp_path) not in Path("studies/b.toml").read_text()
    monkeypatch.setenv("HOME", str(tmp_path))
    init(Path("f.toml"), None, Path("~") / data.parent)  # as typed behind --path=
    assert load(Path("f.toml")).dataset.path == str(data.parent.absolute())
    data.parent.rename("mnist")
    init(Path("g.toml"), None, Path("mnist"))  # the folder, and not the public set
    assert load(Path("g.toml")).dataset.path == str(tmp_path / "mnist")
    Path("mnist").rename(data.parent)
    init(Path("e.toml"), "cifar10", data.parent)
    assert load(Path("e.toml")).dataset.source == "cifar10"


@pytest.mark.parametrize(
    ("source", "path", "says"),
    [
        (None, "gone.npz", "gone.npz: no such file or folder; check the path"),
        (None, "data.bin", "nor a folder, nor an .npz file; say what it is with --dataset"),
        ("digits", "data.npz", "is built in; leave path out"),
    ],
)
def test_a_path_that_does_not_fit_is_refused(
    source: str | None, path: str, says: str, tmp_path: Path
) -> None:
    for name in ("data.npz", "data.bin"):
        (tmp_path / name).touch()
    with pytest.raises(InputError, match=re.escape(says)):
        init(tmp_path / "a.toml", source, tmp_path / path)
    assert not (tmp_path / "a.toml").exists()


def test_what_is_written_for_an_npz_file_trains_on_floats(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(60, 4))
    np.savez(tmp_path / "data.npz", x_train=x, y_train=np.arange(60) % 2)
    init(tmp_path / "a.toml", "npz")
    section = load(tmp_path / "a.toml").dataset
    parts = split(open_dataset(section, Home(tmp_path / "home")), section)
    assert len(parts.train) == 43


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UnreachableError, match="cannot be written"):
        init(tmp_path / "file" / "mine.toml", "digits")


@pytest.mark.parametrize("source", ["table", "npz", "cifar10"])
def test_keys_of_a_section_take_the_place_of_its_lines(source: str) -> None:
    text = study_text("mine", source)
    keys = {
        "validation": {"folds": 3, "repeats": 2},
        "limit": 100,
        "ignore": ["a\tb", 'c"d'],
        "missing": ["-"],
    }
    changed = with_keys(text, "dataset", keys)
    assert tomllib.loads(changed)["dataset"] == tomllib.loads(text)["dataset"] | keys
    assert changed.count("limit") == 1
    assert changed.count("\nvalidation =") == 1
    before, after = (
        [line for line in one.splitlines() if "=" not in line] for one in (text, changed)
    )
    assert before == after
    assert with_keys(text, "dataset", {}) == text

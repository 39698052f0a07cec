"""Data in place of a study file: which file is written for them, and what is refused."""

import fcntl
import os
import tomllib
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hpsearch.cli import named as cli_named
from hpsearch.cli.named import is_data, new_study, study_file_of, study_of, typed
from hpsearch.errors import InputError, UnreachableError
from hpsearch.study_file import load


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez("my data.v2.npz", x_train=np.eye(2), y_train=[0, 1])
    Path("houses.csv").write_text("area,price\n1,2\n3,4\n")
    for number in range(1200):
        file = Path(f"photos/train/{number % 2}/{number}.png")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()


def dataset(given: str, target: str | None = None) -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads(new_study(Path(given), target).text)["dataset"]
    return found


def test_what_names_data() -> None:
    for name in ("mine.toml", "mnist-conv.toml"):
        Path(name).touch()
    for one in (
        "houses.csv",
        "gone.csv",
        "gone.npz",
        "~nobody-here/x",
        "photos",
        "digits",
        "fashon_mnist",
        ".",
    ):
        assert is_data(Path(one)), one
    for one in ("mine.toml", "gone.toml", "best.json", "mine", "mien", "mnist-conv"):
        assert not is_data(Path(one)), one


def test_a_study_file_by_what_the_data_are() -> None:
    few = dataset("my data.v2.npz")
    assert (few["source"], few["path"]) == ("npz", "my data.v2.npz")
    assert few["validation"] == {"folds": 5}
    assert dataset("photos")["validation"] == 0.1
    assert dataset("photos/")["source"] == "image_folder"
    assert dataset("houses.csv", "price")["target"] == "price"
    assert "path" not in dataset("digits")
    np.savez("big.npz", x_train=np.eye(3), y_train=[0, 1, 2], x_val=np.eye(3), y_val=[0, 1, 2])
    assert dataset("big.npz")["validation"] == "given"


@pytest.mark.parametrize(
    ("rows", "own", "validation"),
    [(2000, 100, "given"), (2000, 99, 0.1), (50_000, 1000, "given"), (500, 16, {"folds": 5})],
)
def test_a_small_validation_part_is_left(rows: int, own: int, validation: Any) -> None:
    y = np.arange(rows) % 2
    np.savez("one.npz", x_train=np.zeros((rows, 2)), y_train=y, x_val=np.zeros((own, 2)), y_val=y)
    assert dataset("one.npz")["validation"] == validation


def test_the_space_that_is_shown_is_that_of_the_arrays() -> None:
    for shape, shown in (((8, 8), True), ((8, 8, 3), True), ((64,), False), ((3, 8), False)):
        np.savez("one.npz", x_train=np.zeros((60, *shape)), y_train=np.arange(60) % 2)
        text = new_study(Path("one.npz")).text
        assert ("translate" in text) is shown, shape
        assert 'preset = "auto"' in text


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("my data.v2.npz", "my-data"),
        ("photos/", "photos"),
        ("photos/../photos", "photos"),
        ("photos/train/..", "photos"),
        ("digits", "digits"),
        ("y" * 150 + ".npz", "y" * 95),
        ("é.npz", "npz"),
    ],
)
def test_the_file_has_the_name_of_the_data(given: str, name: str) -> None:
    if given.endswith(".npz"):
        np.savez(given, x_train=np.eye(2), y_train=[0, 1])
    with study_file_of(Path(given)) as file:
        assert file == Path(f"{name}.toml")
        assert load(file).name == name


def test_a_path_is_no_public_set(capsys: pytest.CaptureFixture[str]) -> None:
    Path("photos").rename("mnist")
    assert typed("mnist") == Path("mnist")
    for one in ("mnist/", "./mnist", "./mnist/"):
        assert new_study(typed(one)).data.source == "image_folder", one
    assert typed("./houses.csv") == Path("houses.csv")
    with study_file_of(Path("mnist")):
        assert "with the public set (what is here: ./mnist)" in capsys.readouterr().out
    with pytest.raises(InputError, match="FILE: is empty; give"):
        typed("")


def test_the_same_data_have_the_same_file(capsys: pytest.CaptureFixture[str]) -> None:
    with study_file_of(Path("houses.csv"), "price") as file:
        written = file.read_text()
    with study_file_of(Path("houses.csv")) as again:  # the target stands in it
        assert (again, again.read_text()) == (file, written)
    with study_file_of(Path("houses.csv").absolute(), "price") as again:
        assert again == file
    assert "houses.toml is there already, and is run." in capsys.readouterr().out
    with (
        pytest.raises(
            InputError, match=r'not for houses\.csv with target "area"; .* --target area'
        ),
        study_file_of(Path("houses.csv"), "area"),
    ):
        pass
    np.savez("houses.npz", x_train=np.eye(2), y_train=[0, 1])
    with (
        pytest.raises(InputError, match=r"not for houses\.npz; .* other\.toml --path houses\.npz$"),
        study_file_of(Path("houses.npz")),
    ):
        pass
    Path("a b").mkdir()
    Path("houses.npz").rename("a b/houses.npz")
    with (
        pytest.raises(InputError, match=r"other\.toml --path 'a b/houses\.npz'$"),
        study_file_of(Path("a b/houses.npz")),
    ):
        pass


def test_data_are_shown_as_their_file_has_them(capsys: pytest.CaptureFixture[str]) -> None:
    houses = Path("houses.csv")
    with study_file_of(houses, "price", overrides=["dataset.ignore=[area]"]):
        pass
    kept = study_of(houses, None, ["dataset.validation=0.3"]).dataset.model_dump()
    assert (kept["ignore"], kept["validation"]) == (("area",), 0.3)
    assert "as houses.toml has them" in capsys.readouterr().err
    assert study_of(houses, "area", ()).dataset.model_dump()["ignore"] is None
    Path("photos.toml").write_text(Path("houses.toml").read_text())
    assert study_of(Path("photos"), None, ()).dataset.source == "image_folder"
    assert "as houses.toml" not in capsys.readouterr().err


def test_of_images_convolutional_networks_are_offered(capsys: pytest.CaptureFixture[str]) -> None:
    for given, offered in (("photos", True), ("my data.v2.npz", False)):
        with study_file_of(Path(given)):
            assert ("--network conv" in capsys.readouterr().out) is offered


def test_networks_are_those_that_were_asked_for() -> None:
    with study_file_of(Path("photos"), network="conv") as file:
        assert (file, load(file).preset) == (Path("photos-conv.toml"), "images-conv")
    with study_file_of(Path("photos"), network="conv") as again:
        assert again == file
    file.rename("photos.toml")
    dense = r'the same data with preset "images-conv"; .* --path photos --network dense$'
    for network, told in (("dense", dense), ("cnn", "--network cnn: unknown")):
        with (
            pytest.raises(InputError, match=told),
            study_file_of(Path("photos"), network=network),
        ):
            pass
    with (
        pytest.raises(InputError, match="--network conv: is for images"),
        study_file_of(Path("houses.csv"), "price", "conv"),
    ):
        pass
    np.savez("flat.npz", x_train=np.eye(5), y_train=np.arange(5))
    with pytest.raises(InputError, match=r"an example has shape \(5,\); leave it out"):
        new_study(Path("flat.npz"), network="conv")


def test_options_for_data_are_none_of_a_study_file() -> None:
    for target, network, told in (
        ("price", None, r"--target price: mine\.toml is a study file; set dataset\.target in it"),
        (None, "conv", r"--network conv: mine\.toml is a study file; set preset in it"),
    ):
        with pytest.raises(InputError, match=told):
            new_study(Path("mine.toml"), target, network)


def test_a_new_file_goes_where_the_data_are_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    def fails() -> None:
        with study_file_of(Path("photos")):
            assert Path("photos.toml").exists()
            raise InputError("no image")

    with pytest.raises(InputError, match="no image"):
        fails()
    assert not Path("photos.toml").exists()
    told = capsys.readouterr().err
    assert "Removed photos.toml again. To set a key of its [dataset]: --set dataset.KEY=" in told
    assert "hpsearch init photos.toml --path photos\n" in told
    with study_file_of(Path("photos")):
        pass
    with pytest.raises(InputError, match="no image"):
        fails()
    assert Path("photos.toml").exists()  # it was there before


def test_keys_of_the_data_are_written_and_no_others() -> None:
    typed = [
        "dataset.image_size=[4, 4]",
        "dataset.path=x",
        "training.epochs=3",
        "dataset.limit = 9",
    ]
    with study_file_of(Path("photos"), overrides=typed) as file:
        table = tomllib.loads(file.read_text())
    found = table["dataset"]
    assert (found["image_size"], found["limit"], found["path"]) == ([4, 4], 9, "photos")
    assert "epochs" not in table["training"]
    with study_file_of(Path("photos"), overrides=["dataset.limit=5"]) as again:
        assert load(again).dataset.limit == 9  # as it was written


def test_a_folder_that_nobody_may_write_is_told(tmp_path: Path, forbidden: Any) -> None:
    with (
        forbidden(tmp_path, 0o555),
        pytest.raises(
            UnreachableError, match=r"^digits\.toml: .*; change to a folder that you may"
        ),
        study_file_of(Path("digits")),
    ):
        pass


def test_a_new_file_that_another_run_has_in_use_stays() -> None:
    other = ExitStack()

    def fails() -> None:
        with study_file_of(Path("houses.csv"), "price"):
            other.enter_context(study_file_of(Path("houses.csv")))
            raise InputError("--set of the first one alone is wrong")

    with other:
        with pytest.raises(InputError, match="of the first one"):
            fails()
        assert Path("houses.toml").is_file()


def test_what_was_put_in_place_of_a_new_file_stays() -> None:
    def fails() -> None:
        with study_file_of(Path("houses.csv"), "price") as file:
            Path("edited.toml").write_text("as an editor saves it")
            Path("edited.toml").rename(file)
            raise InputError("no row")

    with pytest.raises(InputError, match="no row"):
        fails()
    assert Path("houses.toml").read_text() == "as an editor saves it"


def test_one_process_at_a_time_writes_a_new_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def waits(*_: object) -> None:
        folder = os.open(tmp_path, os.O_RDONLY)
        try:
            with pytest.raises(BlockingIOError):
                fcntl.flock(folder, fcntl.LOCK_SH | fcntl.LOCK_NB)
        finally:
            os.close(folder)
        raise UnreachableError("written by nobody")

    monkeypatch.setattr(cli_named, "write_text", waits)
    with pytest.raises(UnreachableError, match="by nobody"), study_file_of(Path("digits")):
        pass

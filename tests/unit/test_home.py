"""The home: which folder it is, and where things lie in it."""

import errno
import random
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from hpsearch.errors import InputError, UnreachableError
from hpsearch.home import Home, sqlite_url
from hpsearch.share import Share


def test_the_option_comes_before_the_environment_before_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HPSEARCH_HOME", raising=False)
    assert Home.find().root == tmp_path / "hpsearch-data"
    monkeypatch.setenv("HPSEARCH_HOME", "")
    assert Home.find().root == tmp_path / "hpsearch-data"
    monkeypatch.setenv("HPSEARCH_HOME", "elsewhere")
    assert Home.find().root == tmp_path / "elsewhere"
    assert Home.find(Path("given")).root == tmp_path / "given"
    assert list(tmp_path.iterdir()) == []


def test_a_tilde_is_the_users_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert Home.find(Path("~/x")).root == Path("/home/me/x")
    with pytest.raises(InputError, match=r"--home ~nobody at all.*write the path in full"):
        Home.find(Path("~nobody at all/x"))


def test_the_storage(monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(Path("/data"))
    monkeypatch.delenv("HPSEARCH_STORAGE", raising=False)
    assert home.storage_url() == "sqlite:////data/studies.db"
    monkeypatch.setenv("HPSEARCH_STORAGE", "postgresql://host/db")
    assert home.storage_url() == "postgresql://host/db"
    assert home.storage_url("sqlite:///mine.db") == "sqlite:///mine.db"


@pytest.mark.parametrize(
    ("file", "url"),
    [
        ("/a b/größe/studies.db", "sqlite:////a b/größe/studies.db"),
        ("/100%/x#y&z@w@/s.db", "sqlite:////100%25/x#y&z@w@/s.db"),
        ("/why?/{SCHEMA_VERSION}", "sqlite:////why%3F/%7BSCHEMA_VERSION%7D"),
        ("relative.db", "sqlite:///relative.db"),
    ],
)
def test_the_url_of_a_file_can_be_read_and_means_that_file(file: str, url: str) -> None:
    assert sqlite_url(file) == url
    assert make_url(url).database == file
    assert sqlite_url(str(make_url(url).database)) == url


def test_each_thing_has_a_place_of_its_own() -> None:
    home = Home(Path("/data"))
    assert home.trial_run("s", 12) == Path("/data/runs/s/trial-00012")
    assert home.worker_log("s", 0) == Path("/data/logs/s/worker-0.log")
    assert home.trained("best", 3) == Path("/data/trained/best-seed3")
    places = {
        home.database, home.datasets, home.study_runs("s"), home.study_runs("t"),
        home.study_logs("s"), home.study_logs("t"), home.trained("s", 0), home.trained("s", 1),
    }  # fmt: skip
    assert len(places) == 8
    assert all(place.is_relative_to(home.root) for place in places)


def test_folders_are_made_in_a_home_that_is_there_only(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    with pytest.raises(UnreachableError, match="home: is gone while it was in use"):
        home.make(home.trial_run("s", 1))
    assert not home.root.exists()
    home.root.mkdir()
    for _ in range(2):
        home.make(home.trial_run("s", 1))
    assert home.trial_run("s", 1).is_dir()
    home.study_logs("s").parent.touch()
    with pytest.raises(UnreachableError, match=r"logs/s: cannot be created: Not a dir|File exists"):
        home.make(home.study_logs("s"))


def names(count: int) -> list[str]:
    """Texts that anybody may have put into a database as the name of a study."""
    chance = random.Random(7)  # noqa: S311  # the same again each time
    parts = [
        "..", ".", "/", "\\", "\0", "\n", "\x1b", "~", "a", "é", "\u202e", "\U0001f600", " ",
        "-", "%2e", "$HOME", "*", "studies.db", "CON", "\udcff",
    ]  # fmt: skip
    made = ("".join(chance.choices(parts, k=chance.randint(0, 4))) for _ in range(count))
    return ["..", "../a", "a/..", "/", *made]


def test_a_home_that_cannot_be_asked_for_a_moment_is_not_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stale(*_: object) -> None:
        raise OSError(errno.ESTALE, "Stale file handle")

    monkeypatch.setattr(Path, "stat", stale)
    Home(tmp_path).check()


def test_whatever_a_study_is_called_its_places_are_below_the_home(tmp_path: Path) -> None:
    home, share = Home(tmp_path / "home"), tmp_path / "share"
    for folder in (home.runs, home.root / "logs", share):
        folder.mkdir(parents=True)
    refused = 0
    for name in names(400):
        try:
            places = [home.study_runs(name), home.study_logs(name), home.trial_run(name, 3)]
            places += [home.worker_log(name, 0)]
            place = Share(f"file://{share}", home, name, f"{name}-01234567")._place[1]
        except InputError:
            refused += 1
            continue
        for found in places:
            assert found.resolve().is_relative_to(home.root / found.relative_to(home.root).parts[0])
            assert len(found.relative_to(home.root).parts) in (2, 3)
        assert Path(place).resolve().parent == share / "runs"
    assert 100 < refused < 400

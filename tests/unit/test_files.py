"""Files: what is made under another name is there whole or not at all."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hpsearch.errors import InputError, UnreachableError
from hpsearch.files import continued_file, made_beside, utf8, write_text


def fill(folder: Path, text: str) -> None:
    folder.mkdir()
    (folder / "inside").write_text(text)


def test_a_file_appears_at_the_end_and_replaces_another(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    for text in ("one", "two"):
        with made_beside(path) as partial:
            assert partial.suffix == ".txt"
            partial.write_text(text)
            assert not path.exists() or path.read_text() == "one"
        assert path.read_text() == text
        assert list(path.parent.iterdir()) == [path]


def test_a_folder_appears_at_the_end_and_replaces_another(tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.mkdir()
    for text in ("one", "two"):
        with made_beside(path) as partial:
            fill(partial, text)
        assert (path / "inside").read_text() == text
        assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_error_leaves_what_was_there_and_nothing_else(
    tmp_path: Path, error: type[BaseException]
) -> None:
    file, folder = tmp_path / "a.txt", tmp_path / "model"
    file.write_text("old")
    fill(folder, "old")
    with (  # noqa: PT012  # what is made before the error matters
        pytest.raises(error),
        made_beside(file) as partial,
        made_beside(folder) as other,
    ):
        partial.write_text("new")
        fill(other, "new")
        raise error
    assert file.read_text() == (folder / "inside").read_text() == "old"
    assert sorted(tmp_path.iterdir()) == [file, folder]


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as over:
        over.wait()
    with made_beside(tmp_path / "model") as partial:
        fill(partial, "whole")
    here = partial.name.removesuffix(f".{os.getpid()}.model")
    for pid in (over.pid, os.getpid(), 10**30):
        fill(tmp_path / f"{here}.{pid}.model", "half")
    others = (
        f"{here}.{os.getppid()}.model",
        f"{here}.{over.pid}.other-model",
        f".partial.0123abcd.{over.pid}.model",  # of another machine
    )
    for name in others:  # of one that runs, and of something else
        fill(tmp_path / name, "half")
    with made_beside(tmp_path / "model") as partial:
        assert not partial.exists()
        fill(partial, "whole")
    assert {path.name for path in tmp_path.iterdir()} == {"model", *others}


@pytest.mark.parametrize("folders", [False, True])
def test_two_processes_may_make_the_same_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, folders: bool
) -> None:
    def put(path: Path, text: str) -> None:
        if folders:
            fill(path, text)
        else:
            path.write_text(text)

    with made_beside(tmp_path / "model") as first:
        put(first, "first")
        with monkeypatch.context() as other:
            other.setattr(os, "getpid", os.getppid)
            with made_beside(tmp_path / "model") as second:
                put(second, "second")
    left = tmp_path / "model"
    assert (left / "inside" if folders else left).read_text() == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_what_cannot_be_written_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(UnreachableError, match=r"a\.txt: cannot be written"),
        made_beside(tmp_path / "file" / "a.txt"),
    ):
        pass


@pytest.mark.parametrize("name", ["a.txt", "its name in the making", ".a.txt.partial"])
def test_what_a_link_leads_to_is_not_written(tmp_path: Path, name: str) -> None:
    if name == "its name in the making":
        with made_beside(tmp_path / "a.txt") as partial:
            partial.touch()
        name = partial.name
    precious = tmp_path / "precious"
    precious.write_text("all that I have")
    for target in (precious, tmp_path / "nothing"):
        (tmp_path / name).symlink_to(target)
        write_text(tmp_path / "a.txt", "new")
        with made_beside(tmp_path / "a.txt") as partial:
            partial.write_text("newer")
        assert (tmp_path / "a.txt").read_text() == "newer"
        assert not (tmp_path / "a.txt").is_symlink()
        (tmp_path / name).unlink(missing_ok=True)
    assert precious.read_text() == "all that I have"
    assert not (tmp_path / "nothing").exists()


def test_a_file_is_continued_but_not_where_a_link_leads(tmp_path: Path) -> None:
    file, precious = tmp_path / "log", tmp_path / "precious"
    for text in (b"one", b"two"):
        with continued_file(file) as opened:
            opened.write(text)
    assert file.read_text() == "onetwo"
    precious.write_text("all that I have")
    file.unlink()
    file.symlink_to(precious)
    with continued_file(file) as opened:
        opened.write(b"three")
    assert (file.read_text(), precious.read_text()) == ("three", "all that I have")
    with pytest.raises(IsADirectoryError):
        continued_file(tmp_path)


def test_new_files_have_the_mode_of_all_others(tmp_path: Path) -> None:
    write_text(tmp_path / "one", "")
    (tmp_path / "other").touch()
    assert (tmp_path / "one").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_name_that_tensorflow_cannot_write_is_told() -> None:
    assert utf8(Path("größe")) == "größe"
    with pytest.raises(InputError, match="is not UTF-8"):
        utf8(Path("m\udcff"))

"""What trials put at a place that all machines reach."""

import logging
import threading
from pathlib import Path

import pytest

from hpsearch.environment import SHARE_VARIABLE
from hpsearch.errors import InputError
from hpsearch.home import CHECKPOINTS, CURVES, WEIGHTS, Home
from hpsearch.share import Share

NEWEST, BEFORE = CHECKPOINTS
KEY = "study-01234567"


def share_of(url: str, home: Home, key: str = KEY) -> Share:
    return Share(url, home, "study", key)


def folder(home: Home, number: int) -> Path:
    made = home.trial_run("study", number)
    made.mkdir(parents=True, exist_ok=True)
    return made


@pytest.fixture
def homes(tmp_path: Path) -> tuple[Home, Home]:
    """Of two machines."""
    found = Home(tmp_path / "one"), Home(tmp_path / "two")
    (tmp_path / "share").mkdir()
    for home in found:
        home.root.mkdir()
    return found


@pytest.mark.parametrize("kind", ["file", "memory"])
def test_a_trial_goes_on_where_another_machine_left_it(
    homes: tuple[Home, Home], tmp_path: Path, kind: str
) -> None:
    url = f"file://{tmp_path / 'share'}" if kind == "file" else f"memory://{tmp_path.name}"
    one, two = (share_of(url, home) for home in homes)
    left = folder(homes[0], 7)
    with one.following(7):
        (left / NEWEST).write_bytes(b"checkpoint")
        (left / CURVES).write_text("epoch\n")
    two.fetch([8, 7])
    assert (homes[1].trial_run("study", 7) / NEWEST).read_bytes() == b"checkpoint"
    assert not (homes[1].trial_run("study", 7) / CURVES).exists()  # it writes its own
    assert {number: sorted(names) for number, names in two.files().items()} == {
        7: sorted([NEWEST, CURVES])
    }
    two.remove(7, [NEWEST])
    folder(homes[1], 7).joinpath(NEWEST).unlink()
    two.fetch([7])
    assert not (homes[1].trial_run("study", 7) / NEWEST).exists()


def test_checkpoints_are_put_there_as_they_come(
    homes: tuple[Home, Home], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hpsearch.share.EVERY", 0.01)
    from commandline import wait_until  # noqa: PLC0415  # a helper of the acceptance tests

    share = share_of(f"file://{tmp_path / 'share'}", homes[0])
    there = tmp_path / "share" / "runs" / KEY / "trial-00003"
    with share.following(3):
        for content in (b"first", b"second"):
            (folder(homes[0], 3) / NEWEST).write_bytes(content)
            wait_until(lambda c=content: read(there / NEWEST) == c, "a checkpoint")
        (folder(homes[0], 3) / WEIGHTS).write_bytes(b"weights")
    assert sorted(path.name for path in there.iterdir()) == sorted([NEWEST, WEIGHTS])


def read(file: Path) -> bytes | None:
    return file.read_bytes() if file.exists() else None


def test_what_is_here_is_not_fetched(homes: tuple[Home, Home], tmp_path: Path) -> None:
    one, two = (share_of(f"file://{tmp_path / 'share'}", home) for home in homes)
    (folder(homes[0], 1) / NEWEST).write_bytes(b"theirs")
    one.put(1, CHECKPOINTS)
    (folder(homes[1], 1) / BEFORE).write_bytes(b"ours")
    two.fetch([1])
    assert not (folder(homes[1], 1) / NEWEST).exists()


def test_a_share_that_cannot_be_reached_is_logged(
    homes: tuple[Home, Home], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "share").rmdir()
    (tmp_path / "share").write_text("a file in its place")
    share = share_of(f"file://{tmp_path / 'share'}", homes[0])
    (folder(homes[0], 1) / NEWEST).write_bytes(b"checkpoint")
    with caplog.at_level(logging.WARNING), share.following(1):
        pass
    assert "the share could not keep checkpoint.npz" in caplog.text
    share.fetch([2])
    assert share.files() == {}


def test_a_share_that_cannot_be_is_wrong_input(
    homes: tuple[Home, Home], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(SHARE_VARIABLE, raising=False)
    assert Share.find(homes[0], "study", KEY) is None
    monkeypatch.setenv(SHARE_VARIABLE, "nonsense://there")
    with pytest.raises(InputError, match=r"HPSEARCH_SHARE \(nonsense://...\)"):
        Share.find(homes[0], "study", KEY)


def test_a_share_that_hangs_does_not_hold_a_trial(
    homes: tuple[Home, Home],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("hpsearch.share.GRACE", 0.05)
    share, released = share_of(f"file://{tmp_path / 'share'}", homes[0]), threading.Event()
    monkeypatch.setattr(share, "put", lambda *_: released.wait(30))
    with share.following(1):
        pass
    assert "has not received all files of trial 1" in caplog.text
    released.set()


def test_studies_of_other_storages_have_their_own(homes: tuple[Home, Home], tmp_path: Path) -> None:
    url = f"file://{tmp_path / 'share'}"
    one, two = share_of(url, homes[0]), share_of(url, homes[1], "study-89abcdef")
    (folder(homes[0], 1) / NEWEST).write_bytes(b"checkpoint")
    one.put(1, [NEWEST])
    assert two.files() == {}
    two.fetch([1])
    two.remove_all()
    assert not (homes[1].trial_run("study", 1) / NEWEST).exists()
    assert one.files() == {1: [NEWEST]}


def test_a_file_system_that_cannot_even_be_made_is_logged(
    homes: tuple[Home, Home], caplog: pytest.LogCaptureFixture
) -> None:
    # Its class connects when it is made, as those of sftp, smb and webhdfs do.
    share = share_of("ftp://127.0.0.1:1/share", homes[0])
    (folder(homes[0], 1) / NEWEST).write_bytes(b"checkpoint")
    with caplog.at_level(logging.WARNING), share.following(1):
        pass
    assert "the share could not keep checkpoint.npz" in caplog.text


def test_a_study_that_is_removed(homes: tuple[Home, Home], tmp_path: Path) -> None:
    share = share_of(f"file://{tmp_path / 'share'}", homes[0])
    (folder(homes[0], 1) / WEIGHTS).write_bytes(b"weights")
    share.put(1, [WEIGHTS])
    share.remove_all()
    share.remove_all()
    assert share.files() == {}


def test_what_a_link_leads_to_is_not_written(homes: tuple[Home, Home], tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("all that I have")
    one, two = (share_of(f"file://{tmp_path / 'share'}", home) for home in homes)
    there = tmp_path / "share" / "runs" / KEY / "trial-00001"
    there.mkdir(parents=True)
    (folder(homes[0], 1) / NEWEST).write_bytes(b"checkpoint")
    (there / f"{NEWEST}.partial").symlink_to(precious)
    one.put(1, [NEWEST])
    (folder(homes[1], 1) / f".partial.{NEWEST}").symlink_to(precious)
    two.fetch([1])
    for place in (there, folder(homes[1], 1)):
        assert (place / NEWEST).read_bytes() == b"checkpoint"
        assert not (place / NEWEST).is_symlink()
    assert precious.read_text() == "all that I have"


@pytest.mark.parametrize("kind", ["not there", "a file", "cannot be written", "silent"])
def test_what_is_wrong_with_a_share_is_told_with_the_cure(
    homes: tuple[Home, Home], tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, released = tmp_path / "share", threading.Event()
    share = share_of(f"file://{place}", homes[0])
    assert share.problem() is None
    assert list(place.iterdir()) == []
    if kind in ("not there", "a file"):
        share = share_of(f"file://{place}", homes[0])
        place.rmdir()
        if kind == "a file":
            place.touch()
    elif kind == "silent":
        monkeypatch.setattr("hpsearch.share.ANSWER", 0.05)
        monkeypatch.setattr(share, "_tried", lambda: released.wait(30))
    else:
        files, _ = share._place
        refuse = PermissionError(13, "Permission denied")
        monkeypatch.setattr(files, "pipe_file", lambda *_: (_ for _ in ()).throw(refuse))
    why = share.problem()
    released.set()
    assert why is not None
    assert why.startswith(f"HPSEARCH_SHARE (file://{place}): nothing can be written there: ")
    assert why.endswith("make or mount it, correct the variable, or unset it")
    share.put(1, [WEIGHTS])
    assert place.exists() is (kind != "not there")


def test_no_password_of_a_share_is_told(homes: tuple[Home, Home]) -> None:
    why = share_of("ftp://me:secret@127.0.0.1:1/share", homes[0]).problem()
    assert why is not None
    assert "HPSEARCH_SHARE (ftp://...): nothing can be written there" in why
    assert "secret" not in why


@pytest.mark.parametrize("key", ["", ".", "..", "../x", "a/b", "/etc", "a\0b"])
def test_no_folder_of_a_study_lies_elsewhere(homes: tuple[Home, Home], key: str) -> None:
    with pytest.raises(InputError, match="is no name for a study"):
        share_of("memory://x", homes[0], key)

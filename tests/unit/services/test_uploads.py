"""Uploads in the home: names and contents, limits, and what kills and full disks leave."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from unwritable import unwritable
from uploading import CSV, looked_at_here

from hpsearch.errors import InputError, UnreachableError
from hpsearch.home import Home
from hpsearch.search.storage import Storage
from hpsearch.search.storage.opening import open_storage
from hpsearch.services import arriving
from hpsearch.services.arriving import Arrival
from hpsearch.services.upload import (
    Asker,
    BusyError,
    Limits,
    TooLargeError,
    UnknownUploadError,
    Upload,
    UploadKeptError,
)
from hpsearch.services.uploads import Uploads

ANA, BOB = Asker(user="ana"), Asker(user="bob")
OTHER = CSV + b"1,2,3\n"


@pytest.fixture(autouse=True)
def _here() -> Iterator[None]:
    with looked_at_here():
        yield


@pytest.fixture
def uploads(home: Home) -> Uploads:
    return Uploads(home=home, limits=Limits(most=10_000, most_of_user=3000, keep_free=0))


@pytest.fixture
def storage(home: Home) -> Iterator[Storage]:
    with closing(open_storage(home.storage_url())) as opened:
        opened.make_events()
        yield opened


def unnoted(_: Upload) -> None:
    """Notes nothing."""


def send(
    uploads: Uploads, name: str = "houses", content: bytes = CSV, *, owner: str = "ana",
    shared: bool | None = None, kind: str = "csv",
) -> tuple[Upload, bool]:  # fmt: skip
    with closing(Arrival(uploads, owner, name, kind)) as arrival:
        arrival.begin(len(content))
        for start in range(0, len(content), 300):
            arrival.write(content[start : start + 300])
        return arrival.keep(shared, unnoted)


def files(uploads: Uploads) -> set[str]:
    return {one.name for one in uploads.root.rglob("*") if one.is_file() and one.name != ".lock"}


def test_the_same_bytes_of_two_users_are_stored_once_until_the_last_name_goes(
    uploads: Uploads, storage: Storage
) -> None:
    first, is_new = send(uploads)
    other, is_new_too = send(uploads, "prices", owner="bob")
    assert (is_new, is_new_too) == (True, True)
    assert first.sha256 == other.sha256
    assert uploads.data(first) == uploads.data(other)
    assert files(uploads) == {"data.csv", "facts.json", "houses.json", "prices.json"}
    assert send(uploads) == (first, False)
    uploads.remove("ana", "houses", ANA, storage, unnoted)
    assert uploads.data(other).read_bytes() == CSV
    uploads.remove("bob", "prices", BOB, storage, unnoted)
    assert files(uploads) == set()


def test_a_name_never_changes_its_bytes(uploads: Uploads) -> None:
    first, _ = send(uploads)
    with pytest.raises(UploadKeptError, match="upload:ana/houses: has other bytes already"):
        send(uploads, content=OTHER)
    assert uploads.all() == [first]
    assert uploads.data(first).read_bytes() == CSV
    assert files(uploads) == {"data.csv", "facts.json", "houses.json"}


def test_what_is_not_shared_is_not_there_for_others(uploads: Uploads) -> None:
    send(uploads)
    for path in ("upload:ana/houses", "upload:houses", "upload:ana/none", "upload:../x", "upload:"):
        with pytest.raises(UnknownUploadError, match="there is no such upload; there are no"):
            uploads.named(path, BOB)
    assert uploads.visible(BOB) == []
    assert uploads.named("upload:houses", ANA) == uploads.named("upload:ana/houses", ANA)
    assert uploads.named("upload:ana/houses", Asker(user="root", sees_all=True)).exists()
    send(uploads, shared=True)
    assert uploads.named("upload:ana/houses", BOB).read_bytes() == CSV
    with pytest.raises(UnknownUploadError, match="did you mean upload:ana/houses"):
        uploads.named("upload:ana/house", BOB)
    assert send(uploads)[0].shared
    assert not send(uploads, shared=False)[0].shared


def test_limits_are_of_an_upload_and_of_a_user(uploads: Uploads) -> None:
    with pytest.raises(TooLargeError, match=r"has more than 10\.0 kB"):
        send(uploads, content=b"x" * 10_001)
    arrival = Arrival(uploads, "ana", "large", "csv")
    with closing(arrival):
        arrival.begin(0)
        with pytest.raises(TooLargeError, match=r"has more than 10\.0 kB"):
            arrival.write(b"x" * 10_001)
    tight = Uploads(home=uploads.home, limits=Limits(most_of_user=2 * len(CSV) + 500, keep_free=0))
    send(tight, "one")
    send(tight, "two")
    for content in (CSV, OTHER):
        with pytest.raises(TooLargeError, match="your uploads would have more than"):
            send(tight, "three", content)
    assert send(tight, "two")[1] is False
    send(tight, "one", owner="bob")
    few = Uploads(home=uploads.home, limits=Limits(most_names=2, keep_free=0))
    with pytest.raises(TooLargeError, match="you have 2 uploads already"):
        send(few, "three")
    send(few, "two")


def test_uploads_that_arrive_together_count_together(uploads: Uploads) -> None:
    arrivals = [Arrival(uploads, "ana", f"{i}", "csv") for i in range(5)]
    for arrival in arrivals[:4]:
        arrival.begin(0)
    with pytest.raises(BusyError, match="4 of your uploads arrive already"):
        arrivals[4].begin(0)
    arrivals[0].write(b"x" * 2000)
    with pytest.raises(TooLargeError, match="your uploads would have more"):
        arrivals[1].write(b"x" * 2000)
    for arrival in arrivals:
        arrival.close()
    send(uploads)
    assert files(uploads) == {"data.csv", "facts.json", "houses.json"}


def test_the_disk_is_not_filled(uploads: Uploads) -> None:
    free = shutil.disk_usage(uploads.home.root).free
    full = Uploads(home=uploads.home, limits=Limits(keep_free=2 * free))
    with pytest.raises(UnreachableError, match="nearly full"):
        send(full)
    assert files(uploads) == set()


def test_a_disk_that_is_full_in_the_middle_leaves_nothing(
    uploads: Uploads, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Arrival(uploads, "ana", "houses", "csv")) as arrival:
        arrival.begin(0)
        arrival.write(CSV)
        monkeypatch.setattr(Path, "open", _full)
        with pytest.raises(UnreachableError, match="No space left"):
            arrival.write(CSV)
        monkeypatch.undo()
    assert files(uploads) == set()


def _full(*_: object, **__: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_folder_that_cannot_be_written_is_one_message(uploads: Uploads, storage: Storage) -> None:
    first, _ = send(uploads)
    with unwritable(uploads.root):
        with pytest.raises(UnreachableError, match="Permission denied"):
            send(uploads, "other")
        with pytest.raises(UnreachableError, match="Permission denied"):
            uploads.remove("ana", "houses", ANA, storage, unnoted)
        assert uploads.visible(ANA) == [first]


def test_what_a_killed_service_left_is_removed(uploads: Uploads) -> None:
    kept, _ = send(uploads)
    gone, _ = send(uploads, "gone", OTHER)
    uploads.file("ana", "gone").unlink()
    arrival = Arrival(uploads, "ana", "half", "csv")
    arrival.begin(0)
    arrival.write(CSV)
    torn, whole = (uploads.names / "ana" / f".partial.{name}.json" for name in ("torn", "whole"))
    torn.write_text("{")
    whole.write_text(kept.model_dump_json())
    newer = uploads.file("ana", "newer")
    newer.write_text('{"version": 2}')
    assert uploads.all() == [kept]
    Uploads(home=uploads.home).tidy()
    assert uploads.data(gone).exists()
    newer.unlink()
    Uploads(home=uploads.home).tidy()
    assert uploads.all() == [kept]
    assert files(uploads) == {"data.csv", "facts.json", "houses.json"}
    assert [*uploads.incoming.iterdir()] == []
    Uploads(home=Home(uploads.home.root / "none")).tidy()


def test_a_content_that_was_lost_is_sent_anew_or_its_name_removed(
    uploads: Uploads, storage: Storage
) -> None:
    kept, _ = send(uploads)
    for _ in range(2):
        shutil.rmtree(uploads.data(kept).parent)
        assert uploads.all() == []
        send(uploads)
        assert uploads.all() == [kept]
    shutil.rmtree(uploads.data(kept).parent)
    uploads.remove("ana", "houses", ANA, storage, unnoted)
    assert files(uploads) == set()


def test_of_many_that_send_one_name_at_once_one_wins(uploads: Uploads) -> None:
    contents = [CSV, OTHER, OTHER + b"4,5,6\n"]
    outcomes: list[object] = []

    def work(content: bytes) -> None:
        try:
            outcomes.append(
                send(Uploads(home=uploads.home, limits=Limits(keep_free=0)), content=content)
            )
        except UploadKeptError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=work, args=(one,)) for one in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    won = [one for one in outcomes if isinstance(one, tuple)]
    assert [is_new for _, is_new in won] == [True]
    assert uploads.all() == [won[0][0]]
    assert len([*uploads.contents.iterdir()]) == 1


def test_messages_call_data_as_users_do(uploads: Uploads, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"^upload:ana/bad is empty"):
        send(uploads, "bad", b"")
    kept, _ = send(uploads, shared=True)
    send(uploads, "mine", owner="bob")
    path = str(uploads.data(kept))
    assert (
        uploads.told(f"{path}: no; {path}.", "ana") == "upload:ana/houses: no; upload:ana/houses."
    )
    assert uploads.told(path, "bob") == "upload:bob/mine"
    assert uploads.told(path, "eve") == "upload:ana/houses"
    assert uploads.called("/etc/passwd", "ana") is None

    def died(*_: object) -> None:
        raise InputError("it ended early")

    monkeypatch.setattr(arriving, "ran", died)
    with pytest.raises(InputError, match="it ended early"):
        send(uploads, "new", OTHER)
    assert uploads.all() == uploads.visible(Asker(user="root", sees_all=True))
    assert len(uploads.all()) == 2

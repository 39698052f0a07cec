"""The client and the service, in one process; routes of other parts by their contract."""

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from clients import answering, client_of, flaky
from served import STUDY, Served, service_of

import hpsearch
from hpsearch.client import Client, connection, events, studies
from hpsearch.client.problems import RefusedError
from hpsearch.errors import (
    InputError,
    NoTrialError,
    StudyGoneError,
    UnfinishedError,
    UnknownStudyError,
    UnreachableError,
)
from hpsearch.files import SCRIPT_DATA_MARK
from hpsearch.home import Home
from hpsearch.search import submissions
from hpsearch.search.lookup import load_study

TEXT = STUDY.format(name="small", trials=5)


@pytest.fixture
def served(home: Home) -> Iterator[Served]:
    with service_of(home) as found:
        yield found


@pytest.fixture
def client(served: Served) -> Iterator[Client]:
    with client_of(served) as found:
        yield found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (path := tmp_path / "small.toml").write_text(TEXT)
    return path


def test_it_is_a_name_of_the_package() -> None:
    assert hpsearch.Client is Client


def test_a_study_is_submitted_seen_and_decided_of(client: Client, file: Path) -> None:
    assert client.me() == {"name": "submit", "role": "submit"}
    study = client.submit(file, priority=-1)
    [row] = client.studies()
    assert (row["name"], row["state"], row["priority"]) == ("small", "queued", -1)
    assert client.studies(state="paused") == []
    assert client.queue()["studies"] == [row]
    details = study.details(learnt=True)
    assert details["submission"]["user"] == "submit"
    assert details["learnt"]["effects"] == []
    assert "learnt" not in study.details()
    assert study.trials() == []
    assert study.file().startswith('name = "small"')
    assert study.pause()["state"] == "paused"
    assert study.resume()["state"] == "queued"
    assert study.change(priority=-2)["priority"] == -2
    assert study.cancel()["state"] == "cancelled"
    assert study.wait()["state"] == "cancelled"
    assert repr(study) == "<study small on http://127.0.0.1>"


def test_a_table_is_a_study_file_too(client: Client) -> None:
    table: dict[str, Any] = {"name": "table", "dataset": {"source": "digits"}}
    assert client.submit(table, key="one").name == client.submit(table, key="one").name
    with pytest.raises(InputError, match="cannot be sent as JSON"):
        client.submit({"name": {1, 2}})


def test_what_is_refused_is_the_command_lines_error(client: Client, file: Path) -> None:
    with pytest.raises(UnknownStudyError, match="study none: not found"):
        client.study("none").details()
    study = client.submit(file)
    with pytest.raises(NoTrialError, match="no trial completed yet"):
        study.best()
    with pytest.raises(UnfinishedError, match="goes on still after 0 s"):
        study.wait(0)
    with pytest.raises(RefusedError, match="has no logs here yet") as refused:
        study.logs()
    assert refused.value.status == 409
    with pytest.raises(RefusedError, match="has no log of worker 7 here"):
        study.logs(worker=7)
    with pytest.raises(UnreachableError, match=r"nowhere\.toml: cannot be read"):
        client.submit(file.with_name("nowhere.toml"))


def test_logs_of_one_worker(client: Client, served: Served, file: Path) -> None:
    study = client.submit(file)
    for number in range(2):
        log = served.home.worker_log("small", number)
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("first\nlast\n")
    assert study.logs(lines=1) == "==> worker-0.log <==\nlast\n==> worker-1.log <==\nlast\n"
    assert study.logs(worker=1) == "==> worker-1.log <==\nfirst\nlast\n"


def test_odd_names_reach_the_service_as_they_are(client: Client) -> None:
    for name in ("a/b", "../me", "ü?#%", "a b"):
        with pytest.raises(InputError):
            client.study(name).details()


def test_waiting_outlives_a_service_that_is_away(
    served: Served, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(studies, "LOOK_EVERY", 0.0)
    monkeypatch.setattr(connection, "PATIENCE", -1.0)
    with client_of(served) as client:
        study = client.submit(file)
        submissions.pause(load_study(served.storage, "small"), "submit")
        answers: list[httpx2.Response | Exception] = [
            httpx2.ReadError("killed"), httpx2.ConnectError("refused"),
            httpx2.Response(502, text="<html>"),
        ]  # fmt: skip
        ask = client.connection._http.request

        def away(*asked: Any, **parts: Any) -> httpx2.Response:
            if not answers:
                return ask(*asked, **parts)
            found = answers.pop(0)
            if isinstance(found, Exception):
                raise found
            return found

        monkeypatch.setattr(client.connection._http, "request", away)
        assert study.wait()["state"] == "paused"
        assert answers == []


def test_the_routes_of_the_contract_are_asked_as_it_says(file: Path) -> None:
    asked: list[tuple[str, str, bytes]] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        path = request.url.raw_path.decode()
        asked.append((request.method, path, request.read()))
        return httpx2.Response(200, json={"name": "new"})

    with answering(answer) as client:
        study = client.study("small")
        assert study.fork(file, priority=-1).name == "new"
        assert study.confirm(top=2).name == "new"
        assert study.refit(ensemble=True).name == "new"
        study.refitted()
        study.refitted(ensemble=True)
        study.change(budget={"trials": 9})
        study.delete()
        client.remove_dataset("a b.csv")
        client.submit(file, webhook="https://there/x", target=0.0)
        study.fork(file, target=-0.5)
    assert asked[0][:2] == ("POST", "/v1/studies/small/fork?priority=-1")
    assert asked[0][2] == TEXT.encode()
    assert asked[1][:2] == ("POST", "/v1/studies/small/confirm")
    expected = {"top": 2, "seeds": None, "new_split": False, "smallest": None}
    assert json.loads(asked[1][2]) == expected
    assert asked[2] == ("POST", "/v1/studies/small/refit", b'{"ensemble":true}')
    assert asked[5] == ("PATCH", "/v1/studies/small", b'{"budget":{"trials":9}}')
    assert [one[:2] for one in [*asked[3:5], *asked[6:8]]] == [
        ("GET", "/v1/studies/small/refit"),
        ("GET", "/v1/studies/small/refit?ensemble=true"),
        ("DELETE", "/v1/studies/small"),
        ("DELETE", "/v1/datasets/a%20b.csv"),
    ]
    asked_for = [path.partition("?")[2] for _, path, _ in asked[8:]]
    assert asked_for == [
        "priority=0&webhook=https%3A%2F%2Fthere%2Fx&target=0.0",
        "priority=0&target=-0.5",
    ]


def test_a_file_is_uploaded_block_by_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hpsearch.client.sent.BLOCK", 3)
    (data := tmp_path / "a b.csv").write_bytes(b"0123456789")
    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        assert request.read() == b"0123456789"
        return httpx2.Response(201, json={"name": "a b.csv"})

    with answering(answer) as client:
        client.upload(data, shared=True)
        with pytest.raises(UnreachableError, match=r"nowhere\.csv: cannot be read"):
            client.upload(tmp_path / "nowhere.csv")
    [request] = seen
    assert request.url.raw_path == b"/v1/datasets/a%20b.csv?shared=true"
    assert request.headers["content-length"] == "10"


def zipped(comment: bytes = b"", **files: str | bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as opened:
        opened.comment = comment
        for name, content in files.items():
            opened.writestr(name, content)
    return made.getvalue()


def archive(stem: str = "small-best", told: str = "", **files: str | bytes) -> httpx2.Response:
    headers = {
        "Content-Type": "application/zip",
        "Content-Disposition": f'attachment; filename="{stem}.zip"',
        "Hpsearch-Told": quote(told),
    }
    return httpx2.Response(200, content=zipped(**files), headers=headers)


def test_exports_are_written_whole_with_what_belongs_to_them(tmp_path: Path) -> None:
    seen: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.url.query.decode())
        if "format=py" in seen[-1]:
            return archive(**{"small-best.npz": "data", "small-best.py": "script", "n.py": "own"})
        return httpx2.Response(200, text="recipe")

    with answering(answer) as client:
        study = client.study("small")
        assert study.export(tmp_path / "a.toml", trial=3).read_text() == "recipe"
        assert study.export(tmp_path / "a.yml", confirmed=True).read_text() == "recipe"
        for _ in range(2):  # the second writes over its own
            assert study.export(tmp_path / "best.py").read_text() == "script"
        assert (tmp_path / "small-best.npz").read_text() == "data"
        assert (tmp_path / "n.py").read_text() == "own"
        (tmp_path / "small-best.npz").write_text("something else")
        with pytest.raises(InputError, match=r"small-best\.npz: is there already"):
            study.export(tmp_path / "other.py")
        assert not (tmp_path / "other.py").exists()
        with pytest.raises(InputError, match=r"exports files that end in \.toml"):
            study.export(tmp_path / "best.exe")
        made = tmp_path / "new" / "folder" / "a.html"
        assert study.report(made).read_text() == "recipe"
        asked = len(seen)
        with pytest.raises(UnreachableError, match="cannot be written"):
            study.report(made / "a.html")  # a file is no folder
        assert len(seen) == asked  # nothing is made in vain
    assert seen[:2] == ["format=toml&trial=3&file=a", "format=yaml&confirmed=true&file=a"]


def test_a_script_gives_way_with_its_data_and_nothing_else_does(tmp_path: Path) -> None:
    studies_data = [zipped(SCRIPT_DATA_MARK, x=name) for name in ("first", "second")]

    def answer(request: httpx2.Request) -> httpx2.Response:
        data = studies_data["second" in str(request.url)]
        return archive("mine", **{"mine.py": "script", "mine.npz": data})

    (script := tmp_path / "mine.py").touch()
    with answering(answer) as client:
        for name, data in zip(("first", "second"), studies_data, strict=True):
            client.study(name).export(script)
            assert script.with_suffix(".npz").read_bytes() == data
        script.with_suffix(".npz").write_bytes(others := zipped(x="somebody's"))
        with pytest.raises(InputError, match=r"mine\.npz: is there already"):
            client.study("first").export(script)
    assert script.with_suffix(".npz").read_bytes() == others


def test_a_model_comes_with_what_lies_beside_it_under_its_own_name(tmp_path: Path) -> None:
    seen: list[dict[str, str]] = []
    told = "Wrote trial 1 to ./STEM.keras, and the names of its classes to ./STEM.classes.json."

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(dict(request.url.params))
        stem = seen[-1].get("file", "small-best")
        files = {f"{stem}.keras": "model", f"{stem}.classes.json": "[]"}
        return archive(stem, told.replace("STEM", stem), **files)

    said: list[str] = []
    with answering(answer) as client:
        study = client.study("small")
        for name in ("my.keras", "meins ü.keras", "-x.keras", f"{'m' * 101}.keras"):
            (beside := tmp_path / name).with_suffix(".classes.json").write_text("of another one")
            study.export(tmp_path / name, ensemble=True, tell=said.append)
            assert beside.read_text() == "model"
            assert beside.with_suffix(".classes.json").read_text() == "[]"
            assert said.pop() == told.replace("./STEM", str(beside.with_suffix("")))
    assert seen[0] == {"format": "keras", "ensemble": "true", "beside": "true", "file": "my"}
    assert "file" not in seen[1]  # the service might not write it so
    assert len([*tmp_path.iterdir()]) == 8


def test_one_file_is_told_of_by_its_own_name_and_one_name_may_begin_with_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said: list[str] = []
    named = {"Content-Disposition": 'attachment; filename="small-best.yaml"'}
    told = quote("Wrote trial 1 to ./small-best.yaml. Train it: hpsearch train ./small-best.yaml")
    recipe = httpx2.Response(200, text="x", headers={**named, "Hpsearch-Told": told})
    model = archive("m", "Wrote ./m.onnx and ./m.onnx.signature.json, ./other",
                    **{"m.onnx": "x", "m.onnx.signature.json": "{}"})  # fmt: skip
    script = archive("s", "Wrote ./s.py, with ./s.npz", **{"s.py": "x", "s.npz": "data"})
    folder = archive("a.", "Wrote ./a. and ./a./assets.extra/classes.json",
                     **{"a./saved_model.pb": "x"})  # fmt: skip
    bare = httpx2.Response(200, text="x")
    answer, _ = flaky(recipe, model, script, folder, bare)
    with answering(answer) as client:
        for name in ("a b.yml", "new/ü.onnx", "new/s p.py", "a./", "a.toml"):
            client.study("small").export(name, tell=said.append)
    assert said == [
        "Wrote trial 1 to a b.yml. Train it: hpsearch train a b.yml",
        "Wrote new/ü.onnx and new/ü.onnx.signature.json, ./other",
        "Wrote new/s p.py, with new/s.npz",
        "Wrote a. and a./assets.extra/classes.json",
        "Wrote a.toml",
    ]


def test_the_folder_of_a_saved_model_comes_whole(tmp_path: Path) -> None:
    seen: list[dict[str, str]] = []
    files = {"my.v2/saved_model.pb": "graph", "my.v2/variables/data": "weights"}

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(dict(request.url.params))
        return archive("my.v2", **files)

    with answering(answer) as client:
        study, folder = client.study("small"), tmp_path / "my.v2"
        for _ in range(2):  # the second replaces the first
            assert study.export(f"{folder}/", quantize="int8") == folder
            assert (folder / "variables" / "data").read_text() == "weights"
            assert sorted(one.name for one in folder.iterdir()) == ["saved_model.pb", "variables"]
        files["my.v2/../../climbs"] = "x"
        with pytest.raises(InputError, match="which is no plain name"):
            study.export(f"{folder}/")
        (data := tmp_path / "data").mkdir()
        (data / "a.csv").touch()
        with pytest.raises(InputError, match="data: already exists and is no SavedModel"):
            study.export(data)
        assert [*data.iterdir()] == [data / "a.csv"]
    assert seen[0]["format"] == "saved_model"
    assert (seen[0]["file"], seen[0]["quantize"]) == ("my.v2", "int8")
    assert sorted(tmp_path.iterdir()) == [data, folder]


def test_what_is_not_a_models_own_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "other.bin").write_text("mine")
    with (
        answering(lambda _: archive("m", **{"m.xml": "model", "other.bin": "x"})) as client,
        pytest.raises(InputError, match=r"other\.bin: is there already with another content"),
    ):
        client.study("small").export(tmp_path / "m.xml")
    assert [*tmp_path.iterdir()] == [tmp_path / "other.bin"]


@pytest.mark.parametrize("name", ["../best.py", ".profile", "/etc/x", "a/b.py", "..", "a\\b"])
def test_an_archive_that_climbs_is_refused(tmp_path: Path, name: str) -> None:
    (folder := tmp_path / "in").mkdir()
    with (
        answering(lambda _: archive(**{"small-best.py": "script", name: "x"})) as client,
        pytest.raises(InputError, match="which is no plain name"),
    ):
        client.study("small").export(folder / "best.py")
    assert [*folder.iterdir()] == []
    assert [*tmp_path.iterdir()] == [folder]


def test_a_damaged_archive_is_told(tmp_path: Path) -> None:
    damaged = httpx2.Response(200, content=b"PK no", headers={"Content-Type": "application/zip"})
    with (
        answering(lambda _: damaged) as client,
        pytest.raises(UnreachableError, match="came damaged"),
    ):
        client.study("small").export(tmp_path / "best.py")


def stream(*texts: str | Exception) -> httpx2.Response:
    """Server-sent events, perhaps cut in the end."""

    def blocks() -> Iterator[bytes]:
        for text in texts:
            if isinstance(text, Exception):
                raise text
            yield text.encode()

    headers = {"Content-Type": "text/event-stream"}
    return httpx2.Response(200, content=blocks(), headers=headers)


def sent(kind: str, data: object) -> str:
    return f"event: {kind}\ndata: {json.dumps(data)}\n\n"


@pytest.fixture
def streams(
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., tuple[Client, list[httpx2.Request]]]:
    """A service that answers one stream after the other."""
    monkeypatch.setattr(events, "AGAIN", 0.0)

    def make(*answers: httpx2.Response | Exception) -> tuple[Client, list[httpx2.Request]]:
        answer, seen = flaky(*answers)
        return answering(answer), seen

    return make


def test_events_go_on_through_all_that_cuts_them(
    streams: Callable[..., tuple[Client, list[httpx2.Request]]],
) -> None:
    client, seen = streams(
        stream("retry: 2000\n\n", sent("study", 1), ":\n\n", sent("later", 0), sent("trials", [2])),
        stream(sent("study", 3), httpx2.ReadError("reset")),
        httpx2.ConnectError("refused"),
        httpx2.ConnectError("refused"),
        httpx2.Response(503, text=""),
        stream(sent("trouble", {"detail": "storage"}), sent("gone", {})),
    )
    lost: list[str] = []
    found = []
    with client, pytest.raises(StudyGoneError, match="study small: was deleted meanwhile"):
        found.extend(
            (event.kind, event.data) for event in client.study("small").events(lost.append)
        )
    assert found == [
        ("study", 1), ("trials", [2]), ("study", 3), ("trouble", {"detail": "storage"}),
    ]  # fmt: skip
    assert len(seen) == 6
    [why] = lost  # told once, however often it is tried
    assert why == "the service cannot be reached"


def test_events_end_where_the_token_is_revoked(
    streams: Callable[..., tuple[Client, list[httpx2.Request]]],
) -> None:
    problem = {"status": 401, "detail": "the token was revoked"}
    client, _ = streams(stream(sent("study", 1)), httpx2.Response(401, json=problem))
    with client:
        found = client.study("small").events()
        assert next(found).data == 1
        with pytest.raises(RefusedError, match="the token was revoked"):
            next(found)


def test_why_a_service_has_no_stream_just_now_is_told(
    streams: Callable[..., tuple[Client, list[httpx2.Request]]],
) -> None:
    problem = {"status": 503, "detail": "too many clients watch studies"}
    client, _ = streams(httpx2.Response(503, json=problem), stream(sent("study", 1)))
    lost: list[str] = []
    with client:
        assert next(client.study("small").events(lost.append)).data == 1
    assert lost == ["http://search.example.org: too many clients watch studies"]


def test_without_who_is_told_a_lost_stream_is_an_error(
    streams: Callable[..., tuple[Client, list[httpx2.Request]]],
) -> None:
    client, _ = streams(httpx2.ConnectError("refused"))
    with client, pytest.raises(UnreachableError, match="no service can be reached"):
        next(client.study("small").events())

"""Reports and exports over HTTP, made by a command that does what a test says."""

import asyncio
import io
import json
import os
import threading
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote

import httpx2
import pytest
from averaged import ensemble
from optuna.trial import FrozenTrial
from served import Served

from hpsearch.errors import InputError, ProgramError
from hpsearch.search import submissions
from hpsearch.search.ensemble import plain
from hpsearch.search.lookup import load_study
from hpsearch.search.making import create_submitted, open_or_create
from hpsearch.search.storage.events import Event
from hpsearch.server.routes import downloads as routes
from hpsearch.services import downloads, ensemble_apart
from hpsearch.services.progress import Silent
from hpsearch.services.report import report
from hpsearch.study_file import StudyFile

Finish = Callable[..., FrozenTrial]


class Command:
    """Writes files in place of a command, and notes what it was told."""

    def __init__(self) -> None:
        self.calls: list[Sequence[str]] = []
        self.environments: list[Mapping[str, str]] = []
        self.beside: Sequence[str] = ()
        self.printed = ""
        self.error: Exception | None = None
        self.size = 10

    def __call__(
        self, words: Sequence[str], where: str, longest: float, environment: Mapping[str, str]
    ) -> str:
        self.calls.append(words)
        self.environments.append(environment)
        if "-o" not in words:
            if self.error is not None:
                raise self.error
            return self.printed
        asked = words[words.index("-o") + 1]
        output = Path(asked)
        if asked.endswith("/"):
            (output / "variables").mkdir(parents=True)
            (output / "variables" / "data").write_bytes(b"weights")
            output /= "saved_model.pb"
        output.write_bytes(b"x" * self.size)
        for ending in self.beside:
            output.with_suffix(ending).write_bytes(b"beside")
        if isinstance(self.error, InputError):
            raise InputError(str(self.error).replace("OUTPUT", asked))
        if self.error is not None:
            raise self.error
        return self.printed or f"Wrote it to {asked}\n"


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Command:
    made = Command()
    monkeypatch.setattr(downloads, "run_command", made)
    return made


@pytest.fixture
def small(served: Served, finish: Finish) -> Served:
    """A service with a study that has a complete trial."""
    assert served.submit("small").status_code == 201
    finish(load_study(served.storage, "small"))
    return served


def kept(served: Served) -> list[str]:
    """The names of the files that are kept; nothing else lies beside them."""
    folders = [*served.home.served.iterdir()] if served.home.served.exists() else []
    assert all(folder.name.startswith("small-") for folder in folders)
    files = [file.name for folder in folders for file in folder.iterdir()]
    return sorted(name for name in files if name != ".told")


def test_a_report_is_made_once_until_a_trial_ends(
    small: Served, command: Command, finish: Finish
) -> None:
    path = "/v1/studies/small/report"
    first = small.ask("GET", path, "read")
    assert (first.status_code, first.content) == (200, b"x" * 10)
    assert first.headers["content-type"] == "text/html; charset=utf-8"
    assert first.headers["content-disposition"] == 'inline; filename="small.html"'
    assert first.headers["content-length"] == "10"
    assert first.headers["content-security-policy"].startswith("sandbox ")
    again = small.ask("GET", path, "read")
    assert (again.content, again.headers["etag"]) == (first.content, first.headers["etag"])
    [call] = command.calls
    assert [call[0], *call[-2:]] == ["report", "--", "small"]
    assert command.environments[0]["CUDA_VISIBLE_DEVICES"] == "-1"
    headers = {"If-None-Match": first.headers["etag"]}
    known = small.ask("GET", path, "read", headers=headers)
    assert (known.status_code, known.content) == (304, b"")
    small.ask("PATCH", "/v1/studies/small", json={"priority": -1})  # says nothing of the study
    assert small.ask("GET", path, "read", headers=headers).status_code == 304
    finish(load_study(small.storage, "small"))
    assert small.ask("GET", path, "read", headers=headers).status_code == 200
    assert len(command.calls) == 2


@pytest.fixture
def local(
    serve: Callable[..., Served], make_file: Callable[..., StudyFile], finish: Finish,
    tmp_path: Path,
) -> Served:  # fmt: skip
    """A service with a study on data that lie elsewhere, which was not submitted."""
    served = serve(data_root=tmp_path / "root")
    file = make_file(name="small", dataset={"source": "npz", "path": "/elsewhere/secret.npz"})
    facts = {"fingerprint": "f", "input_shape": [8], "class_names": ["0", "1"]}
    study, _ = open_or_create(served.storage, file, facts)
    finish(study)
    return served


def test_reports_and_exports_are_told_what_users_call_data(
    local: Served, command: Command, tmp_path: Path
) -> None:
    command.printed = "{}"
    for what in ("report", "report?format=json", "export", "export?format=yaml"):
        assert local.ask("GET", f"/v1/studies/small/{what}", "read").status_code == 200
    for environment in command.environments:
        names = json.loads(environment["HPSEARCH_NAMES"])
        assert names.items() >= {
            "/elsewhere/secret.npz": "secret.npz", str(tmp_path / "root"): "",
            str(local.home.root): "HOME",
        }.items()  # fmt: skip
    assert len(command.environments) == 4
    assert local.ask("GET", "/v1/studies/small/report?format=pdf", "read").status_code == 422


def test_a_report_has_the_names_that_its_command_is_told(
    local: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    for names in ({}, {"/elsewhere/secret.npz": "secret.npz"}):
        monkeypatch.setenv("HPSEARCH_NAMES", json.dumps(names))
        text = json.dumps(report("small", local.service.workspace, Silent()).facts)
        assert "secret.npz" in text
        assert ("/elsewhere" in text) == (not names)


def test_no_text_of_a_study_shows_where_its_data_lie(local: Served) -> None:
    for what in ("", "/file", "/provenance"):
        text = local.ask("GET", f"/v1/studies/small{what}", "read").text
        assert "secret.npz" in text
        assert "/elsewhere" not in text
    for what in ("", "/provenance"):
        assert "/elsewhere" in local.ask("GET", f"/v1/studies/small{what}", "admin").text


def test_errors_of_commands_show_where_things_lie_to_administrators_alone(
    small: Served, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    command.error = InputError(f"the weights are not in {small.home.root}/runs/small")
    monkeypatch.setattr(ensemble_apart, "candidates", lambda *_: [])
    monkeypatch.setattr(ensemble_apart, "run_command", command)
    path = "/v1/studies/small"
    for who, said in (("submit", "HOME/runs/small"), ("admin", str(small.home.root))):
        exported = small.ask("GET", f"{path}/export?format=keras", who).json()["detail"]
        assert exported.startswith(f"the weights are not in {said}")
        ensemble = small.ask("POST", f"{path}/ensemble", who)
        assert ensemble.status_code == 422
        assert ensemble.json()["detail"].startswith(f"the weights are not in {said}")


@pytest.mark.parametrize(
    ("query", "words", "beside", "name", "kind"),
    [
        ("", ["export"], (), "small-best.toml", "application/toml"),
        ("format=json&trial=0", ["export", "--trial=0"], (), "small-trial-0.json",
         "application/json"),
        ("format=keras&confirmed=true", ["export", "--confirmed"],
         (".classes.json", ".signature.json"), "small-confirmed.keras",
         "application/octet-stream"),
        ("format=py", ["export"], (".npz",), "small-best.zip", "application/zip"),
        ("format=yaml", ["export"], (".own.py", ".x"), "small-best.zip", "application/zip"),
        ("format=keras&beside=true&baseline=true&file=mine", ["export", "--baseline"],
         (".classes.json",), "mine.zip", "application/zip"),
        ("format=onnx&quantize=int8", ["export", "--quantize=int8"], (".onnx.signature.json",),
         "small-best.onnx", "application/octet-stream"),
        ("format=json&file=my.signature", ["export"], (), "my.signature.json", "application/json"),
        ("format=xml&ensemble=true", ["export", "--ensemble"], (".bin",), "small-ensemble.zip",
         "application/zip"),
        ("format=saved_model&file=mine.v2", ["export"], (".other",), "mine.v2.zip",
         "application/zip"),
    ],
)  # fmt: skip
def test_what_is_exported_is_one_file(  # noqa: PLR0917  # pytest gives them by name
    small: Served, command: Command, query: str, words: list[str], beside: Sequence[str],
    name: str, kind: str,
) -> None:  # fmt: skip
    command.beside = beside
    answer = small.ask("GET", f"/v1/studies/small/export?{query}", "read")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == kind
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
    assert [*command.calls[0][: len(words)], command.calls[0][len(words)]] == [*words, "-o"]
    assert kept(small) == [name.replace("my.signature", "small-best")]
    said = unquote(answer.headers["hpsearch-told"])
    assert said.startswith(f"Wrote it to ./{name.rpartition('.')[0]}")
    if kind == "application/zip":
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            assert archive.testzip() is None
            names = archive.namelist()
        assert len(names) == 1 + len(beside) + ("saved_model" in query)
        assert ("mine.v2/variables/data" in names) == ("saved_model" in query)


def test_what_cannot_be_exported_is_said_before_anything_is_made(
    small: Served, command: Command
) -> None:
    served, path = small, "/v1/studies/small/export"
    assert served.submit("none").status_code == 201
    for query, status in (
        ("format=exe", 422), ("trial=9", 422), ("trial=-1", 422), ("trial=x", 422),
        (f"trial={10**30}", 422), ("trial=0&confirmed=1", 422), ("baseline=1&ensemble=1", 422),
        ("format=keras&quantize=int8", 422), ("format=xml&quantize=int8", 422),
        ("file=..", 422), ("file=a/b", 422), ("file=%22", 422), ("file=", 422),
    ):  # fmt: skip
        assert served.ask("GET", f"{path}?{query}", "read").status_code == status, query
    for number in (-1, 9, 2**31):
        said = served.ask("GET", f"{path}?trial={number}", "read").json()["detail"]
        assert said == f"study small: has no trial {number}; it has 1, see hpsearch trials small"
    assert served.ask("GET", "/v1/studies/none/export", "read").status_code == 409
    for what in ("report", "export"):
        assert served.ask("GET", f"/v1/studies/nothing/{what}", "read").status_code == 404
    assert command.calls == []


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InputError("no trained weights here"), 422),
        (ProgramError("ended early"), 500),
        (OSError(28, "No space left on device"), 503),
    ],
)
def test_what_a_command_refuses_is_told_and_leaves_nothing(
    small: Served, command: Command, error: Exception, status: int
) -> None:
    command.error = error
    path = "/v1/studies/small/export?format=keras"
    answer = small.ask("GET", path, "read")
    assert answer.status_code == status
    assert str(getattr(error, "strerror", None) or error) in answer.json()["detail"]
    assert kept(small) == []
    command.error = InputError("-o OUTPUT: is none")  # as the command was told
    assert small.ask("GET", path).json()["detail"] == "-o small-best.keras: is none"
    command.error = None
    assert small.ask("GET", path).status_code == 200


def test_a_package_that_is_missing_is_missing_where_the_service_runs(
    small: Served, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hpsearch.training.other_formats._is_installed", lambda _: False)
    answer = small.ask("GET", "/v1/studies/small/export?format=onnx")
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(
        "ONNX needs tf2onnx and onnx, not installed where the service runs; install it: pip"
    )
    assert command.calls == []


def test_data_from_a_path_are_given_to_their_user_alone(
    served: Served, make_file: Callable[..., StudyFile], command: Command, finish: Finish
) -> None:
    file = make_file(name="small", dataset={"source": "npz", "path": "/x.npz"})
    facts = {"fingerprint": "f", "input_shape": [8], "class_names": ["0", "1"]}
    event = Event(who="submit", what="submitted", study="small")
    made = create_submitted(served.storage, file, facts, submissions.new("submit", 0), event)
    finish(made)
    for who, form, status in (
        ("read", "py", 403), ("other", "py", 403), ("submit", "py", 200), ("admin", "py", 200),
        ("read", "toml", 200),
    ):  # fmt: skip
        answer = served.ask("GET", f"/v1/studies/small/export?format={form}", who)
        assert answer.status_code == status, who
    assert len(command.calls) == 2


@pytest.mark.parametrize("form", ["toml", "keras"])
def test_what_is_called_another_way_is_the_same_file(
    small: Served, command: Command, form: str
) -> None:
    for name in ("a", "b.v2", "small-best"):
        answer = small.ask("GET", f"/v1/studies/small/export?format={form}&file={name}", "read")
        assert answer.content == b"x" * 10
        assert answer.headers["content-disposition"].endswith(f'filename="{name}.{form}"')
        assert unquote(answer.headers["hpsearch-told"]) == f"Wrote it to ./{name}.{form}"
    assert kept(small) == [f"small-best.{form}"]
    assert len(command.calls) == 1


def test_of_what_has_its_name_in_it_one_is_kept(small: Served, command: Command) -> None:
    command.beside = (".npz",)
    for name in ("a", "b", "b", "a"):
        answer = small.ask("GET", f"/v1/studies/small/export?format=py&file={name}", "read")
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            assert archive.namelist() == [f"{name}.npz", f"{name}.py"]
        assert kept(small) == [f"{name}.zip"]
    assert len(command.calls) == 3


def test_only_so_much_is_kept_and_what_was_used_last_stays(
    small: Served, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "MOST_FILES", 2)
    path = "/v1/studies/small/export?format="
    small.ask("GET", f"{path}toml")
    small.ask("GET", f"{path}json")
    for folder in small.home.served.iterdir():  # long ago
        os.utime(folder, (1, 1))
    small.ask("GET", f"{path}toml")
    small.ask("GET", f"{path}yaml")
    assert kept(small) == ["small-best.toml", "small-best.yaml"]
    monkeypatch.setattr(downloads, "MOST_BYTES", 25)
    command.size = 30
    assert len(small.ask("GET", f"{path}keras").content) == 30
    assert kept(small) == ["small-best.keras"]


def test_a_file_is_made_once_for_all_who_ask_at_the_same_time(
    small: Served, command: Command
) -> None:
    study = load_study(small.storage, "small")
    made = downloads.Downloads(downloads.Workspace(home=small.home))
    wanted = downloads.report_of(study)
    version, found = made.version(study, wanted), list[bytes]()

    def ask() -> None:
        with made.make(study, wanted, version).file as file:
            found.append(file.read())

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert found == [b"x" * 10] * 6
    assert len(command.calls) == 1


def test_who_comes_when_too_many_wait_is_told_to_come_again(
    small: Served, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "MOST_WAITING", 0)
    answer = small.ask("GET", "/v1/studies/small/report")
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert command.calls == []


def test_what_was_made_of_a_study_goes_with_it_and_with_the_service(
    small: Served, command: Command
) -> None:
    small.ask("GET", "/v1/studies/small/report")
    small.ask("POST", "/v1/studies/small/cancel")
    assert kept(small) == ["small.html"]
    assert small.ask("DELETE", "/v1/studies/small").status_code == 204
    assert kept(small) == []
    (small.home.served / ".left" / "x").mkdir(parents=True)
    downloads.Downloads(downloads.Workspace(home=small.home))
    assert not small.home.served.exists()
    assert len(command.calls) == 1


def test_an_ensemble_is_chosen_by_its_command_and_noted(
    small: Served, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = "/v1/studies/small/ensemble"
    refused = small.ask("POST", path, "submit")
    assert refused.status_code == 422
    assert "1 network has weights in" in refused.json()["detail"]
    monkeypatch.setattr(ensemble_apart, "candidates", lambda *_: [])
    monkeypatch.setattr(ensemble_apart, "run_command", command)
    chosen = {"study": "small", **plain(ensemble((3, False, 7, 0.75), (1, True, 8, 0.25)))}
    command.printed = json.dumps(chosen)
    for who, body, status in (
        ("submit", {"members": 1}, 422), ("submit", {"members": 2.5}, 422),
        ("submit", {"many": 3}, 422), ("other", {"members": 3}, 403),
    ):  # fmt: skip
        assert small.ask("POST", path, who, json=body).status_code == status
    assert command.calls == []
    answer = small.ask("POST", path, "submit", json={"members": 3})
    assert (answer.status_code, answer.json()) == (200, chosen)
    assert small.ask("POST", path, "admin").status_code == 200
    assert [call[:3] for call in command.calls] == [
        ["ensemble", "--json", "--members=3"], ["ensemble", "--json", "--members=10"],
    ]  # fmt: skip
    assert command.environments[0]["CUDA_VISIBLE_DEVICES"] == "-1"
    event = small.storage.events("small")[1]
    assert (event.who, event.what, event.detail) == ("submit", "ensemble chosen", "2 networks")


@pytest.mark.usefixtures("command")
def test_ensembles_keep_no_report_waiting_and_the_same_is_chosen_once(
    small: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = {"study": "small", **plain(ensemble((3, False, 7, 0.75), (1, True, 8, 0.25)))}
    may_end, members, waiting = threading.Event(), list[int](), list[object]()

    def choose(_study: object, _workspace: object, many: int) -> object:
        members.append(many)
        assert may_end.wait(30)
        return chosen

    def shield(choosing: asyncio.Task[object]) -> asyncio.Future[object]:
        waiting.append(choosing)
        return asyncio.shield(choosing)

    monkeypatch.setattr(routes, "ensemble_apart", choose)
    monkeypatch.setattr(routes, "shield", shield)
    path = "/v1/studies/small/ensemble"

    async def asks() -> list[int]:
        transport = httpx2.ASGITransport(small.app)
        headers = {"Authorization": f"Bearer {small.shown['submit']}"}
        async with httpx2.AsyncClient(
            transport=transport, base_url="http://127.0.0.1", headers=headers
        ) as client:
            first = [asyncio.create_task(client.post(path)) for _ in range(3)]
            other = asyncio.create_task(client.post(path, json={"members": 3}))
            async with asyncio.timeout(30):
                while len(waiting) < 4:
                    await asyncio.sleep(0.01)
                report = await client.get("/v1/studies/small/report")
            first[0].cancel()  # perhaps of who asked first
            assert len(members) <= 1
            may_end.set()
            answers = [report, *[await one for one in (*first[1:], other)]]
            assert [one.json() for one in answers[1:]] == [chosen] * 3
            return [one.status_code for one in answers]

    assert asyncio.run(asks()) == [200] * 4
    assert (sorted(members), routes._choosing) == ([3, 10], {})
    noted = [one for one in small.storage.events("small") if one.what == "ensemble chosen"]
    assert len(noted) == 2

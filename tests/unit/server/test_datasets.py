"""Uploads over HTTP: sending data, using them in studies, sharing and removing them."""

import asyncio
import shutil
import tomllib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from served import Served
from uploading import CSV, looked_at_here

from hpsearch.data.cache import list_datasets
from hpsearch.search.lookup import load_study
from hpsearch.search.submissions import cancel
from hpsearch.server.routes import datasets
from hpsearch.services import apart, arriving
from hpsearch.services.upload import Limits, Upload
from hpsearch.services.uploads import Uploads

STUDY = """\
name = "{name}"
[dataset]
source = "{source}"
path = "{path}"
target = "{target}"
[budget]
trials = 2
"""


@pytest.fixture(autouse=True)
def _here() -> Iterator[None]:
    with looked_at_here():
        yield


def put(
    served: Served, name: str = "houses.csv", who: str = "submit", content: Any = CSV, **query: str
) -> Any:
    return served.ask("PUT", f"/v1/datasets/{name}", who, content=content, params=query)


def submit(served: Served, path: str, who: str = "submit", **parts: str) -> Any:
    content = STUDY.format(
        path=path, **{"name": "houses", "source": "table", "target": "price"} | parts
    )
    headers = {"Content-Type": "application/toml"}
    return served.ask("POST", "/v1/studies", who, content=content, headers=headers)


def left(served: Served) -> list[str]:
    """What is there of uploads."""
    root = served.home.uploads
    return sorted(one.name for one in root.rglob("*") if one.is_file() and one.name != ".lock")


def test_an_upload_is_told_and_the_same_again_changes_nothing(served: Served) -> None:
    made = put(served)
    assert made.status_code == 201
    assert made.headers["location"] == "/v1/datasets/houses.csv"
    row = made.json()
    assert row == row | {
        "name": "houses.csv", "format": "csv", "bytes": len(CSV), "owner": "submit",
        "shared": False, "path": "upload:submit/houses.csv", "source": "table", "stored": len(CSV),
    }  # fmt: skip
    again = put(served, content=(CSV[at : at + 100] for at in range(0, len(CSV), 100)))
    assert (again.status_code, again.json()) == (200, row)
    shown = served.ask("GET", "/v1/datasets/houses.csv", "submit").json()
    assert shown == {**row, "facts": shown["facts"]}
    assert [one["name"] for one in shown["facts"]["columns"]] == ["rooms", "area", "price"]
    listed = served.ask("GET", "/v1/datasets", "submit")
    assert listed.json() == [row]
    unchanged = {"If-None-Match": listed.headers["etag"]}
    assert served.ask("GET", "/v1/datasets", "submit", headers=unchanged).status_code == 304
    other = put(served, content=CSV + b"1,2,3\n")
    assert other.status_code == 409
    assert "has other bytes already" in other.json()["detail"]
    [event] = served.ask("GET", "/v1/events", "read").json()
    assert (event["who"], event["what"]) == ("submit", "uploaded")
    assert "houses" not in event["detail"]


def test_an_upload_comes_and_goes_only_when_that_is_noted(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: Any, __: Any) -> None:
        raise sa.exc.OperationalError("INSERT", {}, Exception("away"))

    with monkeypatch.context() as patch:
        patch.setattr(type(served.storage), "note", away)
        assert put(served).status_code == 503
    assert served.ask("GET", "/v1/datasets", "submit").json() == []
    assert put(served).status_code == 201
    with monkeypatch.context() as patch:
        patch.setattr(type(served.storage), "note", away)
        assert served.ask("DELETE", "/v1/datasets/houses.csv", "submit").status_code == 503
    assert served.ask("DELETE", "/v1/datasets/houses.csv", "submit").status_code == 204
    events = served.ask("GET", "/v1/events", "read").json()
    assert [one["what"] for one in events] == ["deleted", "uploaded"]


def test_a_study_names_an_upload_and_keeps_it_until_it_is_over(served: Served) -> None:
    put(served, shared="true")
    made = submit(served, "upload:houses.csv")
    assert made.status_code == 201
    text = served.ask("GET", "/v1/studies/houses/file", "read").text
    assert tomllib.loads(text)["dataset"]["path"] == "upload:submit/houses.csv"
    shown = served.ask("GET", "/v1/studies/houses", "submit")
    assert shown.json()["study_file"]["dataset"]["path"] == "upload:submit/houses.csv"
    assert str(served.home.root) not in shown.text
    assert submit(served, "upload:submit/houses.csv", "other", name="of-other").status_code == 201
    refused = served.ask("DELETE", "/v1/datasets/houses.csv", "submit")
    assert refused.status_code == 409
    assert "study houses and 1 other may still need it" in refused.json()["detail"]
    for name in ("houses", "of-other"):
        cancel(load_study(served.storage, name), "submit")
    assert [one.target for one in list_datasets(served.home)] == ["price"]
    assert served.ask("DELETE", "/v1/datasets/houses.csv", "submit").status_code == 204
    assert left(served) == []
    assert list_datasets(served.home) == []
    assert served.ask("GET", "/v1/datasets/houses.csv", "submit").status_code == 404
    gone = submit(served, "upload:houses.csv", name="new")
    assert gone.status_code == 422
    assert "there is no such upload" in gone.json()["detail"]


def test_what_is_not_shared_is_not_there_for_others(served: Served) -> None:
    put(served)
    for who in ("read", "other"):
        assert served.ask("GET", "/v1/datasets", who).json() == []
        hidden = served.ask("GET", "/v1/datasets/houses.csv?owner=submit", who)
        none = served.ask("GET", "/v1/datasets/houses.csv?owner=nobody", who)
        assert hidden.status_code == none.status_code == 404
        assert hidden.text.replace("submit", "nobody") == none.text
    assert served.ask("DELETE", "/v1/datasets/houses.csv?owner=submit", "other").status_code == 404
    refused = submit(served, "upload:submit/houses.csv", "other")
    assert refused.status_code == 422
    assert "there is no such upload" in refused.json()["detail"]
    assert put(served, shared="true").status_code == 200
    assert len(served.ask("GET", "/v1/datasets", "other").json()) == 1
    assert served.ask("GET", "/v1/datasets/houses.csv?owner=submit", "read").status_code == 200
    foreign = served.ask("DELETE", "/v1/datasets/houses.csv?owner=submit", "other")
    assert foreign.status_code == 403
    assert "the upload is submit's" in foreign.json()["detail"]
    assert put(served, shared="false").json()["shared"] is False
    assert served.ask("GET", "/v1/datasets", "other").json() == []
    assert submit(served, "upload:submit/houses.csv", "admin").status_code == 201
    cancel(load_study(served.storage, "houses"), "admin")
    assert served.ask("DELETE", "/v1/datasets/houses.csv?owner=submit", "admin").status_code == 204


def test_a_process_of_its_own_reads_an_upload(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arriving, "ran", apart.ran)
    made = put(served)
    assert made.status_code == 201, made.text
    assert made.json()["stored"] == len(CSV)


def test_messages_call_data_as_users_do(served: Served) -> None:
    put(served)
    wrong = submit(served, "upload:houses.csv", target="none").json()["detail"]
    assert "upload:submit/houses.csv: dataset.target names the column" in wrong
    assert str(served.home.root) not in wrong
    damaged = put(served, "x.npz", content=b"PK").json()["detail"]
    assert damaged.startswith("upload:submit/x.npz is damaged")
    assert str(served.home.root) not in damaged


@pytest.mark.parametrize(
    ("name", "query", "header", "kind"),
    [
        ("a.csv", {}, "application/zip", "csv"),
        ("a.CSV.GZ", {}, "", "csv.gz"),
        ("a.tgz", {}, "", "tar.gz"),
        ("a", {"format": "tgz"}, "", "tar.gz"),
        ("a.csv", {"format": "tsv"}, "", "tsv"),
        ("a", {}, "text/csv; charset=utf-8", "csv"),
        ("a", {}, "application/octet-stream", None),
        ("a", {"format": "exe"}, "", None),
    ],
)
def test_the_format_is_told_or_follows_from_the_name_or_the_type(
    served: Served, name: str, query: dict[str, str], header: str, kind: str | None
) -> None:
    headers = {"Content-Type": header} if header else {}
    answer = served.ask("PUT", f"/v1/datasets/{name}", content=b"", params=query, headers=headers)
    expected = 422 if kind or query else 415
    assert answer.status_code == expected
    assert ("upload:admin/" in answer.json()["detail"]) == (kind is not None)
    assert left(served) == []


def test_only_the_bodies_of_uploads_may_be_large(serve: Callable[..., Served], home: Any) -> None:
    served = serve(uploads=Uploads(home=home, limits=Limits(most=3 * 2**20, keep_free=0)))
    large, too_large = b"x" * (2**21), b"x" * (3 * 2**20 + 1)
    assert put(served, content=large).status_code == 422
    for sent in (too_large, iter([too_large])):
        answer = put(served, content=sent)
        assert (answer.status_code, answer.json()["status"]) == (413, 413)
    for method, path in (("POST", "/v1/studies"), ("POST", "/v1/datasets/x"), ("PUT", "/v1/me")):
        assert served.ask(method, path, content=large).status_code == 413
    assert left(served) == []


def test_an_upload_that_goes_while_it_is_listed_is_left_out(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(served, "a.csv")
    put(served, "b.csv", content=CSV + b"1,2,3\n")
    facts = Uploads.facts

    def gone(uploads: Uploads, upload: Upload) -> dict[str, Any]:
        if upload.name == "a.csv":
            shutil.rmtree(uploads.data(upload).parent, ignore_errors=True)
        return facts(uploads, upload)

    monkeypatch.setattr(Uploads, "facts", gone)
    listed = served.ask("GET", "/v1/datasets", "submit").json()
    assert [one["name"] for one in listed] == ["b.csv"]
    assert served.ask("GET", "/v1/datasets/a.csv", "submit").status_code == 404


def test_a_service_without_uploads_says_so(serve: Callable[..., Served]) -> None:
    served = serve(uploads=None)
    assert put(served).status_code == 404
    assert "takes no uploads" in served.ask("GET", "/v1/datasets").json()["detail"]
    assert submit(served, "upload:houses.csv").status_code == 422


def test_no_study_reads_the_folder_of_uploads_by_a_path(
    serve: Callable[..., Served], home: Any
) -> None:
    served = serve(data_root=home.root)
    put(served)
    [file] = home.uploads.rglob("data.csv")
    for path in (
        str(file),
        str(file.relative_to(home.root)),
        f"uploads/../{file.relative_to(home.root)}",
    ):
        refused = submit(served, path, "other")
        assert refused.status_code == 422
        assert "is outside of the folder" in refused.json()["detail"]


def sent_in_parts(served: Served, parts: AsyncIterator[dict[str, Any]]) -> list[Any]:
    """The answer to an upload whose body comes as ASGI messages."""
    answers: list[Any] = []

    async def run() -> None:
        async def send(message: Any) -> None:
            answers.append(message)

        async def receive() -> dict[str, Any]:
            return await anext(parts)

        token = f"Bearer {served.shown['submit']}".encode()
        scope = {
            "type": "http", "method": "PUT", "path": "/v1/datasets/cut.csv", "query_string": b"",
            "headers": [(b"host", b"127.0.0.1"), (b"authorization", token)], "http_version": "1.1",
            "scheme": "http", "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1),
        }  # fmt: skip
        await served.app(scope, receive, send)

    asyncio.run(run())
    return answers


async def cut_off() -> AsyncIterator[dict[str, Any]]:
    yield {"type": "http.request", "body": CSV * 20_000, "more_body": True}
    yield {"type": "http.disconnect"}


async def silent() -> AsyncIterator[dict[str, Any]]:
    yield {"type": "http.request", "body": CSV, "more_body": True}
    await asyncio.sleep(60)


def test_an_upload_that_is_cut_off_or_silent_leaves_nothing(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sent_in_parts(served, cut_off())[0]["status"] == 400
    assert left(served) == []
    monkeypatch.setattr(datasets, "SILENCE", 0.05)
    assert sent_in_parts(served, silent())[0]["status"] == 408
    assert left(served) == []
    assert put(served, "cut.csv").status_code == 201


def test_a_name_that_none_may_have_is_explained(served: Served) -> None:
    refused = served.ask("PUT", "/v1/datasets/größe.csv", "submit", content=CSV)
    assert refused.status_code == 422
    said = refused.json()["detail"]
    assert said.startswith('name = "größe.csv" is not a valid name; use 1 to 100 letters (a to z')


def test_no_name_query_or_body_makes_a_fault(served: Served) -> None:
    texts = st.text(max_size=20) | st.sampled_from(
        ["..", "%2e%2e", "a" * 101, "\x00", "a/b", "a.csv"]
    )
    kinds = st.sampled_from(["csv", "zip", "npz", "tar.gz", "parquet", "exe", ""])

    @settings(max_examples=12)
    @given(texts, kinds, texts, st.binary(max_size=200))
    def holds(name: str, kind: str, owner: str, body: bytes) -> None:
        quoted = "".join(f"%{byte:02x}" for byte in name.encode("utf-8", "surrogatepass"))
        for method in ("PUT", "GET", "DELETE"):
            answer = served.ask(
                method,
                f"/v1/datasets/{quoted}",
                params={"format": kind, "owner": owner},
                content=body,
            )
            assert answer.status_code < 500, answer.text

    holds()
    assert [*served.home.uploads.glob("arriving/*")] == []

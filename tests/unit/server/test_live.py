"""Server-sent events: what clients are sent of a study that others work on."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import sqlalchemy as sa
from optuna.trial import FrozenTrial

from hpsearch.errors import UnknownStudyError
from hpsearch.search import claims
from hpsearch.search.study import OpenStudy
from hpsearch.server import live
from hpsearch.server.live import Hub, Watched
from hpsearch.server.problems import RefusedError


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "EVERY", 0.02)
    monkeypatch.setattr(live, "SHARE", 0.0)


def run(story: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with asyncio.timeout(20):
            await story()

    asyncio.run(whole())


def parsed(text: str) -> list[tuple[str, Any]]:
    """The events of a text, as a browser reads them."""
    found = []
    for block in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        if "event" in lines:
            found.append((lines["event"], json.loads(lines["data"])))
    return found


async def until(stream: Any, wanted: Callable[[dict[int, Any]], bool]) -> dict[int, Any]:
    """Read events until the trials are as wanted."""
    trials: dict[int, Any] = {}
    async for text in stream:
        for kind, value in parsed(text):
            if kind == "trials":
                trials |= {one["number"]: one for one in value}
        if wanted(trials):
            return trials
    raise AssertionError("the stream has ended")


def test_a_client_sees_what_there_is_and_then_what_changes(
    open_study: Callable[..., OpenStudy], finish: Callable[..., FrozenTrial]
) -> None:
    study = open_study()
    finish(study, 0.5)
    hub = Hub(study.storage, lambda: False)

    async def story() -> None:
        stream = hub.watch("study")
        assert await anext(stream) == "retry: 2000\n\n"
        first = await until(stream, lambda trials: 0 in trials)
        assert (first[0]["state"], first[0]["value"]) == ("complete", 0.5)
        await asyncio.to_thread(claims.claim, study)
        second = await until(stream, lambda trials: 1 in trials)
        assert list(second) == [1]
        assert second[1]["state"] == "running"
        late = await until(hub.watch("study"), lambda trials: len(trials) == 2)
        assert sorted(late) == [0, 1]
        await stream.aclose()

    run(story)


def test_one_poller_serves_all_clients_of_a_study_and_ends_with_the_last(
    open_study: Callable[..., OpenStudy], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = open_study()
    hub = Hub(study.storage, lambda: False)
    looks: list[str] = []
    look = hub._look

    def noted(name: str, watched: Watched) -> Any:
        looks.append(name)
        return look(name, watched)

    monkeypatch.setattr(hub, "_look", noted)

    async def story() -> None:
        streams = [hub.watch("study") for _ in range(20)]
        for stream in streams:
            await anext(stream)
            assert parsed(await anext(stream))[0][0] == "study"
        assert len(hub._watched) == 1
        assert len(looks) < 20
        for stream in streams:
            await stream.aclose()
        assert hub._watched == {}
        await asyncio.sleep(0.1)
        before = len(looks)
        await asyncio.sleep(0.2)
        assert len(looks) == before

    run(story)


def test_a_slow_client_skips_what_it_was_too_slow_for() -> None:
    watched = Watched()
    for epoch in range(1000):
        watched.take({"name": "a"}, [{"number": 0, "epochs": epoch}])
    text = "".join(watched.since(0))
    assert parsed(text) == [("study", {"name": "a"}), ("trials", [{"number": 0, "epochs": 999}])]
    assert "".join(watched.since(watched.version)) == ""
    assert not watched.take({"name": "a"}, [{"number": 0, "epochs": 999}])


def test_many_trials_come_some_at_a_time() -> None:
    watched = Watched()
    watched.take({"name": "a"}, [{"number": number} for number in range(250)])
    texts = watched.since(0)
    first = next(texts)
    watched.take({"name": "b"}, [{"number": number} for number in range(250, 300)])
    events = [one for text in (first, *texts) for one in parsed(text)]
    assert [kind for kind, _ in events] == ["study", "trials", "trials", "trials"]
    assert [len(value) for _, value in events[1:]] == [100, 100, 50]
    assert [one["number"] for _, part in events[1:] for one in part] == [*range(250)]


def test_who_watches_is_told_that_the_storage_is_away_and_that_it_is_back(
    open_study: Callable[..., OpenStudy],
    finish: Callable[..., FrozenTrial],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    study, is_away = open_study(), [True]
    finish(study, 0.5)
    hub = Hub(study.storage, lambda: False)
    look = hub._look

    def looked(name: str, watched: Watched) -> Any:
        if is_away[0]:
            raise sa.exc.OperationalError("", {}, Exception("away"))
        return look(name, watched)

    monkeypatch.setattr(hub, "_look", looked)

    async def story() -> None:
        stream = hub.watch("study")
        await anext(stream)
        [(kind, told)] = parsed(await anext(stream))
        assert kind == "trouble"
        assert "the storage cannot be reached" in told["detail"]
        is_away[0] = False
        found = parsed(await anext(stream))
        assert [kind for kind, _ in found] == ["study", "trouble", "trials"]
        assert found[1] == ("trouble", {"detail": None})
        await stream.aclose()

    run(story)


def test_trials_that_have_ended_are_looked_at_once(
    open_study: Callable[..., OpenStudy], finish: Callable[..., FrozenTrial]
) -> None:
    study, known = open_study(), set[int]()
    finish(study, 0.5)
    claims.claim(study)
    summary, rows = live.looked_at(study, known)
    assert (summary["best_trial"], summary["over"], summary["used"]) == (0, None, None)
    assert [row["number"] for row in rows] == [0, 1]
    assert rows[0]["setting"].endswith("constant b32")
    assert [row["number"] for row in live.looked_at(study, known)[1]] == [1]


def test_what_a_timeout_needs_is_read_once_a_look(
    open_study: Callable[..., OpenStudy],
    finish: Callable[..., FrozenTrial],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    study, reads = open_study(budget={"trials": 9, "timeout": "1h"}), list[int]()
    finish(study, 0.5)
    read = study.storage.trial_summaries

    def noted(study_id: int) -> Any:
        reads.append(study_id)
        return read(study_id)

    monkeypatch.setattr(study.storage, "trial_summaries", noted)
    summary, _ = live.looked_at(study, set())
    assert (summary["over"], summary["used"], len(reads)) == (None, 0.0, 1)


def test_a_study_that_is_removed_ends_its_streams(open_study: Callable[..., OpenStudy]) -> None:
    study = open_study()
    hub = Hub(study.storage, lambda: False)

    async def story() -> None:
        stream = hub.watch("study")
        await anext(stream)
        await anext(stream)
        study.storage.remove_studies([study.study_id], None)
        rest = [text async for text in stream]
        assert parsed(rest[-1]) == [("gone", {})]

    run(story)


def test_all_streams_end_with_the_service(open_study: Callable[..., OpenStudy]) -> None:
    ending: list[bool] = []
    hub = Hub(open_study().storage, lambda: bool(ending))

    async def story() -> None:
        stream = hub.watch("study")
        await anext(stream)
        ending.append(True)
        assert [text async for text in stream] == []

    run(story)


def test_a_stream_ends_when_its_token_is_revoked(open_study: Callable[..., OpenStudy]) -> None:
    revoked: list[bool] = []
    hub = Hub(open_study().storage, lambda: False)

    async def story() -> None:
        stream = hub.watch("study", lambda: not revoked)
        await anext(stream)
        revoked.append(True)
        assert [text async for text in stream] == []

    run(story)


def test_clients_may_go_all_at_once() -> None:
    """Each waits for the lock again, which another one that goes has meanwhile."""

    async def story() -> None:
        watched = Watched()
        waiting = [asyncio.create_task(live._newer(watched, 0)) for _ in range(20)]
        await asyncio.sleep(0.001)
        async with watched.newer:
            watched.newer.notify_all()
            for _ in range(3):  # as often as anyio does where a client goes
                for one in waiting:
                    one.cancel()
                await asyncio.sleep(0)
        ended = await asyncio.gather(*waiting, return_exceptions=True)
        assert {type(one) for one in ended} <= {asyncio.CancelledError, float}

    run(story)


def test_no_more_clients_watch_than_are_allowed(
    open_study: Callable[..., OpenStudy], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MOST_WATCHERS", 1)
    hub = Hub(open_study().storage, lambda: False)

    async def story() -> None:
        first = hub.watch("study")
        await anext(first)
        with pytest.raises(RefusedError, match="too many clients"):
            await anext(hub.watch("study"))
        with pytest.raises(RefusedError, match="too many clients"):
            await hub.find("study")  # before an answer begins
        await first.aclose()
        await anext(hub.watch("study"))

    run(story)


def test_who_watches_what_is_watched_reads_no_study_anew(
    open_study: Callable[..., OpenStudy], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = open_study()
    hub = Hub(study.storage, lambda: False)

    async def story() -> None:
        with pytest.raises(UnknownStudyError):
            await hub.find("other")
        await hub.find(study.name)
        stream = hub.watch(study.name)
        async for text in stream:
            if "event: study" in text:
                break
        monkeypatch.setattr(live, "load_study", None)
        await hub.find(study.name)
        await stream.aclose()

    run(story)

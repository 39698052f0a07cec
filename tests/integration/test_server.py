"""A PostgreSQL server that goes away and comes back, under studies that are being run."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fakes
import optuna
import pytest
import sqlalchemy as sa
from commandline import wait_until
from optuna.trial import TrialState, create_trial
from servers import Server

from hpsearch.errors import Failure, UnreachableError
from hpsearch.home import Home
from hpsearch.objective import Objective
from hpsearch.search import claims
from hpsearch.search.database import server as settings
from hpsearch.search.database.messages import STORAGE_ERRORS, is_passing
from hpsearch.search.database.server import is_away
from hpsearch.search.lookup import load_study
from hpsearch.search.making import open_or_create
from hpsearch.search.storage import Storage, retrying
from hpsearch.search.storage.opening import open_storage
from hpsearch.search.storage.retrying import ServerStorage
from hpsearch.search.study import OpenStudy
from hpsearch.study_file import StudyFile
from hpsearch.workers.identity import identity
from hpsearch.workers.lease import HeartbeatThread

DATASET = {"fingerprint": "f" * 64, "input_shape": [8], "class_names": ["0", "1", "2"]}

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def connect(postgres: str) -> Iterator[Callable[..., ServerStorage]]:
    """Opens the storage, each time anew, as another process would."""
    opened: list[ServerStorage] = []

    def open_one(**options: Any) -> ServerStorage:
        storage = open_storage(postgres, **options)
        assert isinstance(storage, ServerStorage)
        opened.append(storage)
        return storage

    yield open_one
    for storage in opened:
        storage.close()


@contextmanager
def away(server: Server, mode: str = "immediate") -> Iterator[None]:
    """The server is not there while the block runs."""
    server.stop(mode)
    try:
        yield
    finally:
        server.start()


def test_whatever_is_done_with_a_server_is_patient_or_has_a_reason() -> None:
    at_once = {
        "as_server", "checkpoint", "close", "delete_study", "expect", "get_head_version", "is_busy",
        "leave",
    }  # fmt: skip
    hpsearchs = [one for one in Storage.__mro__ if one.__module__.startswith("hpsearch.")]
    own = {n for one in hpsearchs for n, m in vars(one).items() if callable(m) and n[0] != "_"}
    of_optuna = {name for names in retrying._OF_OPTUNA.values() for name in names}
    patient = {name for name in own | of_optuna if name in vars(ServerStorage)}
    assert of_optuna <= patient
    assert own - patient <= at_once
    assert not at_once & patient


@pytest.mark.parametrize("mode", ["immediate", "fast"])
def test_a_search_goes_on_over_restarts(
    server: Server,
    connect: Callable[..., ServerStorage],
    make_file: Callable[..., StudyFile],
    tmp_path: Path,
    mode: str,
) -> None:
    file = make_file(budget={"trials": 20}, training={"epochs": 5})
    study, _ = open_or_create(connect(), file, DATASET)
    errors: list[BaseException] = []

    def work(index: int) -> None:
        storage = connect()
        storage.owner = identity() | {"worker": f"made-up:{index}"}
        mine = load_study(storage, study.name)
        home = Home(tmp_path / str(index))
        home.root.mkdir()
        objective = Objective(study=mine, parts=fakes.parts(), home=home, trainer=quick)
        try:
            while objective.run_one():
                pass
        except BaseException as error:  # noqa: BLE001  # shown to the test
            errors.append(error)

    def quick(*args: Any) -> Any:
        return fakes.train(*args, seconds=0.05)

    threads = [threading.Thread(target=work, args=(i,), daemon=True) for i in range(3)]
    for thread in threads:
        thread.start()
    for counted in (4, 10):
        wait_until(lambda counted=counted: study.counts().counted >= counted, f"{counted} trials")
        with away(server, mode):
            time.sleep(0.5)  # long enough that each of them is in the middle of something
    for thread in threads:
        thread.join(timeout=60)
    assert errors == []
    counts = study.counts()
    # Of a claim that was committed, and whose answer was lost, nobody knows; its lease runs out.
    unheard = [
        t for t in study.trials() if t.state == TrialState.RUNNING and not t.intermediate_values
    ]
    assert counts.running == len(unheard) <= 2
    assert counts.counted + counts.running == 20
    for trial in study.trials():
        if trial.state == TrialState.COMPLETE:
            assert sorted(trial.intermediate_values) == [*range(1, 6)]


def test_an_operation_waits_until_the_server_is_back(
    server: Server, connect: Callable[..., ServerStorage], make_file: Callable[..., StudyFile]
) -> None:
    storage = connect()
    study, _ = open_or_create(storage, make_file(), DATASET)
    storage.owner = identity()
    trial = study.optuna.ask()
    found: list[Any] = []
    with away(server):
        thread = threading.Thread(target=lambda: found.append(storage.beat(trial._trial_id)))
        thread.start()
        thread.join(timeout=1)
        assert found == []
    thread.join(timeout=30)
    assert found == [True]


class Told(Exception):  # noqa: N818  # as psycopg's, which has its code
    def __init__(self, sqlstate: str | None) -> None:
        super().__init__("told")
        self.sqlstate = sqlstate


def test_what_would_be_there_twice_is_added_once_more_only_where_nothing_was_done(
    connect: Callable[..., ServerStorage],
    make_file: Callable[..., StudyFile],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    storage = connect()
    study, _ = open_or_create(storage, make_file(), DATASET)
    storage.owner = identity()
    broken = sa.exc.OperationalError("COMMIT", {}, Told(None), connection_invalidated=True)
    undone = [sa.exc.DBAPIError("COMMIT", {}, Told(code)) for code in settings._UNDONE]
    asked: list[tuple[float, list[bool]]] = []
    real = retrying.attempts

    def attempts(seconds: float, retry: Any, hurried: Any) -> Any:
        asked.append((seconds, [retry(broken), *map(retry, undone)]))
        return real(seconds, retry, hurried)

    monkeypatch.setattr(retrying, "attempts", attempts)
    assert claims.claim(study) is not None
    assert all(one == (storage.patience, [True] * 5) for one in asked)
    asked.clear()
    study.optuna.add_trial(create_trial(state=TrialState.WAITING))
    assert asked == [(storage.patience, [False, True, True, True, True])]
    asked.clear()
    study.storage.remove_studies([study.study_id], None)
    assert asked == [(storage.patience, [False, True, True, True, True])]


def test_codes_of_what_passes_are_known_and_others_are_not() -> None:
    codes = {"25006", "40001", "40P01", "53300", "57014", "57P01", "57P02", "57P03", "08006"}
    assert codes <= settings.AWAY.keys()
    for code in (*settings.AWAY, "28000", "28P01", "3D000", "23505", "55P03", "42P01", "53100"):
        error = sa.exc.DBAPIError("SELECT 1", {}, Told(code))
        wrapped = optuna.exceptions.StorageInternalError("commit")
        wrapped.__cause__ = error
        assert is_away(error) == is_away(wrapped) == (code in settings.AWAY)


@contextmanager
def set_for_database(url: str, setting: str, value: str) -> Iterator[None]:
    """A setting of a database for new connections, for the block; the others are ended."""
    name = sa.engine.make_url(url).database
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.execute(sa.text(f"ALTER DATABASE {name} SET {setting} = '{value}'"))
        end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"
        connection.execute(sa.text(f"{end} AND pid <> pg_backend_pid()"), {"name": name})
        try:
            yield
        finally:
            connection.execute(sa.text(f"ALTER DATABASE {name} RESET {setting}"))


def test_a_failover_to_a_server_that_only_reads_is_waited_for(
    postgres: str,
    connect: Callable[..., ServerStorage],
    make_file: Callable[..., StudyFile],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(settings, "NOTICE", 0.3)
    monkeypatch.setattr("optuna.storages._rdb.storage.random.random", lambda: 0.02)
    storage = connect()
    study, _ = open_or_create(storage, make_file(), DATASET)
    storage.owner = identity()
    trial = study.optuna.ask()
    done: list[Any] = []
    work: list[Callable[[], Any]] = [
        lambda: trial.report(0.5, 1),
        lambda: storage.beat(trial._trial_id),
        lambda: study.optuna.enqueue_trial({"layers": 2}),
        lambda: claims.claim(load_study(connect(), study.name)),
    ]
    with set_for_database(postgres, "default_transaction_read_only", "on"):
        threads = [
            threading.Thread(target=lambda one=one: done.append(one()), daemon=True) for one in work
        ]
        for thread in threads:
            thread.start()
        wait_until(lambda: "is read-only, as during a failover" in caplog.text, "a line of it")
        looking = connect(read_only=True)
        assert load_study(looking, study.name).counts().running == 1
        began = time.monotonic()
        with pytest.raises(STORAGE_ERRORS):  # what we asked for ourselves is not waited for
            looking.set_study_user_attr(study.study_id, "key", "value")
        assert time.monotonic() - began < 5
        assert done == []
    for thread in threads:
        thread.join(timeout=30)
    assert len(done) == len(work)
    counts = study.counts()
    assert (counts.running, counts.waiting) in ((2, 0), (2, 1))  # who was first: claim or enqueue
    assert study.trials()[0].intermediate_values == {1: 0.5}


def test_what_takes_longer_than_the_server_allows_is_tried_again(
    postgres: str, connect: Callable[..., ServerStorage], make_file: Callable[..., StudyFile]
) -> None:
    storage = connect()
    study, _ = open_or_create(storage, make_file(), DATASET)
    storage.owner = identity()
    trial = study.optuna.ask()
    found: list[bool] = []
    with (
        set_for_database(postgres, "statement_timeout", "200ms"),
        storage.engine.connect() as other,
    ):
        other.execute(sa.text("LOCK TABLE trials IN ACCESS EXCLUSIVE MODE"))
        thread = threading.Thread(target=lambda: found.append(storage.beat(trial._trial_id)))
        thread.start()
        thread.join(timeout=0.6)
        assert thread.is_alive()
        other.rollback()
        thread.join(timeout=30)
    assert found == [True]


@pytest.mark.parametrize("victim", ["worker", "remover"])
def test_a_study_is_removed_while_a_trial_of_it_ends(
    connect: Callable[..., ServerStorage], make_file: Callable[..., StudyFile], victim: str
) -> None:
    """One locks the trial and then the study, the other the study and then its trials."""
    worker, remover = storages = connect(), connect()
    worker.owner = identity()
    study, _ = open_or_create(worker, make_file(), DATASET)
    trial_id = study.trial_id(study.optuna.ask().number)
    for storage, name in zip(storages, ("worker", "remover"), strict=True):
        waits = "100ms" if name == victim else "20s"  # who notices first gives way
        with storage.engine.connect() as connection:
            connection.execute(sa.text(f"SET deadlock_timeout = '{waits}'"))
            connection.commit()
    has_trial, has_study = threading.Event(), threading.Event()
    lock_study = worker._lock_study

    def lock_late(session: Any, study_id: int) -> bool:
        has_trial.set()
        assert has_study.wait(20)
        return lock_study(session, study_id)

    def look(_: Any) -> bool:
        assert has_trial.wait(20)
        has_study.set()
        return False

    worker._lock_study = lock_late  # type: ignore[method-assign]
    successor, ended = create_trial(state=TrialState.WAITING), []
    thread = threading.Thread(
        target=lambda: ended.append(worker.fail(trial_id, Failure.INTERRUPTED, "", successor))
    )
    thread.start()
    remover.remove_studies([study.study_id], look)
    thread.join(timeout=30)
    assert ended == [victim == "remover"]  # what is gone cannot end
    assert remover.study_names() == []


def test_signs_of_life_go_on_afterwards(
    server: Server,
    connect: Callable[..., ServerStorage],
    make_file: Callable[..., StudyFile],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("hpsearch.workers.lease.BEAT", 0.1)
    storage = connect()
    storage.owner = identity()
    study, _ = open_or_create(storage, make_file(), DATASET)
    trial = study.optuna.ask()
    heartbeat = HeartbeatThread(study)

    def beat() -> Any:
        (heartbeat,) = study.storage.heartbeats(study.study_id)
        return heartbeat.beat

    with heartbeat.alive(trial.number) as lease_lost:
        heartbeat.start()
        first = beat()
        wait_until(lambda: beat() > first, "a first heartbeat")
        with away(server):
            pass
        last = beat()
        wait_until(lambda: beat() > last, "a heartbeat after the restart")
        assert not lease_lost()
    heartbeat.end()
    heartbeat.join(timeout=10)


def test_who_has_no_patience_is_told_at_once(
    server: Server,
    postgres: str,
    connect: Callable[..., ServerStorage],
    make_file: Callable[..., StudyFile],
) -> None:
    study, _ = open_or_create(connect(patience=0.2), make_file(), DATASET)
    with away(server):
        began = time.monotonic()
        with pytest.raises(STORAGE_ERRORS) as caught:
            study.counts()
        assert is_away(caught.value)
        assert is_passing(caught.value)
        with pytest.raises(UnreachableError, match="check that it exists and is reachable"):
            open_storage(postgres)
        assert time.monotonic() - began < 10
    assert study.counts().counted == 0


@pytest.mark.parametrize(
    ("part", "cure"),
    [({"database": "nowhere"}, "does not exist"), ({"username": "nobody"}, "does not exist")],
)
def test_who_is_not_let_in_is_told_at_once(postgres: str, part: dict[str, str], cure: str) -> None:
    began = time.monotonic()
    url = sa.engine.make_url(postgres).set(**part).render_as_string(hide_password=False)
    with pytest.raises(UnreachableError, match=cure):
        open_storage(url, awaited=True)
    assert time.monotonic() - began < 10


def test_who_is_revived_waits_for_the_server(server: Server, postgres: str) -> None:
    opened: list[OpenStudy | ServerStorage] = []
    with away(server):
        thread = threading.Thread(
            target=lambda: opened.append(open_storage(postgres, awaited=True))
        )
        thread.start()
        thread.join(timeout=1)
        assert opened == []
    thread.join(timeout=30)
    (storage,) = opened
    assert isinstance(storage, ServerStorage)
    storage.close()


def test_what_the_server_is_told_of_a_connection(connect: Callable[..., ServerStorage]) -> None:
    storage = connect(patience=7)
    with storage.engine.connect() as connection:
        found = {
            name: connection.scalar(sa.text(f"SHOW {name}"))
            for name in ("lock_timeout", "idle_in_transaction_session_timeout", "application_name")
        }
    assert found == {
        "lock_timeout": "7s",
        "idle_in_transaction_session_timeout": "30s",
        "application_name": "hpsearch",
    }
    assert storage.engine.pool.size() == 1


def test_errors_that_are_the_statements_are_not_tried_again(
    connect: Callable[..., ServerStorage], make_file: Callable[..., StudyFile]
) -> None:
    storage = connect(patience=60)
    study, _ = open_or_create(storage, make_file(), DATASET)
    began = time.monotonic()
    with pytest.raises(KeyError):
        storage.get_trial(10**6)
    with pytest.raises(optuna.exceptions.DuplicatedStudyError):
        storage.create_new_study([optuna.study.StudyDirection.MAXIMIZE], study.name)
    with storage.engine.begin() as other:  # holds the trial's lock
        trial = study.optuna.ask()
        other.execute(sa.text("LOCK TABLE trials IN ACCESS EXCLUSIVE MODE"))
        impatient = connect(patience=1)
        with pytest.raises(STORAGE_ERRORS) as caught:
            impatient.beat(trial._trial_id)
    assert not is_away(caught.value)
    assert is_passing(caught.value)
    assert time.monotonic() - began < 20


def test_every_operation_of_optunas_interface_is_covered() -> None:
    makers = {"create_new_study", "delete_study"}
    without_data = {"check_trial_is_updatable", "remove_session"}
    calls = {name for name in dir(optuna.storages.BaseStorage) if not name.startswith("_")}
    assert calls - makers - without_data <= vars(ServerStorage).keys()

"""The history of a study: commands without secrets, the first and the last, none lost."""

import shlex
import threading
from collections.abc import Callable
from typing import Any

import pytest

from hpsearch.search import history as module
from hpsearch.search.attributes import COMMANDS_KEY, MACHINES_KEY
from hpsearch.search.history import history, inherited, masked, record
from hpsearch.search.lookup import load_study
from hpsearch.search.storage import Storage
from hpsearch.search.study import OpenStudy

Open = Callable[..., OpenStudy]
GIT = {"commit": "c", "changed": False}
SECRET = "s3cr%21t"  # noqa: S105  # of nobody


def machine(host: str) -> dict[str, Any]:
    """A machine as commands note it."""
    facts = {"os": "Linux", "cpu": "a", "cores": 2, "memory": 1, "gpus": [], "versions": {}}
    return {"host": host, **facts}


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        (f"run a.toml --storage postgresql://me:{SECRET}@box/db", "postgresql+psycopg://me:***@"),
        (f"run a.toml --storage=postgresql://me:{SECRET}@box/db", "postgresql+psycopg://me:***@"),
        (f"worker a --storage postgresql://box/db?password={SECRET}", "password=***"),
        (f"worker a --storage=postgresql://box/db?user=me&password={SECRET}", "password=***"),
        (f"worker a --storage=postgresql://box/db?sslpassword={SECRET}&a=b", "sslpassword=***"),
        (f"run a.toml --storage postgresql://me:x@{SECRET}@box/db", "--storage '***'"),
        (f"run a.toml --storage=mysql://me:{SECRET}@box/db", "'--storage=***'"),
        (f"run a.toml --storage {SECRET}", "--storage '***'"),
        (f"dashboard --token {SECRET} --port 1", "--token '***' --port 1"),
        (f"dashboard --token={SECRET}", "'--token=***'"),
        (f"run a.toml --set dataset.path=http://me:{SECRET}@box/x", "http://me:***@box/x"),
        (f"run https://box/x?PASSWORD={SECRET}", "PASSWORD=***"),
    ],
)
def test_secrets_are_not_kept(open_study: Open, typed: str, shown: str) -> None:
    study = open_study()
    record(study, typed.split(), machine("one"))
    command = history(study)["commands"][0]["command"]
    assert SECRET not in str(study.optuna.user_attrs)
    assert shown in command
    assert command.startswith("hpsearch ")


@pytest.mark.parametrize(
    "typed",
    ["run a.toml --trials 9 --set space.layers=2", "fork a b.toml --storage sqlite:////home/a.db"],
)
def test_all_else_is_kept_as_it_was_typed(typed: str) -> None:
    assert shlex.join(masked(typed.split())) == typed
    assert masked(["--storage"]) == ["--storage"]


def test_a_study_on_two_machines_shows_both(open_study: Open) -> None:
    study = open_study()
    record(study, ["run", "a"], machine("one"), git=GIT)
    record(study, ["worker", "a"], machine("two"), git=None)
    record(study, ["run", "a"], machine("one"))
    found = history(study)
    first, second, third = found["commands"]
    assert first["machine"] == third["machine"] != second["machine"]
    there = [found["machines"][one["machine"]] for one in (first, second)]
    assert there == [machine("one"), machine("two")]
    assert first["git"] == GIT
    assert "git" not in second
    assert first["date"].endswith("+00:00")


def test_the_first_and_the_last_are_kept(open_study: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST", 2)
    monkeypatch.setattr(module, "LAST", 3)
    study = open_study()
    for number in range(9):
        record(study, ["run", str(number), "x" * 1000], machine(str(number)))
    attrs = study.optuna.user_attrs
    assert [one["command"].split()[2] for one in attrs[COMMANDS_KEY]] == ["0", "1", "6", "7", "8"]
    assert sorted(one["host"] for one in attrs[MACHINES_KEY].values()) == [*"01678"]
    assert all(len(one["command"]) == module.MOST for one in attrs[COMMANDS_KEY])


def test_two_at_once_lose_nothing(open_study: Open, connect: Callable[[], Storage]) -> None:
    study = open_study()
    studies = [study, load_study(connect(), study.name)]

    def often(one: OpenStudy, name: str) -> None:
        for _ in range(8):
            record(one, ["run", name], machine("one"))

    threads = [
        threading.Thread(target=often, args=pair) for pair in zip(studies, "ab", strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    commands = [one["command"] for one in history(study)["commands"]]
    assert sorted(commands) == ["hpsearch run a"] * 8 + ["hpsearch run b"] * 8


def test_a_fork_begins_with_the_history_of_its_trials(open_study: Open) -> None:
    old, new = (open_study(name=name) for name in ("old", "new"))
    assert inherited(old) == {}
    record(old, ["run", "old"], machine("one"))
    for key, value in inherited(old).items():
        new.optuna.set_user_attr(key, value)
    record(new, ["fork", "old"], machine("two"))
    found = inherited(new)
    assert [one["study"] for one in found[COMMANDS_KEY]] == ["old", "new"]
    assert len(found[MACHINES_KEY]) == 2

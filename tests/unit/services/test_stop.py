"""Waiting for workers that were asked to leave."""

import time
from collections.abc import Callable

import fakes
import pytest

from hpsearch.home import Home
from hpsearch.search.budget import begin_run
from hpsearch.search.study import OpenStudy
from hpsearch.services.stop import stop
from hpsearch.services.workspace import Workspace
from hpsearch.workers.presence import Presence

Open = Callable[..., OpenStudy]


def test_workers_are_waited_for_until_they_have_left(
    open_study: Open, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, progress = open_study(budget={"trials": 7}), fakes.Told()
    presence = Presence(study)
    presence.renew()
    monkeypatch.setattr(time, "sleep", lambda _: presence.end())
    done = stop("study", Workspace(home=home), progress)
    assert done is not None
    assert (done.counts.counted, done.trials, done.is_over) == (0, 7, False)
    (said,) = progress.lines
    assert said.startswith("Waiting for ")


def test_a_run_that_has_started_since_is_not_waited_for(
    open_study: Open, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = open_study()
    presence = Presence(study)
    presence.renew()
    monkeypatch.setattr(time, "sleep", lambda _: begin_run(study))
    assert stop("study", Workspace(home=home), fakes.Told()) is None
    presence.end()

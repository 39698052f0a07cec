"""Settling a study's precision: by one worker of a device, for all."""

import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from hpsearch.data.parts import Part, Parts
from hpsearch.data.transform import Affine
from hpsearch.errors import Failure, TrialFailedError
from hpsearch.home import Home
from hpsearch.search.confirmation import ensure_confirmation_study
from hpsearch.search.lookup import load_study
from hpsearch.search.precision import lines
from hpsearch.search.study import OpenStudy
from hpsearch.workers import precision
from hpsearch.workers.precision import settle_precision
from hpsearch.workers.sharing import Turn, device_key

Open = Callable[..., OpenStudy]


def never() -> bool:
    return False


@pytest.fixture
def parts() -> Parts:
    rows, y = np.arange(6), np.arange(6) % 3
    part = Part(x=np.zeros((6, 8), np.float32), y=y, rows=rows)
    return Parts(
        train=part,
        validation=part,
        input_shape=(8,),
        class_names=("0", "1", "2"),
        transform=Affine(multiplier=np.float32([1]), offset=np.float32([0])),
        class_weights=None,
        fingerprint="",
    )


class Measuring(ModuleType):
    """In the place of what measures: there is no TensorFlow in this process."""

    def __init__(self) -> None:
        super().__init__("hpsearch.training.precision")
        self.found = {"float32": 1.0, "mixed_bfloat16": 0.5}
        self.reason = ""
        self.asked: list[tuple[int, str | None]] = []

    def measured(
        self, recipes: Any, _parts: Parts, precision: str | None, stopped: Callable[[], bool]
    ) -> tuple[dict[str, float], str]:
        self.asked.append((len(recipes), precision))
        if stopped():
            raise TrialFailedError(Failure.INTERRUPTED, "as asked")
        return self.found, self.reason


@pytest.fixture
def measuring(monkeypatch: pytest.MonkeyPatch) -> Measuring:
    module = Measuring()
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


def test_it_is_measured_once(
    open_study: Open, home: Home, parts: Parts, measuring: Measuring, connect: Callable[[], Any]
) -> None:
    study = open_study()
    ready: list[OpenStudy] = [study, load_study(connect(), study.name)]
    threads = [
        threading.Thread(target=settle_precision, args=(one, parts, home, never)) for one in ready
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert measuring.asked == [(1, None)]
    for one in ready:
        assert one.precision is not None
        assert one.precision.chosen == "mixed_bfloat16"


def test_what_is_given_is_not_measured(
    open_study: Open, home: Home, parts: Parts, measuring: Measuring
) -> None:
    study = open_study(training={"precision": "mixed_bfloat16"})
    settle_precision(study, parts, home, never)
    assert study.precision is None
    assert measuring.asked == []


def test_each_machine_measures_what_it_did_not_choose(
    open_study: Open,
    home: Home,
    parts: Parts,
    measuring: Measuring,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    study = open_study()
    settle_precision(study, parts, home, never)
    monkeypatch.setattr(precision.socket, "gethostname", lambda: "slow")
    measuring.found = {"float32": 1.0, "mixed_bfloat16": 2.0}
    settle_precision(study, parts, home, never)
    found = study.precision
    assert found is not None
    assert found.chosen == "mixed_bfloat16"
    assert [one.host == "slow" for one in found.measured] == [False, True]
    assert "takes 2.0 times as long in it as in float32" in lines(study)[1]
    assert measuring.asked == [(1, None), (1, "mixed_bfloat16")]


def test_float32_is_not_measured_again_elsewhere(
    open_study: Open,
    home: Home,
    parts: Parts,
    measuring: Measuring,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    measuring.found, measuring.reason = {}, "has no instructions for bfloat16"
    study = open_study()
    settle_precision(study, parts, home, never)
    monkeypatch.setattr(precision.socket, "gethostname", lambda: "another")
    settle_precision(study, parts, home, never)
    assert len(measuring.asked) == 1
    assert study.precision is not None
    assert study.precision.chosen == "float32"


def test_networks_beyond_the_limits_are_not_measured(
    open_study: Open, home: Home, parts: Parts, measuring: Measuring
) -> None:
    study = open_study(budget={"max_parameters": 10})
    settle_precision(study, parts, home, never)
    assert measuring.asked == [(0, None)]


def test_a_confirmation_study_is_not_measured_again(
    open_study: Open,
    home: Home,
    parts: Parts,
    measuring: Measuring,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    study = open_study()
    settle_precision(study, parts, home, never)
    confirmation = ensure_confirmation_study(study)
    monkeypatch.setattr(precision.socket, "gethostname", lambda: "another")
    settle_precision(confirmation, parts, home, never)
    assert len(measuring.asked) == 1
    assert confirmation.computes_in == "mixed_bfloat16"


def test_who_is_to_stop_while_it_measures_settles_nothing(
    open_study: Open, home: Home, parts: Parts, measuring: Measuring
) -> None:
    study = open_study()
    settle_precision(study, parts, home, lambda: True)  # the turn is free, so that it is taken
    assert len(measuring.asked) == 1
    assert study.computes_in == "auto"


def test_who_is_to_stop_does_not_wait_for_its_turn(
    open_study: Open, home: Home, parts: Parts, measuring: Measuring
) -> None:
    study = open_study()
    with closing(Turn(home, f"{device_key()}.precision")) as other:
        assert other.take(never)
        began = time.monotonic()
        settle_precision(study, parts, home, lambda: True)
        assert time.monotonic() - began < 20
    assert study.precision is None
    assert measuring.asked == []

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
from hpsearch.search.precision import lines
from hpsearch.search.study import OpenStudy, load_study
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
        self.asked: list[Any] = []

    def candidates(self) -> tuple[str, ...]:
        return tuple(self.found)

    def measure(self, recipes: Any, *_: Any) -> dict[str, float]:
        self.asked.append(recipes)
        if not self.found:
            raise TrialFailedError(Failure.OUT_OF_MEMORY, "no memory")
        return self.found


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
    assert [len(recipes) for recipes in measuring.asked] == [1]
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
    assert "takes 2.0 times as long in mixed_bfloat16" in lines(study)[1]


def test_float32_is_not_measured_again_elsewhere(
    open_study: Open,
    home: Home,
    parts: Parts,
    measuring: Measuring,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    measuring.found = {"float32": 0.0}
    study = open_study()
    settle_precision(study, parts, home, never)
    monkeypatch.setattr(precision.socket, "gethostname", lambda: "another")
    settle_precision(study, parts, home, never)
    assert len(measuring.asked) == 1
    assert study.precision is not None
    assert study.precision.chosen == "float32"


def test_networks_that_are_too_large_are_left_to_the_trials(
    open_study: Open, home: Home, parts: Parts, measuring: Measuring
) -> None:
    measuring.found = {}
    study = open_study()
    settle_precision(study, parts, home, never)
    assert study.precision is not None
    assert study.precision.chosen == "float32"


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

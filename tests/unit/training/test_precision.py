"""Which precision trains fastest here: measured in turns, by whatever tells the time."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from hpsearch.data.parts import Parts
from hpsearch.errors import Failure, TrialFailedError
from hpsearch.recipe import Recipe
from hpsearch.search.precision import choose
from hpsearch.training import devices, precision
from hpsearch.training.precision import measure, measured, rival, why_not

BOTH = ("float32", "mixed_bfloat16")


def stand_in(seconds: list[list[float]]) -> Callable[[], float]:
    """A clock by which the rounds of each precision in turn take so many seconds, then for ever."""

    def ticks() -> Iterator[float]:
        now = 0.0
        rounds = [*seconds, *[seconds[-1]] * 1000]
        for each in rounds:
            for took in each:
                yield now
                now += took
                yield now

    return ticks().__next__


@pytest.mark.parametrize(("slower", "chosen"), [(0, "mixed_bfloat16"), (1, "float32")])
def test_the_faster_one_is_chosen(
    make_recipe: Callable[..., Recipe], blobs: Parts, slower: int, chosen: str
) -> None:
    usual = [0.2 if one == slower else 0.1 for one in range(2)]
    # The first round traces, and one of the others is disturbed: neither tells anything.
    clock = stand_in([[9.0, 30.0], [usual[0], 5.0], usual])
    found = measure([make_recipe()], blobs, BOTH[1], clock=clock)
    assert found == pytest.approx(dict(zip(BOTH, usual, strict=True)))
    assert choose(found) == chosen


def test_all_kinds_of_networks_count(make_recipe: Callable[..., Recipe], blobs: Parts) -> None:
    recipes = [make_recipe(), make_recipe(config={"layers": 2})]
    found = measure(recipes, blobs, BOTH[1], clock=stand_in([[1.0, 3.0]]))
    assert found == {"float32": 2.0, "mixed_bfloat16": 6.0}


def test_real_time_is_measured(make_recipe: Callable[..., Recipe], blobs: Parts) -> None:
    found = measure([make_recipe()], blobs, BOTH[1])
    assert found.keys() == set(BOTH)
    assert all(0.0 < seconds < 60.0 for seconds in found.values())


def test_who_asked_may_go(make_recipe: Callable[..., Recipe], blobs: Parts) -> None:
    asked = iter([False, False, False, True])
    with pytest.raises(TrialFailedError) as caught:
        measure([make_recipe()], blobs, BOTH[1], stopped=asked.__next__)
    assert caught.value.failure == Failure.INTERRUPTED
    assert list(asked) == []


def test_who_goes_leaves_no_figures(
    make_recipe: Callable[..., Recipe], blobs: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "why_not", lambda _: "")
    monkeypatch.setattr(precision, "LEAST_MACS", 0)
    with pytest.raises(TrialFailedError, match="while the precision was measured"):
        measured([make_recipe()], blobs, BOTH[1], stopped=lambda: True)


def test_slow_networks_are_measured_once(make_recipe: Callable[..., Recipe], blobs: Parts) -> None:
    clock = stand_in([[60.0, 60.0], [30.0, 20.0], [1.0, 1.0]])
    found = measure([make_recipe()], blobs, BOTH[1], clock=clock)
    assert found == {"float32": 30.0, "mixed_bfloat16": 20.0}


def test_too_little_memory(
    make_recipe: Callable[..., Recipe], blobs: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "build_engine", lambda *_: np.empty(2**56))
    with pytest.raises(TrialFailedError) as caught:
        measure([make_recipe()], blobs, BOTH[1])
    assert caught.value.failure == Failure.OUT_OF_MEMORY


@pytest.mark.parametrize(
    ("text", "tried"),
    [
        ("processor : 0\nflags : fpu avx2 avx512f\n", False),
        ("processor : 0\nflags : fpu avx2 avx512_bf16\n", True),
        ("processor : 0\nflags : fpu amx_bf16\nprocessor : 1\nflags : fpu\n", True),
        # Of other processors it is not written so: there it is measured.
        ("processor : 0\nFeatures : asimd bf16\n", True),
        (None, True),
    ],
)
def test_a_processor_without_bfloat16_is_not_tried_in_it(  # noqa: PLR0917  # fixtures
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make_recipe: Callable[..., Recipe],
    blobs: Parts,
    text: str | None,
    tried: bool,
) -> None:
    file = tmp_path / "cpuinfo"
    if text is not None:
        file.write_text(text)
    monkeypatch.setattr(precision, "_CPU_INFO", file)
    seconds = {"float32": 1.0, "mixed_bfloat16": 2.0}
    monkeypatch.setattr(precision, "measure", lambda *_, **__: seconds)
    monkeypatch.setattr(precision, "LEAST_MACS", 0)
    found = measured([make_recipe()], blobs)
    assert found == ((seconds, "") if tried else ({}, "has no instructions for bfloat16"))


def test_gpus_are_tried_in_float16(monkeypatch: pytest.MonkeyPatch) -> None:
    assert rival() == "mixed_bfloat16"
    monkeypatch.setattr(devices, "on_gpu", lambda: True)
    assert rival() == "mixed_float16"
    assert why_not("mixed_bfloat16") == why_not("mixed_float16") == ""


@pytest.mark.parametrize(
    "error",
    [
        TrialFailedError(Failure.OUT_OF_MEMORY, "out of memory"),
        tf.errors.UnimplementedError(None, None, "no such kernel\nand more"),
    ],
)
def test_what_cannot_be_computed_leaves_float32(
    make_recipe: Callable[..., Recipe],
    blobs: Parts,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(precision, "why_not", lambda _: "")
    # Of a network of the user's own the size is known only once it is built.
    for name, other in (("measure", "mixed_float16"), ("size_of", "mixed_bfloat16")):
        monkeypatch.setattr(precision, name, fail)
        seconds, reason = measured([make_recipe()], blobs, other)
        assert seconds == {}
        assert reason.startswith(f"failed in {other} (")
        assert "\n" not in reason


@pytest.mark.parametrize(("units", "small"), [([64, 64], True), ([64, 512, 512], False)])
def test_small_networks_are_not_measured_on_a_processor(
    make_recipe: Callable[..., Recipe],
    blobs: Parts,
    monkeypatch: pytest.MonkeyPatch,
    units: list[int],
    small: bool,
) -> None:
    monkeypatch.setattr(precision, "why_not", lambda _: "")
    seconds = {"float32": 1.0, "mixed_bfloat16": 2.0}
    monkeypatch.setattr(precision, "measure", lambda *_, **__: seconds)
    config = {"layers": len(units), "units": units}
    recipes = [make_recipe(), make_recipe(config=config)]
    found, reason = measured(recipes, blobs)
    assert bool(found) != small
    said = "gains nothing by mixed_bfloat16 with networks as small as these"
    assert reason == (said if small else "")
    assert measured(recipes, blobs, "mixed_float16")[0] == seconds
    monkeypatch.setattr(devices, "on_gpu", lambda: True)
    assert measured(recipes, blobs)[0] == seconds


def test_nothing_to_measure(blobs: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "why_not", lambda _: "")
    assert measured([], blobs) == ({}, "has no network to measure")


def test_few_examples_are_enough(make_recipe: Callable[..., Recipe], blobs: Parts) -> None:
    few = replace(blobs, train=replace(blobs.train, rows=blobs.train.rows[:3]))
    found = measure([make_recipe()], few, BOTH[1], clock=stand_in([[1.0, 2.0]]))
    assert found == {"float32": 1.0, "mixed_bfloat16": 2.0}

"""Which precision trains fastest here: measured in turns, by whatever tells the time."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hpsearch.data.parts import Parts
from hpsearch.errors import Failure, TrialFailedError
from hpsearch.recipe import Recipe
from hpsearch.search.precision import choose
from hpsearch.training import devices, precision
from hpsearch.training.precision import candidates, measure

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
    usual = [2.0 if one == slower else 1.0 for one in range(2)]
    # The first round traces, and one of the others is disturbed: neither tells anything.
    clock = stand_in([[9.0, 30.0], [usual[0], 50.0], usual])
    found = measure([make_recipe()], blobs, BOTH, clock=clock)
    assert found == dict(zip(BOTH, usual, strict=True))
    assert choose(found) == chosen


def test_all_kinds_of_networks_count(make_recipe: Callable[..., Recipe], blobs: Parts) -> None:
    recipes = [make_recipe(), make_recipe(config={"layers": 2})]
    found = measure(recipes, blobs, BOTH, clock=stand_in([[1.0, 3.0]]))
    assert found == {"float32": 2.0, "mixed_bfloat16": 6.0}


def test_real_time_is_measured(make_recipe: Callable[..., Recipe], blobs: Parts) -> None:
    found = measure([make_recipe()], blobs, BOTH)
    assert found.keys() == set(BOTH)
    assert all(0.0 < seconds < 60.0 for seconds in found.values())


def test_one_precision_is_not_measured(make_recipe: Callable[..., Recipe], blobs: Parts) -> None:
    assert measure([make_recipe()], blobs, BOTH[:1], clock=lambda: 1 / 0) == {"float32": 0.0}


def test_too_little_memory(
    make_recipe: Callable[..., Recipe], blobs: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "build_engine", lambda *_: np.empty(2**56))
    with pytest.raises(TrialFailedError) as caught:
        measure([make_recipe()], blobs, BOTH)
    assert caught.value.failure == Failure.OUT_OF_MEMORY


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("processor : 0\nflags : fpu avx2 avx512f\n", BOTH[:1]),
        ("processor : 0\nflags : fpu avx2 avx512_bf16\n", BOTH),
        ("processor : 0\nflags : fpu amx_bf16\nprocessor : 1\nflags : fpu\n", BOTH),
        # Of other processors it is not written so: there it is measured.
        ("processor : 0\nFeatures : asimd bf16\n", BOTH),
        (None, BOTH),
    ],
)
def test_a_processor_without_bfloat16_is_not_tried_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, found: tuple[str, ...]
) -> None:
    file = tmp_path / "cpuinfo"
    if text is not None:
        file.write_text(text)
    monkeypatch.setattr(precision, "_CPU_INFO", file)
    assert candidates() == found


def test_gpus_are_tried_in_float16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "on_gpu", lambda: True)
    assert candidates() == ("float32", "mixed_float16")


def test_few_examples_are_enough(make_recipe: Callable[..., Recipe], blobs: Parts) -> None:
    few = replace(blobs, train=replace(blobs.train, rows=blobs.train.rows[:3]))
    found = measure([make_recipe()], few, BOTH, clock=stand_in([[1.0, 2.0]]))
    assert found == {"float32": 1.0, "mixed_bfloat16": 2.0}

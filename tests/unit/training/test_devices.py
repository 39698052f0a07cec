import weakref
from collections.abc import Callable
from pathlib import Path

import pytest
import tensorflow as tf

from hpsearch.data.parts import Parts
from hpsearch.errors import TrialFailedError
from hpsearch.recipe import Recipe
from hpsearch.training import devices
from hpsearch.training import train as train_module
from hpsearch.training.engine import Engine
from hpsearch.training.outcome import Watch


def test_threads_are_settled_before_the_first_use() -> None:
    tf.zeros(1)
    devices.set_up()  # twice the same is no harm
    with pytest.raises(RuntimeError, match="cannot be modified after initialization"):
        devices.set_up(threads=tf.config.threading.get_intra_op_parallelism_threads() + 1)


@pytest.mark.parametrize("interrupted", [False, True])
def test_a_trials_memory_is_given_back(
    make_recipe: Callable[..., Recipe],
    blobs: Parts,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    interrupted: bool,
) -> None:
    build = train_module.build_engine
    left: list[weakref.ref[object]] = []

    def spy(recipe: Recipe, parts: Parts) -> Engine:
        engine = build(recipe, parts)
        left.extend(weakref.ref(o) for o in (engine, engine.network, engine._resident))
        return engine

    monkeypatch.setattr(train_module, "build_engine", spy)
    watch = Watch(interrupted=lambda: interrupted)
    failed = None
    try:
        train_module.train(make_recipe(), blobs, tmp_path, watch)
    except TrialFailedError as error:
        failed = error  # whoever keeps the error keeps nothing else
    assert (failed is not None) == interrupted
    assert [ref() for ref in left] == [None] * 3

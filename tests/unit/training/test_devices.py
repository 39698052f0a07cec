import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from hpsearch.data.parts import Parts
from hpsearch.errors import TrialFailedError
from hpsearch.recipe import Recipe
from hpsearch.training import devices
from hpsearch.training import train as train_module
from hpsearch.training.engine import Engine
from hpsearch.training.outcome import Watch
from hpsearch.training.start import start_tensorflow


def test_threads_are_settled_before_the_first_use() -> None:
    tf.zeros(1)
    devices.set_up()  # twice the same is no harm
    with pytest.raises(RuntimeError, match="cannot be modified after initialization"):
        devices.set_up(threads=tf.config.threading.get_intra_op_parallelism_threads() + 1)


GPUS = [tf.config.PhysicalDevice(f"/physical_device:GPU:{index}", "GPU") for index in range(2)]


@pytest.fixture
def gpu_calls(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[tuple[str, object]]]:
    """A TensorFlow that finds two GPUs; what it is told of their memory."""
    calls: dict[str, list[tuple[str, object]]] = {"growth": [], "limits": []}
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _kind: GPUS)
    monkeypatch.setattr(
        tf.config.experimental,
        "set_memory_growth",
        lambda gpu, enable: calls["growth"].append((gpu.name, enable)),
    )
    monkeypatch.setattr(
        tf.config,
        "set_logical_device_configuration",
        lambda gpu, parts: calls["limits"].append((gpu.name, [p.memory_limit for p in parts])),
    )
    return calls


def test_a_process_alone_on_a_gpu_takes_memory_as_it_needs_it(
    gpu_calls: dict[str, list[tuple[str, object]]],
) -> None:
    devices.set_up()
    assert gpu_calls == {"growth": [(gpu.name, True) for gpu in GPUS], "limits": []}


def test_a_process_that_shares_a_gpu_is_limited(
    gpu_calls: dict[str, list[tuple[str, object]]],
) -> None:
    devices.set_up(gpu_memory=6758)  # TensorFlow refuses growth beside a limit
    assert gpu_calls == {"growth": [], "limits": [(gpu.name, [6758]) for gpu in GPUS]}


def test_a_limit_means_nothing_without_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("there is no GPU")

    monkeypatch.setattr(tf.config, "set_logical_device_configuration", fail)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _kind: [])
    devices.set_up(gpu_memory=1000)


def test_a_worker_tells_tensorflow_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[object] = []
    monkeypatch.setattr(devices, "set_up", lambda *args, **kwargs: told.append((args, kwargs)))
    start_tensorflow(2, 6758)
    start_tensorflow()
    assert told == [((2,), {"gpu_memory": 6758}), ((None,), {"gpu_memory": None})]


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

    def spy(*given: Any) -> Engine:
        engine = build(*given)
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

"""What a worker is reckoned to take, against sums done by hand.

What is built is compared with it in ``tests/unit/training``, where TensorFlow is imported anyway.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import fakes
import numpy as np
import pytest

from hpsearch.networks.dense import Dense
from hpsearch.optimizers import SGD, Adam, AdamW, RMSprop
from hpsearch.study_file import StudyFile
from hpsearch.workers.packing import (
    CONTEXT,
    example_bytes,
    gib,
    memory_limit,
    model_bytes,
    most_that_fit,
    output_bytes,
    study_load,
)

GIB = 2**30
SPACE = {
    "layers": {"type": "int", "low": 1, "high": 2},
    "units": {"type": "int", "low": 10, "high": 100},
    "batch_size": {"type": "categorical", "choices": [16, 32768]},
}


def test_examples_are_kept_as_they_are_on_the_device() -> None:
    assert example_bytes(3072, are_bytes=True) == 3072 + 8
    assert example_bytes(10, are_bytes=True) == 16 + 8  # whole words
    assert example_bytes(10, are_bytes=False) == 40 + 8


@pytest.mark.parametrize(
    ("optimizer", "slots"),
    [
        (Adam(), 2),
        (Adam(amsgrad=True), 3),
        (AdamW(amsgrad=True), 3),
        (SGD(), 2),  # as for Adam at least
        (SGD(momentum=0.9), 2),
        (RMSprop(), 2),
        (RMSprop(momentum=0.9, centered=True), 3),
    ],
)
def test_optimizers_keep_numbers_beside_the_weights(optimizer: Any, slots: int) -> None:
    assert model_bytes(1000, optimizer) == 1000 * (3 + slots) * 4


def test_outputs_grow_with_layers_and_batch() -> None:
    plain = Dense(units=(5, 7))
    assert output_bytes(plain.output_sizes((10,), 3), 4) == 2 * 4 * 4 * (20 + 10 + 14 + 3)
    full = Dense(units=(5, 7), batch_norm=True, dropout=(0.5, 0.0))
    assert output_bytes(full.output_sizes((2, 5), 3), 4) == 2 * 4 * 4 * (20 + 20 + 21 + 3)


def test_a_study_is_reckoned_by_its_largest_model_and_batch(
    make_file: Callable[..., StudyFile],
) -> None:
    file = make_file(space=SPACE)
    load = study_load(file, fakes.parts(), private_bytes=17)
    assert load.parameters == 8 * 100 + 100 + 100 * 100 + 100 + 100 * 3 + 3
    assert load.model_bytes == load.parameters * 5 * 4
    assert load.data_bytes == 30 * 16
    assert load.output_bytes == 2 * 4 * 32768 * (16 + 200 + 200 + 3)
    assert load.private_bytes == 17
    assert load.gpu_bytes == CONTEXT + load.model_bytes + load.data_bytes + load.output_bytes
    assert f"{load.parameters:,} parameters" in str(load)


def test_models_over_the_limit_do_not_count_but_the_largest_batch_does(
    make_file: Callable[..., StudyFile],
) -> None:
    file = make_file(space=SPACE, budget={"max_parameters": 2000})
    load = study_load(file, fakes.parts(), private_bytes=0)
    assert 1000 < load.parameters <= 2000
    values = load.output_bytes / (2 * 4 * 32768)
    assert values == int(values) < 16 + 200 + 200 + 3


def test_examples_of_the_parts_alone_are_copied(make_file: Callable[..., StudyFile]) -> None:
    parts = fakes.parts()
    fewer = replace(parts, train=replace(parts.train, rows=np.arange(4)))
    assert study_load(make_file(), fewer, 0).data_bytes == 10 * 16
    floats = replace(parts, validation=replace(parts.validation, x=np.zeros((30, 8))))
    assert study_load(make_file(), floats, 0).data_bytes == 30 * 40


@pytest.mark.parametrize(
    ("memory", "worker", "fit"),
    [(16 * GIB, 2 * GIB, 7), (16 * GIB, 16 * GIB, 0), (0, 2 * GIB, 0), (40 * GIB, 38 * GIB, 1)],
)
def test_how_many_fit(memory: int, worker: int, fit: int) -> None:
    assert most_that_fit(memory, worker) == fit


@pytest.mark.parametrize(
    ("memory", "workers", "limit"),
    [(16, 2, 6758), (16, 4, 2867), (16, 15, 13), (16, 16, -52), (80, 4, 18432)],
)
def test_the_limit_of_each(memory: int, workers: int, limit: int) -> None:
    assert memory_limit(memory * GIB, workers) == limit
    assert workers * (limit * 2**20 + CONTEXT) <= 0.95 * memory * GIB


@pytest.mark.parametrize("worker", [1.5, 2, 3.9, 7])
def test_what_fits_fits_within_the_limit(worker: float) -> None:
    need = int(worker * GIB)
    fit = most_that_fit(16 * GIB, need)
    assert memory_limit(16 * GIB, fit) * 2**20 >= need - CONTEXT - 2**20
    assert memory_limit(16 * GIB, fit + 1) * 2**20 < need - CONTEXT


def test_sizes_for_readers() -> None:
    assert [gib(n) for n in (1.5 * GIB, 0.1 * GIB, 3 * 2**20)] == ["1.5 GiB", "0.1 GiB", "3.0 MiB"]

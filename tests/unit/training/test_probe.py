from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hpsearch.data.parts import Parts
from hpsearch.errors import Failure, TrialFailedError
from hpsearch.recipe import Recipe
from hpsearch.training import probe as probe_module
from hpsearch.training.outcome import Watch
from hpsearch.training.probe import probe
from hpsearch.training.train import train


def test_a_probe_measures_size_and_time(
    make_recipe: Callable[..., Recipe], blobs: Parts, tmp_path: Path
) -> None:
    rows = np.tile(blobs.train.rows, 400)
    large = replace(blobs, train=replace(blobs.train, rows=rows))
    recipe = make_recipe(config={"batch_size": 8})
    found = probe(recipe, large)
    assert found.parameters == 5 * 4 + 4 + 4 * 3 + 3
    assert found.bytes_weights_and_optimizer == 4 * 3 * found.parameters + 8 + 4
    # Measured on a fifth of the epoch; what the whole one takes is of that order.
    real = train(recipe, large, tmp_path, Watch()).curves[-1].seconds
    assert real / 5 < found.seconds_per_epoch < real * 5
    assert 0.0 < found.seconds_to_start < 60.0  # tracing takes longer than these epochs


def test_too_little_memory(
    make_recipe: Callable[..., Recipe], blobs: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe_module, "build_engine", lambda *_: np.empty(2**56))
    with pytest.raises(TrialFailedError) as caught:
        probe(make_recipe(), blobs)
    assert caught.value.failure == Failure.OUT_OF_MEMORY

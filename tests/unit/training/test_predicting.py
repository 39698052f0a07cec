"""Networks and exported models, asked about examples."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import softmax

from hpsearch.data.parts import Parts
from hpsearch.errors import InputError
from hpsearch.recipe import Recipe
from hpsearch.training import model, quiet
from hpsearch.training.export import write_model
from hpsearch.training.opened import of_model
from hpsearch.training.predicting import of_network
from hpsearch.training.train import logits


@pytest.fixture
def weights(make_recipe: Callable[..., Recipe], blobs: Parts, tmp_path: Path) -> Path:
    file = tmp_path / "best.weights.h5"
    with quiet.keras_copies():
        model.build_for(make_recipe(), blobs).save_weights(file)
    return file


def test_a_network_answers_in_probabilities(
    make_recipe: Callable[..., Recipe], blobs: Parts, weights: Path
) -> None:
    recipe, x = make_recipe(), blobs.train.x
    answer = of_network(recipe, blobs, weights)
    own = softmax(logits(recipe, blobs, weights, x).astype(np.float64), axis=1)
    np.testing.assert_array_equal(answer(x), own)
    np.testing.assert_allclose(answer(x[:3]), own[:3], atol=1e-6)
    weights.write_bytes(b"no weights")
    with pytest.raises(InputError, match=r"best\.weights\.h5: is damaged"):
        of_network(recipe, blobs, weights)


@pytest.mark.parametrize("form", ["keras", "saved_model"])
def test_a_model_says_what_it_takes_and_answers_as_its_network(
    make_recipe: Callable[..., Recipe], blobs: Parts, weights: Path, tmp_path: Path, form: Any
) -> None:
    recipe, x = make_recipe(), blobs.train.x
    output = tmp_path / ("a.keras" if form == "keras" else "a")
    write_model(recipe, blobs, weights, output, form)
    asked = of_model(output, form)
    assert asked.inputs == {"inputs": ((5,), "uint8")}
    many = np.tile(x, (30, 1))  # more than are asked about at once
    wanted = of_network(recipe, blobs, weights)(x)
    np.testing.assert_allclose(asked.answer(many), np.tile(wanted, (30, 1)), atol=1e-6)


@pytest.mark.parametrize("form", ["keras", "saved_model"])
def test_a_model_that_is_damaged_is_told(tmp_path: Path, form: Any) -> None:
    output = tmp_path / ("a.keras" if form == "keras" else "a")
    if form == "keras":
        with zipfile.ZipFile(output, "w") as archive:
            archive.writestr("config.json", json.dumps({"config": {"name": "hpsearch"}}))
    else:
        output.mkdir()
        (output / "saved_model.pb").write_bytes(b"nothing")
    with pytest.raises(InputError, match="export it again"):
        of_model(output, form)

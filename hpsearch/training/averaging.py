"""Averaging trained networks: of classifiers their probabilities, of regressions their predictions.

Those are in the target's own unit. Logits are never averaged: they have no common scale.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from scipy.special import softmax

from hpsearch.data.parts import Parts
from hpsearch.recipe import Recipe
from hpsearch.training import model, quiet
from hpsearch.training.ensemble import Cost, Member, joined
from hpsearch.training.export import load_weights, write_network
from hpsearch.training.export_other import Built, in_float32
from hpsearch.training.opened import Answer, Examples
from hpsearch.training.other_formats import OTHER_FORMATS, OtherForm
from hpsearch.training.predicting import of_network
from hpsearch.training.train import fold_outputs, values_of
from hpsearch.training.written import Form, target_name

BATCH = 256
"""Examples of which the latency of a batch is measured, at most."""
_CALLS, _SECONDS = (5, 100), 1.0
"""How often a latency is measured, at least and at most, and when it has been often enough."""


@dataclass(frozen=True, kw_only=True)
class Validated:
    """What a trained network says of validation examples, and what it comes to."""

    rows: npt.NDArray[np.int64]
    """Which examples, ascending, shape (n,)."""
    y: npt.NDArray[Any]
    """What is true of them, shape (n,)."""
    answers: npt.NDArray[np.floating]
    """Probabilities in float32, shape (n, classes); of a regression predictions in the target's own
    unit, shape (n, 1)."""
    values: dict[str, float]
    """By metric, as training names them; with folds the means over them."""


def validated_answers(recipe: Recipe, parts: Parts, weights: Path) -> Validated:
    """What a trained network says of the examples that it was not trained on.

    With folds those are all: of each example it is what the network of its fold says, and the mean
    of these where the folds are drawn several times.

    Args:
        recipe: what was trained.
        parts: its data.
        weights: the ``best.weights.h5`` of that training.

    Raises:
        OSError, ValueError, KeyError: the file is damaged, or of another network.
    """
    found = list(fold_outputs(recipe, parts, weights))
    answers = np.concatenate([_answers(fold, outputs) for fold, outputs in found])
    every = np.concatenate([fold.validation.rows for fold, _ in found])
    rows, place, times = np.unique(every, return_inverse=True, return_counts=True)
    sums = np.zeros((len(rows), answers.shape[1]))
    np.add.at(sums, place, answers)
    return Validated(
        rows=rows,
        y=parts.validation.y[rows],
        answers=(sums / times[:, np.newaxis]).astype(answers.dtype),
        values=values_of(recipe, found),
    )


def _answers(fold: Parts, outputs: npt.NDArray[np.float32]) -> npt.NDArray[np.floating]:
    """A fold's outputs as answers."""
    if fold.target is not None:
        return fold.target.restored(outputs)
    return np.asarray(softmax(outputs.astype(np.float64), axis=1).astype(np.float32))


def of_ensemble(members: Sequence[Member]) -> Answer:
    """An ensemble, built once; see :func:`hpsearch.training.predicting.of_network`."""
    known = [(one.share, of_network(one.recipe, one.parts, one.weights)) for one in members]

    def answer(x: Examples) -> npt.NDArray[np.floating]:
        (share, ask), *others = known
        total = share * ask(x)
        for share, ask in others:
            total += share * ask(x)
        return total

    return answer


def network_of(members: Sequence[Member], dtype: str = "float64") -> tuple[keras.Model, Parts]:
    """An ensemble as one network, with the data that say what it takes and gives.

    Args:
        members: at least one.
        dtype: in which predictions are averaged.

    Raises:
        InputError: weights that are damaged, or those of another network.
        UnreachableError: a file that cannot be read.
    """
    parts, weights = joined(members), list[npt.NDArray[np.generic]]()
    for one in members:
        own = model.build_for(one.recipe, one.parts)
        load_weights(own, one.weights)
        weights += own.get_weights()
    network = _build(members, parts, dtype)
    with quiet.keras_copies():
        network.set_weights(weights)
    return network, parts


def write_ensemble(members: Sequence[Member], output: Path, form: Form) -> float:
    """Write an ensemble as one model; see :func:`hpsearch.training.export.write_model`."""
    network, parts = network_of(members)
    build, target = partial(_build, members), target_name(members[0].recipe)
    return write_network(network, build, parts, output, form=form, target=target)


def built_ensemble(members: Sequence[Member], form: OtherForm) -> Built:
    """An ensemble in float32; see :func:`hpsearch.training.export_other.built`."""
    dtype = OTHER_FORMATS[form].predictions
    alike = [replace(one, recipe=in_float32(one.recipe)) for one in members]
    network, parts = network_of(alike, dtype)
    build = partial(_build, alike, dtype=dtype)
    return Built(network=network, build=build, parts=parts, target=target_name(members[0].recipe))


def _build(members: Sequence[Member], parts: Parts, dtype: str = "float64") -> keras.Model:
    """The network of an ensemble for the joined data of its members."""
    folds = [(one, len(one.parts.folds)) for one in members]
    recipes = [one.recipe for one, count in folds for _ in range(count)]
    shares = [one.share / count for one, count in folds for _ in range(count)]
    return model.build_ensemble(recipes, shares, parts, dtype)


def cost_of(members: Sequence[Member], x: npt.NDArray[np.generic]) -> Cost:
    """The parameters of an ensemble, and how long it takes on this machine.

    Args:
        members: of one, that network.
        x: examples as they are stored, at least one, shape (n, *input_shape).

    Raises:
        InputError: weights that are damaged, or those of another network.
        UnreachableError: a file that cannot be read.
    """
    network, _ = network_of(members)
    ask = tf.function(partial(network, training=False), reduce_retracing=False)
    batch = np.asarray(x[:BATCH])
    return Cost(
        parameters=sum(int(np.prod(one.shape)) for one in network.trainable_weights),
        one=_seconds(ask, batch[:1]),
        batch=_seconds(ask, batch),
        examples=len(batch),
    )


def _seconds(ask: Callable[[tf.Tensor], tf.Tensor], x: npt.NDArray[np.generic]) -> float:
    """How long a call takes: the median, without the first, which traces."""
    given, (least, most) = tf.constant(x), _CALLS
    np.asarray(ask(given))
    taken, end = list[float](), time.perf_counter() + _SECONDS
    while len(taken) < least or (len(taken) < most and time.perf_counter() < end):
        start = time.perf_counter()
        np.asarray(ask(given))  # which waits for a GPU
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)

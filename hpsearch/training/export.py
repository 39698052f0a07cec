"""Export: a trained network as a model that opens wherever Keras or TensorFlow is.

It takes inputs as they are stored, or the raw columns of a table, and gives probabilities, or
predictions in the target's own unit; all its layers are Keras' own, so that it needs no hpsearch.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from hpsearch.data.parts import Parts
from hpsearch.data.tables.fitted import Tabular
from hpsearch.data.tables.raw import coded_columns, known_only, made_up_rows, raw_columns
from hpsearch.data.target import Standard
from hpsearch.errors import DamagedWeightsError, InputError, ProgramError, UnreachableError
from hpsearch.recipe import Recipe
from hpsearch.training import layers, model, quiet, raw, users
from hpsearch.training.engine import evaluation_batch
from hpsearch.training.opened import Answer, Examples, of_model
from hpsearch.training.other_formats import OTHER_FORMATS, other_form
from hpsearch.training.targets import restored
from hpsearch.training.written import (
    NAME,
    Form,
    ModelForm,
    input_names,
    signature,
    target_name,
    write_beside,
)

Array = npt.NDArray[np.generic]
Build = Callable[[Parts], keras.Model]
"""Builds a network for data; its weights are those of its seed."""

TOLERANCE = 1e-5
"""A probability of the written model may be so far off the network's, and a prediction so many
ranges of the training rows' targets."""
COMPARED = 1000
"""Validation examples, at most, on which the two are compared."""
MADE_UP = 32
"""Inputs on which they are compared where there are no examples."""


def write_model(recipe: Recipe, parts: Parts, weights: Path, output: Path, form: Form) -> float:
    """Write a trained network as a model, read it back and compare it with the network.

    ``hpsearch.training.devices.set_up`` comes first, once in a process.

    Args:
        recipe: what was trained.
        parts: its data: shape, classes and scaling of the inputs, and validation examples.
        weights: a ``best.weights.h5`` that training wrote for the recipe.
        output: a file ending in ".keras", or the folder of a SavedModel, where nothing is yet.
            What lies beside a file is written into the folder.
        form: which of the two.

    Returns:
        the largest difference of a probability, or of a prediction in ranges of the training rows'
        targets, on up to 1,000 validation examples; where the parts have none, on inputs that are
        made up.

    Raises:
        InputError: weights that are damaged, or those of another network.
        UnreachableError: files that cannot be read or written.
        ProgramError: what was written is not what was trained; the caller removes it.
    """
    network = model.build_for(recipe, parts)
    load_weights(network, weights)
    return write_network(
        network,
        partial(model.build_for, recipe),
        parts,
        output,
        form=form,
        target=target_name(recipe),
    )


def write_network(
    network: keras.Model,
    build: Build,
    parts: Parts,
    output: Path,
    *,
    form: Form,
    target: str | None,
) -> float:
    """Write a network as a model, read it back and compare them; see :func:`write_model`.

    Args:
        network: with its weights.
        build: builds such a network for data.
        parts: its data.
        output: the file or folder.
        form: which of the two.
        target: the name of the target's column, if it has one.
    """
    own = _own_code(network)
    if own and form == "keras":
        raise InputError(
            f"a .keras file opens only where the code of its layers is, and {own} is your own;"
            " export a SavedModel, which needs no code: a name that ends in /"
        )
    exported = portable(*slim(build, network, parts), form)
    try:
        with quiet.keras_copies():
            _WRITERS[form](exported, output)
    except tf.errors.OpError as error:
        raise UnreachableError(f"{output}: cannot be written: {error.message}") from None
    except Exception as error:
        if own is None:
            raise
        raise InputError(
            f"{output}: Keras cannot write your model, of which {own} is your own:"
            f" {users.said(error)}"
        ) from None
    if form == "saved_model":
        write_beside(output, form, signature(parts, target, form))
    taken = partial(asked, parts, form=form)
    largest = largest_difference(network, parts, of_model(output, form).answer, taken)
    if largest > TOLERANCE:
        what = "probability" if parts.target is None else "prediction, by the targets' range"
        raise ProgramError(
            f"the model that was written differs from the trained network by {largest:.2g} in a"
            f" {what}, more than {TOLERANCE:g}; it was removed. Please report this"
        )
    return largest


def slim(build: Build, network: keras.Model, parts: Parts) -> tuple[keras.Model, Parts]:
    """A network that knows no category of a table but those of training rows, and its data."""
    tables = [fold.transform for fold in parts.folds if isinstance(fold.transform, Tabular)]
    if not tables:
        return network, parts
    first, *others = (
        replace(fold, transform=table)
        for fold, table in zip(parts.folds, known_only(tables), strict=True)
    )
    fewer = replace(first, others=tuple(others))
    again = build(fewer)
    with quiet.keras_copies():
        again.set_weights(network.get_weights())
    return again, fewer


def largest_difference(
    network: keras.Model, parts: Parts, answer: Answer, taken: Callable[[Array], Examples]
) -> float:
    """By how much a written model is off its network at most; infinite where one is no number.

    Args:
        network: with its weights.
        parts: its data.
        answer: of the model.
        taken: stored examples as the model takes them.
    """
    rows = parts.validation.rows[:COMPARED]
    x = parts.validation.x[rows] if len(rows) else _made_up(parts)
    batch, unit = evaluation_batch(network), 1.0
    if parts.answers is not None:
        unit = parts.answers.high - parts.answers.low
    largest = 0.0
    for start in range(0, len(x), batch):
        some = x[start : start + batch]
        outputs = network(some, training=False)
        own = tf.nn.softmax(outputs).numpy()
        if parts.answers is not None:
            own = parts.answers.restored(np.asarray(outputs))
        difference = np.abs(answer(taken(some)) - own).max() / unit
        largest = max(largest, float(difference) if np.isfinite(difference) else np.inf)
    return largest


def asked(parts: Parts, x: Array, form: ModelForm, known: Parts | None = None) -> Examples:
    """Examples as an exported model takes them.

    Args:
        parts: the data of its network.
        x: as they are stored, shape (n, *input_shape).
        form: of the model.
        known: of another tool's model the data with the categories that it knows.
    """
    if not isinstance(parts.transform, Tabular):
        return x
    columns, other = parts.transform.columns, other_form(form)
    names = input_names([column.name for column in columns], form)
    if other is None or known is None or not isinstance(known.transform, Tabular):
        return dict(zip(names, raw_columns(columns, x), strict=True))
    texts = OTHER_FORMATS[other].takes_texts
    found = coded_columns(columns, known.transform.columns, x, takes_texts=texts)
    return dict(zip(names, found, strict=True))


def _made_up(parts: Parts) -> Array:
    """Inputs that are noise when they are scaled, as they would be stored."""
    if isinstance(parts.transform, Tabular):
        return made_up_rows(parts.transform, MADE_UP)
    noise = np.random.default_rng(0).standard_normal((MADE_UP, *parts.input_shape))
    transform, dtype = parts.affine, parts.train.x.dtype
    x = (noise - transform.offset) / transform.multiplier
    if np.issubdtype(dtype, np.integer):
        limits = np.iinfo(dtype.name)
        x = np.clip(np.rint(x), limits.min, limits.max)
    return x.astype(dtype)


def load_weights(network: keras.Model, weights: Path) -> None:
    """Give a network the weights in a file.

    Raises:
        DamagedWeightsError: a damaged file, or the weights of another network.
        UnreachableError: the file cannot be read.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # layers that would keep other weights
            network.load_weights(weights)
    except PermissionError:
        raise UnreachableError(f"{weights}: cannot be read; check its permissions") from None
    except (OSError, ValueError, KeyError, UserWarning) as error:
        raise DamagedWeightsError(weights, error) from None


def portable(network: keras.Model, parts: Parts, form: Form = "keras") -> keras.Model:
    """The network as a model of Keras' own layers, with the same weights.

    Args:
        network: from :func:`hpsearch.training.model.build_for`, with its weights.
        parts: its data.
        form: what the model is for; names of a table's inputs depend on it.

    Returns:
        a functional model: inputs as they are stored, shape (batch, *input_shape) and of their
        type, or a dict of a table's raw columns (``hpsearch.training.raw``); to float32
        probabilities of shape (batch, classes), or float64 predictions of shape (batch, 1).
    """
    own = _own_code(network)
    if isinstance(parts.transform, Tabular):
        # What has code of the user's own is taken as it is.
        copied = network if own else _cloned(network)
        exported = _of_columns(copied, parts, parts.transform, form)
    elif own:
        inputs = keras.Input(parts.input_shape, dtype=parts.train.x.dtype.name, name="inputs")
        return keras.Model(inputs, _answered(network(inputs), parts.answers), name=NAME)
    else:
        inputs = keras.Input(parts.input_shape, dtype=parts.train.x.dtype.name, name="inputs")
        copied = _cloned(network, inputs)
        exported = keras.Model(inputs, _answered(copied.output, parts.answers), name=NAME)
    with quiet.keras_copies():
        exported.set_weights(network.get_weights())
    return exported


def _own_code(network: keras.Model) -> str | None:
    """What in a network's layers is neither Keras' nor ours, in words; None: all is.

    Layers within a layer are Keras' own affair, or of such a class.
    """
    for layer in network.layers:
        kind = type(layer)
        if kind.__module__.partition(".")[0] not in ("keras", "hpsearch"):
            return kind.__name__
        if isinstance(layer, keras.Model):
            if found := _own_code(layer):
                return found
        elif not _is_stock(layer):
            return f"what the layer {layer.name} ({kind.__name__}) computes with"
    return None


def _is_stock(layer: keras.Layer) -> bool:
    """Whether any Keras can read a layer back: it has no function or class of the user's."""
    try:
        _stock(layer)
    except Exception:  # noqa: BLE001  # what Keras, or the user's class, says of it may be any
        return False
    return True


def _of_columns(copied: keras.Model, parts: Parts, table: Tabular, form: Form) -> keras.Model:
    """A model that takes the raw columns of a table, by the columns' names."""
    numbered = [f"column_{number}" for number in range(len(table.columns))]
    given, rows = raw.stored_rows(table.columns, numbered)
    outputs = _answered(copied(rows), parts.answers)
    names = input_names([column.name for column in table.columns], form)
    # A model of its own: names of columns may be those of its layers.
    inner = keras.Model([*given.values()], outputs, name=_unlike("columns", names))
    inputs = {
        name: keras.Input((), dtype=one.dtype, name=name)
        for name, one in zip(names, given.values(), strict=True)
    }
    return keras.Model(inputs, inner([*inputs.values()]), name=NAME)


def _unlike(name: str, names: Sequence[str]) -> str:
    """A name that is none of some others."""
    return _unlike(f"{name}_", names) if name in names else name


def _answered(outputs: keras.KerasTensor, target: Standard | None) -> keras.KerasTensor:
    """What a model gives: probabilities, or predictions in the target's own unit."""
    if target is None:
        return keras.layers.Softmax(dtype="float32", name="probabilities")(outputs)
    return restored(target, outputs)


def _cloned(network: keras.Model, inputs: keras.KerasTensor | None = None) -> keras.Model:
    """A network like another one, of layers that any Keras can read back.

    It is not compiled: the optimizer, loss and metrics may be the user's, and answer nothing.
    """
    compiled, network.compiled = network.compiled, False
    try:
        return keras.models.clone_model(network, input_tensors=inputs, clone_function=_stock)
    finally:
        network.compiled = compiled


def _stock(layer: keras.Layer) -> keras.Layer:
    """A layer like one of the network's that any Keras can read back."""
    if isinstance(layer, keras.Model):  # the network of a fold, or the user's model
        return _cloned(layer)
    if isinstance(layer, keras.layers.Activation):  # ours may have a function that is not Keras'
        name = layer.activation.__name__
        return keras.layers.Activation(name, dtype=layer.dtype_policy, name=layer.name)
    if isinstance(layer, keras.layers.Rescaling):
        scale, offset = (np.asarray(v).tolist() for v in (layer.scale, layer.offset))
        return keras.layers.Rescaling(scale, offset, dtype="float32", name=layer.name)
    kind = type(layer)
    if kind.__module__ == layers.__name__:  # Keras' own, but faster
        kind = kind.__bases__[0]
    return kind.from_config(layer.get_config())


def _write_keras(exported: keras.Model, output: Path) -> None:
    exported.save(output)


def _write_saved_model(exported: keras.Model, output: Path) -> None:
    exported.export(output, format="tf_saved_model", verbose=False)


_WRITERS = {"keras": _write_keras, "saved_model": _write_saved_model}


def raw_model(recipe: Recipe, parts: Parts, weights: Path) -> keras.Model:
    """A trained network as a model to use here; see :func:`portable`.

    ``hpsearch.training.devices.set_up`` comes first, once in a process.

    Args:
        recipe: what was trained.
        parts: its data.
        weights: a ``best.weights.h5`` that training wrote for the recipe.

    Raises:
        InputError: weights that are damaged, or those of another network.
        UnreachableError: the file cannot be read.
    """
    network = model.build_for(recipe, parts)
    load_weights(network, weights)
    # Names of a table's inputs are the columns'; code of one's own is here.
    return portable(*slim(partial(model.build_for, recipe), network, parts), "keras")

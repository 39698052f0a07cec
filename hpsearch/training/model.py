"""The network of a recipe, as a Keras model that takes inputs as they are stored."""

from collections.abc import Sequence

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from hpsearch.data.parts import Parts
from hpsearch.data.tables.fitted import Tabular
from hpsearch.data.transform import Affine
from hpsearch.errors import InputError
from hpsearch.networks.dense import Dense
from hpsearch.networks.network import Network, Size
from hpsearch.networks.python import Data, Python
from hpsearch.recipe import Recipe
from hpsearch.training import columns, networks, tables
from hpsearch.training.networks import python
from hpsearch.training.targets import restored, standardised


def build(
    network: Network,
    *,
    input_shape: tuple[int, ...],
    outputs: int,
    transform: Affine | Tabular,
    seed: int,
    precision: str = "float32",
    class_names: tuple[str, ...] = (),
    training_rows: int = 0,
) -> keras.Model:
    """Build the network: its layers behind what the transform does to the inputs.

    Args:
        network: its fields.
        input_shape: of one example, without the batch.
        outputs: values that the network puts out for an example.
        transform: what is done to the inputs first.
        seed: the trial's seed; same seed, same weights and dropout masks.
        precision: "float32", "mixed_bfloat16" or "mixed_float16", for the hidden layers;
            scaling and outputs are float32 always.
        class_names: in the order of the outputs; of a regression none.
        training_rows: examples that are trained on.

    Returns:
        a functional model: raw values of shape (batch, *input_shape) to float32 outputs of
        shape (batch, outputs).
    """
    inputs = keras.Input(input_shape, name="inputs")
    x = _first(network, inputs, transform, seed)
    data = Data(
        input_shape=tuple(x.shape[1:]),
        outputs=outputs,
        task="classification" if class_names else "regression",
        class_names=class_names,
        training_rows=training_rows,
        columns=columns.columns_of(transform) if isinstance(transform, Tabular) else (),
    )
    given = _named(inputs, transform, x) if isinstance(network, Python) else x
    found = networks.build(network, given, data, seed, keras.DTypePolicy(precision))
    return keras.Model(inputs, found, name="network")


def _first(
    network: Network, inputs: keras.KerasTensor, transform: Affine | Tabular, seed: int
) -> keras.KerasTensor:
    """What the transform makes of raw inputs. Arguments as of :func:`build`."""
    if isinstance(transform, Tabular):
        fields = network if isinstance(network, Dense) else Dense()
        return tables.features(transform.arrays(), inputs, seed, fields)
    return keras.layers.Rescaling(
        _plain(transform.multiplier), _plain(transform.offset), dtype="float32", name="scale"
    )(inputs)


def _named(
    inputs: keras.KerasTensor, transform: Affine | Tabular, x: keras.KerasTensor
) -> python.Given:
    """What a model of the user's own may take."""
    if isinstance(transform, Tabular):
        return python.Given(x, columns.by_name(transform, inputs, x))
    return python.Given(x)


def front(recipe: Recipe, parts: Parts, own: keras.Model) -> keras.Model:
    """What comes before a model of the user's own in its network, as a model.

    Args:
        recipe: which has the model.
        parts: its data, of one fold.
        own: the model.

    Returns:
        raw values of shape (batch, *input_shape) to what the user's takes.
    """
    inputs = keras.Input(parts.input_shape, name="inputs")
    x = _first(recipe.config.network, inputs, parts.transform, recipe.seed)
    return keras.Model(inputs, python.chosen(own, _named(inputs, parts.transform, x)))


def build_for(recipe: Recipe, parts: Parts, dtype: str = "float64") -> keras.Model:
    """The network of a recipe for its data; with folds one that averages those of the folds.

    See :func:`build`.

    Args:
        recipe: its network, seed and precision.
        parts: its data.
        dtype: in which predictions of folds are averaged.

    Raises:
        InputError: a setting that does not fit the data.
    """
    if misfit := recipe.config.network.misfit(parts.shape):
        raise InputError(misfit)
    networks = [
        build(
            recipe.config.network,
            input_shape=fold.input_shape,
            outputs=fold.outputs,
            transform=fold.transform,
            seed=recipe.seed,
            precision=recipe.training.precision,
            class_names=fold.class_names,
            training_rows=fold.training_rows,
        )
        for fold in parts.folds
    ]
    return networks[0] if len(networks) == 1 else _averaged(networks, parts, dtype=dtype)


def build_ensemble(
    recipes: Sequence[Recipe], shares: Sequence[float], parts: Parts, dtype: str = "float64"
) -> keras.Model:
    """A network that averages those of some recipes by weight, built as those of folds are.

    Args:
        recipes: one for each fold of the parts.
        shares: by how much each counts, likewise; their sum is 1.
        parts: their data; see :func:`hpsearch.training.ensemble.joined`.
        dtype: in which predictions are averaged.

    Returns:
        see :func:`build`. With several folds what it puts out are logarithms of the averaged
        probabilities, or the averaged predictions as ``parts.answers`` restores them.
    """
    networks = [build_for(*one) for one in zip(recipes, parts.folds, strict=True)]
    return networks[0] if len(networks) == 1 else _averaged(networks, parts, shares, dtype)


def size_of(network: keras.Model) -> Size:
    """The trainable parameters of a network that is built, and its multiplications, each with an
    addition, as far as TensorFlow's profiler knows the operations.
    """
    call = tf.function(lambda x: network(x, training=False), autograph=False)
    shape = (1, *network.input.shape[1:])
    graph = call.get_concrete_function(tf.TensorSpec(shape, network.input.dtype)).graph
    profile = tf.compat.v1.profiler
    options = profile.ProfileOptionBuilder(profile.ProfileOptionBuilder.float_operation())
    counted = profile.profile(graph, options=options.with_empty_output().build())
    return Size(
        parameters=sum(int(np.prod(one.shape)) for one in network.trainable_variables),
        macs=counted.total_float_ops // 2,
    )


def _averaged(
    networks: Sequence[keras.Model],
    parts: Parts,
    shares: Sequence[float] | None = None,
    dtype: str = "float64",
) -> keras.Model:
    """A network whose probabilities, or numbers, are the means of those of some networks.

    Args:
        networks: one for each fold.
        parts: the folds' data.
        shares: by how much each counts; None: all alike.
        dtype: in which predictions are averaged.
    """
    inputs = keras.Input(parts.input_shape, name="inputs")
    answers, found = parts.answers, []
    for number, (network, fold) in enumerate(zip(networks, parts.folds, strict=True)):
        outputs = _again(network, inputs, f"fold_{number + 1}")
        if fold.target is None or answers is None:
            outputs = keras.layers.Softmax(dtype="float32", name=f"share_{number + 1}")(outputs)
        else:
            outputs = standardised(answers, restored(fold.target, outputs, dtype), dtype)
        found.append(outputs)
    if shares is None:
        mean = keras.layers.Average(dtype="float32", name="mean")(found)
    else:
        weighted = [
            keras.ops.multiply(one, share) for one, share in zip(found, shares, strict=True)
        ]
        mean = keras.layers.Add(dtype="float32", name="mean")(weighted)
    if parts.target is None:
        mean = keras.ops.log(keras.ops.maximum(mean, np.finfo(np.float32).tiny))
    return keras.Model(inputs, mean, name="network")


def _again(network: keras.Model, inputs: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """The outputs of a network as a layer of another one."""
    return keras.Model(network.inputs, network.outputs[0], name=name)(inputs)


def _plain(values: npt.NDArray[np.float32]) -> float | npt.NDArray[np.float32]:
    """One number as a float, which reads well in a saved model; several as they are."""
    return float(values.item()) if values.size == 1 else np.asarray(values, np.float32)

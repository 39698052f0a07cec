"""Networks of one's own: a function in a Python file builds a model, which becomes a layer."""

import contextlib
import random
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakValueDictionary

import keras
import numpy as np
import numpy.typing as npt

from hpsearch.config import TrialConfig
from hpsearch.errors import InputError
from hpsearch.networks.python import Data, Python
from hpsearch.text import closest, show
from hpsearch.training import users

NAME = "own"
"""Of the model among the layers of the network."""

_MADE_UP = 8
"""Examples of noise by which probabilities are told from logits."""

_LOSS, _SOFTMAX = '"sparse_categorical_crossentropy"', 'Dense(data.outputs, "softmax")'
_METRICS = 'metrics of class numbers ("accuracy", "sparse_...")'
"""What fits in their place where a model's own loss, last layer or metrics do not."""

_trained: WeakValueDictionary[int, keras.Variable] = WeakValueDictionary()
"""Weights of models that this process has built, as far as they learn; by their ``id``."""


@dataclass(frozen=True)
class Given:
    """What a model of the user's own may take."""

    x: keras.KerasTensor
    """Scaled inputs, or all features of a row of a table; shape (batch, ...)."""
    named: Mapping[str, keras.KerasTensor] = field(default_factory=dict)
    """Of a table, by what an input may be called; see ``hpsearch.training.columns``."""


def build(
    network: Python, given: Given, data: Data, seed: int, policy: keras.DTypePolicy
) -> keras.KerasTensor:
    """The user's model behind the scaled inputs; its outputs as logits, or as one number.

    Keras' own policy is the given one while the function runs, and all that it draws follows from
    the seed.

    Args:
        network: the file, the function, and what it gets.
        given: what the model may take.
        data: what the function is told.
        seed: the trial's seed.
        policy: types of the layers that are given none.

    Returns:
        float32, shape (batch, outputs). The layer "logits" has what the loss is of: with a loss of
        the model's own its outputs as they are.

    Raises:
        InputError: the file has changed, or does not give such a model; the message names its line.
    """
    function = users.function(network)
    folder = users.folder_of(function)
    with users.told(function), users.running(folder), settled(seed, policy):
        model = function(network.settings, data)
        _check_is_model(model, function)
        if not network.fit:
            _check_has_no_loop(model, function)
        _check_inputs(model, given, function, data)
        model.name = NAME
        inputs = chosen(model, given)
        outputs = model(inputs)
        _check_outputs(outputs, function, data)
        if not model.trainable_variables:
            raise InputError(f"{users.line_of(function)} gives a model without weights to train")
        _check_is_new(model, function)
        remember(model)
        answers = _of_noise(model, inputs)
        _check_compiled(model, answers, function, data)
    are_probabilities = data.task == "classification" and _sum_to_one(answers)
    as_they_are = keras.layers.Activation("linear", dtype="float32", name="logits")
    if not are_probabilities:
        return as_they_are(outputs)
    if loss_of(model) is not None:
        return _logarithm(as_they_are(outputs))
    return as_they_are(_logarithm(keras.ops.cast(outputs, "float32")))


def chosen(model: keras.Model, given: Given) -> Any:
    """What a model takes, in the structure of its inputs: those that it names, else the one.

    Args:
        model: the user's.
        given: what it may take.
    """
    names = _input_names(model)
    if not names or not {*names} <= given.named.keys():
        return given.x
    return keras.tree.map_structure(
        lambda one: keras.ops.cast(given.named[one.name], one.dtype), model.input
    )


def remember(model: keras.Model) -> None:
    """Have no other model take the weights of this one that learn."""
    for weight in model.trainable_variables:
        _trained[id(weight)] = weight


def compiled_in(network: keras.Model) -> keras.Model | None:
    """The user's model in a network, where it came compiled; None: there is none."""
    own = next((layer for layer in network.layers if layer.name == NAME), None)
    return own if isinstance(own, keras.Model) and own.compiled else None


def check_settings(model: keras.Model, config: TrialConfig, searched: Collection[str]) -> None:
    """Refuse settings that a compiled model of the user's own has no use for, as it brings its own.

    Args:
        model: the user's.
        config: what it is trained with; defaults are nobody's choice.
        searched: fields of it that are searched.

    Raises:
        InputError: one of them, and the line of the function.
    """
    has_loss, usual = loss_of(model) is not None, TrialConfig.model_fields
    for name in ("optimizer", "lr_schedule", *["label_smoothing"] * has_loss):
        if name in searched or getattr(config, name) != usual[name].default:
            network = config.network
            line = users.line_of(users.function(network)) if isinstance(network, Python) else ""
            raise InputError(
                f"{line} gives a model that comes compiled, so that [space] {name} has no effect;"
                f" take {name} out and use values of config in compile, or leave compile out"
            )


def loss_of(model: keras.Model) -> Callable[[Any, Any], Any] | None:
    """The loss that a model was compiled with, of each example by itself; None: it has none."""
    given = getattr(model, "loss", None) if model.compiled else None
    if isinstance(given, (list, tuple)) and len(given) == 1:
        given = given[0]
    if given is None:
        return None
    if isinstance(given, (list, tuple, Mapping)):
        raise InputError("a model of your own has one output; compile it with one loss")
    loss = keras.losses.get(given)
    found: Callable[[Any, Any], Any] = loss.call if isinstance(loss, keras.losses.Loss) else loss
    return found


def metrics_of(model: keras.Model) -> keras.metrics.Metric | None:
    """The metrics that a model was compiled with, in one; None: it has none."""
    return next((one for one in model.metrics if type(one).__name__ == "CompileMetrics"), None)


def measured(metrics: keras.metrics.Metric, seen: Iterable[tuple[Any, Any]]) -> dict[str, float]:
    """What metrics come to over some batches, by name.

    Args:
        metrics: of :func:`metrics_of`.
        seen: targets as the model learns them, and its outputs as they are, of each batch.
    """
    metrics.reset_state()
    for wanted, outputs in seen:
        metrics.update_state(wanted, outputs)
    return {name: float(value) for name, value in metrics.result().items()}


def gives_probabilities(network: keras.Model) -> bool:
    """Whether the user's model in a network puts out probabilities, of which logits are made."""
    return any(type(one).__name__ == "Log" for one in network.operations)


@contextlib.contextmanager
def settled(seed: int, policy: keras.DTypePolicy) -> Iterator[None]:
    """While the block runs: what layers compute in that are told nothing else, and what all that
    draws begins with.
    """
    before, drawn, others = keras.config.dtype_policy(), random.getstate(), np.random.get_state()
    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy(policy)
    try:
        with warnings.catch_warnings():
            # Keras guesses what is wrong; the error that follows says it.
            warnings.filterwarnings("ignore", r"(?s).*unbuilt state", UserWarning)
            yield
    finally:
        keras.config.set_dtype_policy(before)
        random.setstate(drawn)
        np.random.set_state(others)  # which the user's code may use


def _check_is_model(model: object, function: Callable[..., object]) -> None:
    """Refuse what is no model.

    Raises:
        InputError: what it is instead, and the line of the function.
    """
    if not isinstance(model, keras.Model):
        raise InputError(
            f"{users.line_of(function)} gives {type(model).__name__}, not a keras.Model; end it"
            " with return model"
        )


def _check_is_new(model: keras.Model, function: Callable[..., object]) -> None:
    """Refuse weights that another model has, which may be trained already. Layers that no model
    trains may be shared.

    Raises:
        InputError: one of them, and the line of the function.
    """
    for weight in model.weights:
        if id(weight) in _trained:
            raise InputError(
                f"{users.line_of(function)} returned weights of an earlier trial"
                f" ({weight.path}); make the layers inside the function, or freeze what trials"
                " share: layer.trainable = False"
            )


def _check_has_no_loop(model: keras.Model, function: Callable[..., object]) -> None:
    """Refuse a model that says how it is trained, which our loop would not ask.

    Raises:
        InputError: the method, and the line of the function.
    """
    for name in ("train_step", "compute_loss"):
        if getattr(type(model), name) is not getattr(keras.Model, name):
            raise InputError(
                f"{users.line_of(function)} gives a model with a {name} of its own, which"
                " hpsearch's loop does not call; name a function that trains it: network.fit"
            )


def _check_inputs(
    model: keras.Model, given: Given, function: Callable[..., object], data: Data
) -> None:
    """Refuse a model of several inputs that are not called as there are any.

    Raises:
        InputError: their names, those that there are, and the line of the function.
    """
    names = _input_names(model)
    unknown = [name for name in names if name not in given.named]
    if len(names) < 2 or not unknown:
        return
    told = f"{users.line_of(function)} gives a model of {len(names)} inputs"
    if not given.named:
        raise InputError(f"{told}; it takes one, of shape {data.input_shape}")
    raise InputError(
        f"{told}, but there is no column {show(unknown[0])}; {closest(unknown[0], [*given.named])}"
    )


def _input_names(model: keras.Model) -> list[str]:
    """The names of a model's inputs; none where they are known only when it is called."""
    try:
        return [one.name for one in model.inputs]
    except (AttributeError, TypeError, ValueError):
        return []


def _check_outputs(outputs: object, function: Callable[..., object], data: Data) -> None:
    """Refuse outputs that no loss of the task can be of.

    Raises:
        InputError: their shape, and the line of the function.
    """
    shape = getattr(outputs, "shape", None)
    if shape is not None and tuple(shape) == (None, data.outputs):
        return
    told = f"shape {tuple(shape)}" if shape is not None else f"{type(outputs).__name__}"
    each = "one for each class" if data.class_names else "the number to predict"
    cure = "end it with Dense(data.outputs)"
    if data.class_names and shape is not None and tuple(shape) == (None, 1):  # of two classes
        cure += f" or {_SOFTMAX}, and compile it with {_LOSS}, if at all"
    raise InputError(
        f"{users.line_of(function)} gives a model that puts out {told}; it must be"
        f" (None, {data.outputs}), {each}: {cure}"
    )


def _of_noise(model: keras.Model, inputs: Any) -> npt.NDArray[np.float32]:
    """What a model puts out for a few examples of noise, float32, shape (examples, outputs).

    Args:
        model: the user's.
        inputs: what it takes, symbolic.
    """
    drawn = np.random.default_rng(0)

    def made_up(one: keras.KerasTensor) -> Any:
        shape = (_MADE_UP, *one.shape[1:])
        is_float = "float" in one.dtype
        noise = drawn.standard_normal(shape) if is_float else drawn.integers(0, 2, shape)
        return keras.ops.cast(noise, one.dtype)

    noise = keras.tree.map_structure(made_up, inputs)
    return np.asarray(keras.ops.cast(model(noise, training=False), "float32"))


def _sum_to_one(answers: npt.NDArray[np.float32]) -> bool:
    """Whether outputs are probabilities: of noise, too, they are from 0 to 1, and add up to 1."""
    return bool((answers >= 0).all() and np.allclose(answers.sum(axis=1), 1, atol=1e-2))


def _check_compiled(
    model: keras.Model,
    answers: npt.NDArray[np.float32],
    function: Callable[..., object],
    data: Data,
) -> None:
    """Refuse a model's own loss or metrics that cannot be of its outputs and of such targets as
    there are.

    Raises:
        InputError: what it says, and the line of the function.
    """
    if not model.compiled:
        return
    loss, metrics, part = loss_of(model), metrics_of(model), "loss does"
    wanted = np.zeros(len(answers), np.int64) if data.class_names else np.zeros((len(answers), 1))
    given = keras.ops.convert_to_tensor(wanted), keras.ops.convert_to_tensor(answers)
    try:
        if loss is not None:
            loss(*given)
        part = "metrics do"
        if metrics is not None:
            measured(metrics, [given])
    except Exception as error:  # noqa: BLE001  # of the user's code it may be any
        what, cure = "numbers, shape (batch, 1)", 'such as "mse" or "mae"'
        if data.class_names and part == "loss does":
            what, cure = "class numbers", f"{_LOSS}, and end with {_SOFTMAX}"
        elif data.class_names:
            what, cure = "class numbers", f"{_METRICS}, or none: hpsearch measures AUC and more"
        raise InputError(
            f"{users.line_of(function)} gives a model whose {part} not fit: targets are {what};"
            f" compile with {cure}; {users.said(error)}"
        ) from None


def _logarithm(probabilities: keras.KerasTensor) -> keras.KerasTensor:
    """Logits of probabilities."""
    return keras.ops.log(keras.ops.maximum(probabilities, np.finfo(np.float32).tiny))

"""Opened: a model that was exported, read back to be asked; its files are written by ``export``."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from hpsearch.errors import InputError
from hpsearch.training import quiet
from hpsearch.training.written import Form

Examples: TypeAlias = npt.NDArray[Any] | Mapping[str, npt.NDArray[Any]]
"""Examples as they are stored, shape (n, *input_shape); for a model that takes columns each of
these by its name, shape (n,), numbers or texts."""
Answer = Callable[[Examples], npt.NDArray[np.floating]]
"""What is said of n examples: probabilities, shape (n, classes); of a regression predictions in the
target's own unit, shape (n, 1)."""

_AT_ONCE = 1024
"""Examples that a model is asked about at once."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A model that was exported, open to be asked."""

    inputs: dict[str, tuple[tuple[int, ...], str]]
    """Of each input, by its name, the shape of one example and NumPy's name of its type; "str_":
    texts."""
    answer: Answer


def of_model(path: Path, form: Form) -> Asked:
    """A model that ``hpsearch export`` wrote.

    ``hpsearch.training.devices.set_up`` comes first, once in a process.

    Args:
        path: the file or folder.
        form: which of the two.

    Raises:
        InputError: it is damaged.
    """
    try:
        with quiet.keras_copies():
            inputs, ask = _FORMS[form](path)
    except (OSError, ValueError, TypeError, KeyError, tf.errors.OpError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"{path}: is damaged, or a model that needs other programs ({reason}); export it again"
        ) from None
    specs = {name: _spec(one) for name, one in inputs.items()}
    return Asked(inputs=specs, answer=_in_batches(ask, specs))


_Ask = Callable[[Any], Any]
"""One batch of examples to the outputs for them."""


def _read_keras(path: Path) -> tuple[Mapping[str, Any], _Ask]:
    found = keras.saving.load_model(path, safe_mode=True, compile=False)
    by_name = found.input if isinstance(found.input, dict) else {found.input.name: found.input}
    return by_name, lambda x: found(x, training=False)


def _read_saved_model(path: Path) -> tuple[Mapping[str, Any], _Ask]:
    found = tf.saved_model.load(str(path))
    specs = found.signatures["serving_default"].structured_input_signature[1]
    names = list(specs)

    def ask(x: Any) -> Any:
        # Asked of the model, which holds the variables, each time.
        given = x if isinstance(x, Mapping) else {names[0]: x}
        return next(iter(found.signatures["serving_default"](**given).values()))

    return specs, ask


_FORMS: dict[Form, Callable[[Path], tuple[Mapping[str, Any], _Ask]]] = {
    "keras": _read_keras,
    "saved_model": _read_saved_model,
}


def _spec(tensor: Any) -> tuple[tuple[int, ...], str]:
    """The shape of one example of an input, and its type."""
    dtype = tf.as_dtype(tensor.dtype)
    return tuple(tensor.shape[1:]), "str_" if dtype == tf.string else np.dtype(
        dtype.as_numpy_dtype
    ).name


def _in_batches(ask: _Ask, specs: Mapping[str, tuple[tuple[int, ...], str]]) -> Answer:
    """Ask about some examples at a time, in tensors of the shapes that a model takes."""

    def part(x: npt.NDArray[Any], start: int, shape: tuple[int, ...]) -> tf.Tensor:
        some = x[start : start + _AT_ONCE]
        return tf.constant(some.reshape(len(some), *shape))

    def answer(x: Examples) -> npt.NDArray[np.floating]:
        count = len(next(iter(x.values())) if isinstance(x, Mapping) else x)
        found = []
        for start in range(0, count, _AT_ONCE):
            if isinstance(x, Mapping):
                asked = {name: part(one, start, specs[name][0]) for name, one in x.items()}
            else:
                asked = part(x, start, x.shape[1:])
            found.append(np.asarray(ask(asked)))
        return np.concatenate(found)

    return answer

"""Converting: a Keras model as a file of another tool, and what that tool answers.

One file a format, each with two functions: ``write`` and ``read``.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, TypeAlias, cast

import keras
import numpy as np
import numpy.typing as npt

from hpsearch.errors import HpsearchError, InputError
from hpsearch.training import quiet
from hpsearch.training.other_formats import OTHER_FORMATS, OtherForm, Quantization, install

Batch: TypeAlias = Mapping[str, npt.NDArray[Any]]
"""Examples by the names of a model's inputs, each array of shape (n, ...)."""
Samples = Callable[[], Iterator[Batch]]
"""Batches of training examples, over and over again."""
Ask = Callable[[Batch], npt.NDArray[np.floating]]
"""What a model that is read back says of a batch, shape (n, outputs)."""
Texts = Mapping[str, Sequence[str]]
"""Categories by the names of the inputs that have them."""

_SAID = 300
"""Letters of a converter's message that are told."""


class Converter(Protocol):
    """The module of a format."""

    def write(
        self, model: keras.Model, output: Path, quantize: Quantization | None, samples: Samples
    ) -> None:
        """Write a model.

        Args:
            model: takes arrays by name, and gives one by name.
            output: the file, where nothing is yet.
            quantize: what its weights are stored in; None: float32.
            samples: for the range of its activations, with int8.
        """

    def read(self, output: Path) -> Ask:
        """Read a file that :meth:`write` wrote."""


def convert(
    model: keras.Model,
    output: Path,
    form: OtherForm,
    *,
    texts: Texts,
    quantize: Quantization | None,
    samples: Samples,
) -> None:
    """Write a model for another tool.

    Args:
        model: see :meth:`Converter.write`.
        output: likewise.
        form: which format.
        texts: inputs that are numbers of categories and become texts; of ONNX alone.
        quantize: see :meth:`Converter.write`.
        samples: likewise, as the model itself takes them.

    Raises:
        InputError: the format has not what the network needs, or a package does not work.
        OSError: the file cannot be written.
    """
    output.touch()  # what cannot be written is no fault of the network
    with _told(form, "a network like this one cannot be written for it"), quiet.silenced():
        _converter(form).write(model, output, quantize, samples)
        if texts:
            from hpsearch.training.converting.onnx_texts import take_texts  # noqa: PLC0415

            take_texts(output, texts)


def opened(output: Path, form: OtherForm) -> Ask:
    """Read a file that :func:`convert` wrote, to be asked.

    Raises:
        InputError: the runtime does not read it.
    """
    title = OTHER_FORMATS[form].runtime_title
    with _told(form, f"{title} does not read it"), quiet.silenced():
        ask = _converter(form).read(output)

    def quietly(x: Batch) -> npt.NDArray[np.floating]:
        with _told(form, f"{title} does not run it"), quiet.silenced():
            return ask(x)

    return quietly


def _converter(form: OtherForm) -> Converter:
    """The module of a format, imported when it is used."""
    return cast(Converter, import_module(f"{__name__}.{form}_file"))


@contextmanager
def _told(form: OtherForm, what: str) -> Iterator[None]:
    """Whatever another tool raises as one message."""
    title = OTHER_FORMATS[form].title
    try:
        yield
    except (HpsearchError, OSError, MemoryError):
        raise
    except ImportError as error:
        raise InputError(
            f"{title}: a package that it needs does not work here ({error}); install it again:"
            f" {install(form)}"
        ) from None
    except Exception as error:  # noqa: BLE001  # another tool may raise any
        if names := _lacking(" ".join(str(error).split())):
            raise lacks(form, names) from None
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:_SAID]
        raise InputError(
            f"{title}: {what} ({reason}); export a SavedModel folder or a .keras file instead"
        ) from None


def lacks(form: OtherForm, names: Collection[str]) -> InputError:
    """That a format has no operation for what a network does.

    Args:
        form: which.
        names: operations of TensorFlow.
    """
    hint = ""
    if any(name.startswith("TensorList") for name in names):
        hint = "give recurrent layers unroll=True, or "
    return InputError(
        f"{OTHER_FORMATS[form].title} has nothing for some of what the network computes"
        f" ({', '.join(sorted(names))}); {hint}export a SavedModel folder or a .keras file instead"
    )


def _lacking(said: str) -> set[str]:
    """The operations that LiteRT's or OpenVINO's converter names as those that it does not know."""
    if found := re.search(r"No conversion rule found for operations: ([\w, ]+?) To ", said):
        return set(found[1].split(", "))
    return set(re.findall(r'fused\["(\w+):"', said)) - {"StatefulPartitionedCall"}

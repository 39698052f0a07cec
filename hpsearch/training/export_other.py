"""Export to other tools: a trained network as an ONNX, LiteRT or OpenVINO file, read back.

It takes inputs as they are stored, or the columns of a table as numbers (``coded_columns``), and
computes in float32, also where the network was trained in half precision.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from hpsearch.data.parts import Parts
from hpsearch.data.tables.fitted import Tabular
from hpsearch.errors import InputError, ProgramError
from hpsearch.recipe import Recipe
from hpsearch.training import converting, export, model, raw
from hpsearch.training.opened import Answer, Examples
from hpsearch.training.other_formats import (
    OTHER_FORMATS,
    OtherForm,
    Quantization,
    Quantized,
    has_runtime,
)
from hpsearch.training.targets import restored
from hpsearch.training.written import NAME, Signature, input_names, signature, target_name
from hpsearch.training.written_other import files_of

Array = npt.NDArray[np.generic]

TOLERANCE = 1e-4
"""A probability may be so far off the network's, and a prediction so many ranges of the training
rows' targets: other tools have other kernels."""
_AT_ONCE = 256
"""Examples that a model is asked about at once."""
_SAMPLES, _BATCH = 256, 32
"""Training examples from which the ranges of activations are known, and how many come at once."""


@dataclass(frozen=True, kw_only=True)
class Other:
    """A model of another tool that was written."""

    told: Signature
    """What it takes and gives."""
    largest: float | None
    """See :func:`hpsearch.training.export.write_model`; None: what runs it is not installed."""
    quantized: Quantized | None
    """None: it is not quantised."""


@dataclass(frozen=True, kw_only=True)
class Built:
    """A network in float32 with its weights, and how another one of it is built."""

    network: keras.Model
    build: Callable[[Parts], keras.Model]
    parts: Parts
    target: str | None
    """The name of the target's column, if it has one."""


def built(recipe: Recipe, parts: Parts, weights: Path, form: OtherForm) -> Built:
    """A trained network, to be written for another tool.

    Args:
        recipe: what was trained.
        parts: its data.
        weights: the ``best.weights.h5`` of that training.
        form: which tool's.

    Raises:
        InputError: weights that are damaged, or those of another network.
        UnreachableError: the file cannot be read.
    """
    dtype = OTHER_FORMATS[form].predictions
    build = partial(model.build_for, in_float32(recipe), dtype=dtype)
    network = build(parts)
    export.load_weights(network, weights)
    return Built(network=network, build=build, parts=parts, target=target_name(recipe))


def in_float32(recipe: Recipe) -> Recipe:
    """A recipe whose network computes in float32."""
    training = recipe.training.model_copy(update={"precision": "float32"})
    return recipe.model_copy(update={"training": training})


def write_other(
    own: Built, output: Path, form: OtherForm, quantize: Quantization | None = None
) -> Other:
    """Write a network for another tool, read it back and compare it with the network.

    Args:
        own: the network.
        output: the file, where nothing is yet.
        form: which tool's.
        quantize: what its weights are stored in; None: float32.

    Raises:
        InputError: the format has not what the network needs.
        UnreachableError: files that cannot be read or written.
        ProgramError: what was written is not what was trained; the caller removes it.
    """
    if quantize is not None:
        _check_quantization(own.parts, form, quantize)
    exported, fewer = _numeric(own, form)
    write = partial(
        converting.convert,
        exported,
        form=form,
        texts=_texts(fewer, form),
        samples=_samples(own.parts, fewer),
    )
    told, quantized = signature(fewer, own.target, form), None
    write(output, quantize=quantize)
    if not has_runtime(form):
        return Other(told=told, largest=None, quantized=None)
    taken = partial(export.asked, own.parts, form=form, known=fewer)
    largest = export.largest_difference(own.network, own.parts, _answer(output, form), taken)
    _check(largest, own.parts, form, quantize)
    if quantize is not None:
        with tempfile.TemporaryDirectory() as folder:
            whole = Path(folder, f"whole{output.suffix}")
            write(whole, quantize=None)
            quantized = _cost(own.parts, taken, form, quantize, before=whole, after=output)
    return Other(told=told, largest=largest, quantized=quantized)


def _check_quantization(parts: Parts, form: OtherForm, quantize: Quantization) -> None:
    """Make sure that a network can be quantised, and that it can be told what that costs.

    Raises:
        InputError: neither.
    """
    if not len(parts.validation):
        raise InputError(
            f"--quantize {quantize}: the data are not here, and what it costs cannot be told"
            " without them; say where they are with --set dataset.path=PATH"
        )
    has_scales = isinstance(parts.transform, Tabular) or parts.target is not None
    if form == "litert" and quantize == "float16" and has_scales:
        raise InputError(
            "--quantize float16: LiteRT would round what is done to columns and targets, too;"
            " write it with --quantize int8, or write .onnx or .xml"
        )


def _cost(
    parts: Parts,
    taken: Callable[[Array], Examples],
    form: OtherForm,
    quantize: Quantization,
    *,
    before: Path,
    after: Path,
) -> Quantized:
    """What quantising cost and saved, by a file in float32 and the one that is quantised."""
    return Quantized(
        to=quantize,
        metric="accuracy" if parts.class_names else "rmse",
        before=_score(parts, _answer(before, form), taken),
        after=_score(parts, _answer(after, form), taken),
        bytes_before=_size(before, form),
        bytes_after=_size(after, form),
        examples=len(parts.validation),
    )


def _numeric(own: Built, form: OtherForm) -> tuple[keras.Model, Parts]:
    """The network as a model that takes numbers alone, by name, and gives its answers by theirs;
    and its data with the categories that it knows.
    """
    network, parts = export.slim(own.build, own.network, own.parts)
    if isinstance(parts.transform, Tabular):
        columns = parts.transform.columns
        names = input_names([column.name for column in columns], form)
        inputs, given = raw.coded_rows(columns, names)
    else:
        given = keras.Input(parts.input_shape, dtype=parts.train.x.dtype.name, name="inputs")
        inputs = {"inputs": given}
    outputs = network(given, training=False)  # other tools have no layers that only train
    dtype = OTHER_FORMATS[form].predictions
    if parts.answers is None:
        softmax = keras.layers.Softmax(dtype="float32", name="probabilities")
        answers = {"probabilities": softmax(outputs)}
    else:
        answers = {"predictions": restored(parts.answers, outputs, dtype)}
    exported = keras.Model(inputs, answers, name=NAME)
    exported(inputs)  # Keras exports only what was called
    return exported, parts


def _texts(parts: Parts, form: OtherForm) -> Mapping[str, tuple[str, ...]]:
    """The categories of the inputs that become texts."""
    if not OTHER_FORMATS[form].takes_texts or not isinstance(parts.transform, Tabular):
        return {}
    columns = parts.transform.columns
    names = input_names([column.name for column in columns], form)
    return {
        name: column.categories
        for name, column in zip(names, columns, strict=True)
        if column.kind == "category"
    }


def _samples(own: Parts, known: Parts) -> converting.Samples:
    """Some training examples as the model takes them, categories as numbers.

    Args:
        own: the network's data.
        known: those with the categories that it knows.
    """

    def batches() -> Iterator[converting.Batch]:
        count = min(_SAMPLES, len(own.train))
        rows = np.sort(np.random.default_rng(0).choice(own.train.rows, count, replace=False))
        for start in range(0, count, _BATCH):
            some = own.train.x[rows[start : start + _BATCH]]
            yield _by_name(export.asked(own, some, "litert", known))

    return batches


def _by_name(x: Examples) -> converting.Batch:
    """Examples by the names of a model's inputs; arrays have one."""
    return x if isinstance(x, Mapping) else {"inputs": x}


def _answer(output: Path, form: OtherForm) -> Answer:
    """A file that was written, to be asked of any number of examples."""
    ask = converting.opened(output, form)

    def answer(x: Examples) -> npt.NDArray[np.floating]:
        given = _by_name(x)
        count = len(next(iter(given.values())))
        found = [
            ask({name: values[start : start + _AT_ONCE] for name, values in given.items()})
            for start in range(0, count, _AT_ONCE)
        ]
        return np.concatenate(found)

    return answer


def _check(largest: float, parts: Parts, form: OtherForm, quantize: Quantization | None) -> None:
    """Refuse a model that is not its network.

    Raises:
        ProgramError: it is too far off; quantised, it gives what is no number.
    """
    allowed, answers = TOLERANCE, parts.answers
    if answers is not None and OTHER_FORMATS[form].predictions == "float32":
        most = max(abs(answers.low), abs(answers.high))
        allowed += 8 * float(np.finfo(np.float32).eps) * most / (answers.high - answers.low)
    if largest <= allowed or (quantize is not None and np.isfinite(largest)):
        return
    raise ProgramError(
        f"the model that was written differs from the trained network by {largest:.2g}, more than"
        f" {allowed:.2g}; it was removed. Please report this"
    )


def _score(parts: Parts, answer: Answer, taken: Callable[[Array], Examples]) -> float:
    """Accuracy on all validation examples, or the root of the mean squared error."""
    rows, right = parts.validation.rows, 0.0
    for start in range(0, len(rows), _AT_ONCE):
        some = rows[start : start + _AT_ONCE]
        found = answer(taken(parts.validation.x[some]))
        y: npt.NDArray[Any] = parts.validation.y[some]
        if parts.class_names:
            right += float((found.argmax(axis=1) == y).sum())
        else:
            right += float(np.square(found[:, 0].astype(np.float64) - y).sum())
    mean = right / len(rows)
    return mean if parts.class_names else float(np.sqrt(mean))


def _size(output: Path, form: OtherForm) -> int:
    """Bytes of a model's files."""
    return sum(file.stat().st_size for file in files_of(output, form))

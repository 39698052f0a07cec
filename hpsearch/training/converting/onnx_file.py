"""ONNX: written by Keras through tf2onnx, quantised and run by ONNX Runtime."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from hpsearch.training.converting import Ask, Batch, Samples, lacks
from hpsearch.training.other_formats import Quantization
from hpsearch.training.written import NAME

_CALIBRATED = ("Conv", "Gemm", "MatMul")
"""Operations whose inputs and weights int8 is for; what is done to raw inputs stays float32."""
_WEIGHED = (*_CALIBRATED, "ConvTranspose", "Einsum")
"""Operations whose weights float16 is for; medians of columns and the like stay float32."""
_STAND_FOR: dict[str, tuple[tuple[str, ...], ...]] = {
    "Erfc": (("Erf", "x"), ("Sub", "one", "found")),
    "Expm1": (("Exp", "x"), ("Sub", "found", "one")),
    "Log1p": (("Add", "x", "one"), ("Log", "found")),
}
"""Operations of TensorFlow that tf2onnx does not know, and two of ONNX that come to the same."""
_LEAST = 1024
"""Bytes of a weight from which on float16 is worth an operation that casts it back."""
_LARGEST = 65504
"""That float16 has."""


def write(
    model: keras.Model, output: Path, quantize: Quantization | None, samples: Samples
) -> None:
    """See :class:`hpsearch.training.converting.Converter`."""
    model.export(str(output), format="onnx", verbose=False)
    made = onnx.load(output)
    _complete(made)
    if quantize == "int8":
        _to_int8(made, output, samples)
        return
    if quantize == "float16":
        _to_float16(made)
    onnx.checker.check_model(made)
    onnx.save(made, output)


def read(output: Path) -> Ask:
    """See :class:`hpsearch.training.converting.Converter`."""
    import onnxruntime  # noqa: PLC0415  # it may be missing where models are only written

    session = onnxruntime.InferenceSession(str(output), providers=["CPUExecutionProvider"])

    def ask(x: Batch) -> npt.NDArray[Any]:
        return np.asarray(session.run(None, dict(x))[0])

    return ask


def _complete(made: onnx.ModelProto) -> None:
    """Put in what tf2onnx lacks, and name whose the model is and what its first axis is.

    Raises:
        InputError: operations that ONNX has not.
    """
    made.producer_name = NAME
    for value in (*made.graph.input, *made.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    nodes = [part for node in made.graph.node for part in _known(node)]
    del made.graph.node[:]
    made.graph.node.extend(nodes)
    lacking = {node.op_type for node in nodes if not onnx.defs.has(node.op_type, node.domain)}
    if lacking:
        raise lacks("onnx", lacking)


def _known(node: onnx.NodeProto) -> list[onnx.NodeProto]:
    """A node, or those of ONNX that stand for it where tf2onnx does not know it."""
    if node.op_type not in _STAND_FOR:
        return [node]
    (given,), (result,) = node.input, node.output
    names = {"one": f"{result}_one", "x": given, "found": f"{result}_found"}
    one = numpy_helper.from_array(np.array(1, np.float32))
    found = [
        helper.make_node("Constant", [], [f"{names['one']}_32"], value=one),
        helper.make_node("CastLike", [f"{names['one']}_32", given], [names["one"]]),
    ]
    for (operation, *operands), output in zip(
        _STAND_FOR[node.op_type], (names["found"], result), strict=True
    ):
        found.append(helper.make_node(operation, [names[name] for name in operands], [output]))
    return found


def _to_float16(made: onnx.ModelProto) -> None:
    """Store weights in half of their bytes; what is computed stays float32."""
    weighed = {name for node in made.graph.node if node.op_type in _WEIGHED for name in node.input}
    for weight in made.graph.initializer:
        name, values = weight.name, numpy_helper.to_array(weight)
        if name not in weighed or values.dtype != np.float32 or values.nbytes < _LEAST:
            continue
        half = values.clip(-_LARGEST, _LARGEST)
        weight.CopyFrom(numpy_helper.from_array(half.astype(np.float16), f"{name}_half"))
        back = helper.make_node("Cast", [weight.name], [name], to=onnx.TensorProto.FLOAT)
        made.graph.node.insert(0, back)


def _to_int8(made: onnx.ModelProto, output: Path, samples: Samples) -> None:
    """Quantise statically, in ONNX Runtime's form that it recommends for CPUs (QDQ, S8S8)."""
    from onnxruntime import quantization  # noqa: PLC0415  # see read

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]  # has no types
        """Training examples, once."""

        def __init__(self) -> None:
            self._batches: Iterator[Batch] = samples()

        def get_next(self) -> dict[str, npt.NDArray[Any]] | None:
            """The next batch; None: there is no more."""
            found = next(self._batches, None)
            return None if found is None else dict(found)

    quantization.quantize_static(
        made,
        str(output),
        Reader(),
        quant_format=quantization.QuantFormat.QDQ,
        op_types_to_quantize=list(_CALIBRATED),
        activation_type=quantization.QuantType.QInt8,
        weight_type=quantization.QuantType.QInt8,
        per_channel=True,
    )

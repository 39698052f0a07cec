"""OpenVINO: an .xml file, and the weights in a .bin file beside it."""

import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from hpsearch.training.converting import Ask, Batch, Samples
from hpsearch.training.other_formats import Quantization
from hpsearch.training.written import NAME


def write(
    model: keras.Model,
    output: Path,
    quantize: Quantization | None,
    samples: Samples,  # noqa: ARG001  # no int8 here
) -> None:
    """See :class:`hpsearch.training.converting.Converter`."""
    openvino = _openvino()
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder, "whole.xml")
        model.export(str(whole), format="openvino", verbose=False)
        made = openvino.Core().read_model(whole)
        # Some activations are outputs, too.
        given = next(one for one in made.outputs if one.names & {*model.output})
        alone = openvino.Model([given], made.get_parameters(), NAME)
        openvino.save_model(alone, output, compress_to_fp16=quantize == "float16")


def read(output: Path) -> Ask:
    """See :class:`hpsearch.training.converting.Converter`."""
    # Some CPUs would compute in bfloat16.
    exact = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = _openvino().Core().compile_model(output, "CPU", exact)

    def ask(x: Batch) -> npt.NDArray[Any]:
        return np.asarray(compiled(dict(x))[0])

    return ask


def _openvino() -> Any:
    """The package, which is kept from reporting to its maker that and what it converts."""
    reports = "openvino_telemetry"
    if reports in sys.modules:
        return import_module("openvino")
    sys.modules[reports] = None  # type: ignore[assignment]  # it is not found
    try:
        import_module("openvino.tools.ovc")
        return import_module("openvino")
    finally:
        del sys.modules[reports]

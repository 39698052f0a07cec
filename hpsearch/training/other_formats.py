"""Formats of other tools that a trained network is exported to; known without loading them.

``hpsearch.training.converting`` writes and reads them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal, get_args

from hpsearch.errors import InputError

OtherForm = Literal["onnx", "litert", "openvino"]
"""An .onnx file, a .tflite file, or an .xml file with a .bin file beside it."""
Quantization = Literal["int8", "float16"]
"""What weights, and with int8 some activations, are stored in."""


@dataclass(frozen=True, kw_only=True)
class OtherFormat:
    """What a format needs of this Python, and what it offers."""

    title: str
    needs: tuple[str, ...]
    """Modules that write it, beside Keras and TensorFlow."""
    runtime: str
    """The module that runs it."""
    runtime_title: str
    quantizations: tuple[Quantization, ...]
    predictions: Literal["float64", "float32"] = "float32"
    """In which a regression's predictions are computed: float32 has seven digits."""
    takes_texts: bool = False
    """Whether a model of a table takes categories as texts; else as their numbers."""


@dataclass(frozen=True, kw_only=True)
class Quantized:
    """What quantising cost and saved."""

    to: Quantization
    metric: str
    """"accuracy", or "rmse" in the target's own unit."""
    before: float
    after: float
    bytes_before: int
    bytes_after: int
    examples: int
    """Validation examples behind the metric, from 1."""


OTHER_FORMATS: Mapping[OtherForm, OtherFormat] = {
    "onnx": OtherFormat(
        title="ONNX",
        needs=("tf2onnx", "onnx"),
        runtime="onnxruntime",
        runtime_title="ONNX Runtime",
        quantizations=("int8", "float16"),
        predictions="float64",
        takes_texts=True,
    ),
    "litert": OtherFormat(
        title="LiteRT",
        needs=(),
        runtime="ai_edge_litert",
        runtime_title="LiteRT",
        quantizations=("int8", "float16"),
    ),
    "openvino": OtherFormat(
        title="OpenVINO",
        needs=("openvino",),
        runtime="openvino",
        runtime_title="OpenVINO",
        quantizations=("float16",),
    ),
}


def other_form(form: str) -> OtherForm | None:
    """A form as one of another tool; None: it is one of Keras', or none."""
    return next((one for one in get_args(OtherForm) if one == form), None)


def has_runtime(form: OtherForm) -> bool:
    """Whether this Python has what runs a format."""
    return _is_installed(OTHER_FORMATS[form].runtime)


def check_other(form: OtherForm, quantize: Quantization | None) -> None:
    """Make sure that a format can be written here.

    Args:
        form: which.
        quantize: what it is quantised to, which its runtime compares; None: it is not.

    Raises:
        InputError: a package that is missing, or no such quantisation.
    """
    about = OTHER_FORMATS[form]
    if quantize is not None and quantize not in about.quantizations:
        raise InputError(
            f"--quantize {quantize}: {about.title} is written with"
            f" {' or '.join(about.quantizations)} here; {_elsewhere(quantize)}"
        )
    needed = about.needs if quantize is None else (*about.needs, about.runtime)
    missing = [name for name in dict.fromkeys(needed) if not _is_installed(name)]
    if missing:
        raise InputError(
            f"{about.title} needs {' and '.join(missing)}, not installed here; install it:"
            f" {install(form)}"
        )


def install(form: OtherForm) -> str:
    """The command that installs what a format needs, its runtime too."""
    return f"pip install 'hpsearch[{form}]'"


def _elsewhere(quantize: Quantization) -> str:
    """Which other formats have a quantisation."""
    titles = [one.title for one in OTHER_FORMATS.values() if quantize in one.quantizations]
    return f"{quantize} is offered by {' and '.join(titles)}"


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False

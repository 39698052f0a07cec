"""The forms of other tools that ``export`` writes: ONNX, LiteRT, OpenVINO, each read back."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from hpsearch.data.parts import Parts
from hpsearch.errors import InputError
from hpsearch.files import made_beside, utf8
from hpsearch.home import Home
from hpsearch.recipe import Recipe
from hpsearch.services.forms import WrittenModel, trained_on
from hpsearch.services.overwriting import Form
from hpsearch.services.progress import Progress
from hpsearch.training.other_formats import OtherForm, Quantization, check_other, other_form
from hpsearch.training.start import start_tensorflow
from hpsearch.training.written import signature_file
from hpsearch.training.written_other import files_of, write_beside_other

if TYPE_CHECKING:  # what is behind it imports TensorFlow
    from hpsearch.training.export_other import Built


def check_form(form: Form, quantize: Quantization | None) -> None:
    """Make sure that a model for another tool can be written here, before anything takes long.

    Args:
        form: what is exported, also of other kinds.
        quantize: what weights are stored in; None: float32.

    Raises:
        InputError: a package that is missing, or a form that is not quantised.
    """
    if (other := other_form(form)) is not None:
        check_other(other, quantize)
    elif quantize is not None:
        raise InputError(
            f"--quantize {quantize} is for models of other tools; write one with -o NAME.onnx,"
            " NAME.tflite or NAME.xml"
        )


def write_other_model(
    recipe: Recipe,
    weights: Path,
    home: Home,
    path: Path,
    *,
    form: OtherForm,
    quantize: Quantization | None,
    progress: Progress,
) -> WrittenModel:
    """Write a trained network for another tool, read back and compared.

    Args:
        recipe: what was trained.
        weights: the ``best.weights.h5`` of that training.
        home: where the data set is kept.
        path: the file; what export wrote there before gives way.
        form: which tool's.
        quantize: what weights are stored in; None: float32.
        progress: is told what takes long.

    Raises:
        InputError: damaged weights, nothing says how inputs are scaled, or the format has not
            what the network needs.
        UnreachableError: files that cannot be read or written.
        ProgramError: the model is not what was trained; nothing is left.
    """
    parts = trained_on(recipe, weights, home, progress)

    def network() -> "Built":
        from hpsearch.training.export_other import built  # noqa: PLC0415  # imports TensorFlow

        return built(recipe, parts, weights, form)

    return write_other_with(network, parts, path, form=form, quantize=quantize, progress=progress)


def write_other_with(
    network: "Callable[[], Built]",
    parts: Parts,
    path: Path,
    *,
    form: OtherForm,
    quantize: Quantization | None,
    progress: Progress,
) -> WrittenModel:
    """Write a model, whole or not at all, with its signature beside it.

    Args:
        network: builds it.
        parts: its data.
        path: the file.
        form: which tool's.
        quantize: what weights are stored in; None: float32.
        progress: is told what takes long.
    """
    utf8(path)
    progress.say("TensorFlow takes a few seconds to start.")
    start_tensorflow()
    from hpsearch.training import export, export_other  # noqa: PLC0415  # imports TensorFlow

    with ExitStack() as made:
        # The last one entered comes to its name first.
        partial, *_ = reversed(
            [made.enter_context(made_beside(file)) for file in reversed(files_of(path, form))]
        )
        other = export_other.write_other(network(), partial, form, quantize)
        write_beside_other(path, form, other.told, partial)
    compared = min(export.COMPARED, len(parts.validation))
    return WrittenModel(
        classes=None,
        signature=signature_file(path, form),
        are_probabilities=bool(parts.class_names),
        largest=other.largest,
        examples=compared or export.MADE_UP,
        are_real=compared > 0,
        quantized=other.quantized,
    )

"""LiteRT (TensorFlow Lite): written by Keras through TensorFlow's converter, run by LiteRT."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from hpsearch.networks.network import is_image
from hpsearch.training.converting import Ask, Batch, Samples
from hpsearch.training.other_formats import Quantization


def write(
    model: keras.Model, output: Path, quantize: Quantization | None, samples: Samples
) -> None:
    """See :class:`hpsearch.training.converting.Converter`.

    Only operations of LiteRT's own are written, not those that need TensorFlow beside it. With int8
    weights are quantised, and of networks of images activations, too, whose ranges the samples
    show; raw inputs of others have a range for each, which one of int8 for all would blur.
    """
    target: dict[str, Any] = {"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS]}
    settings: dict[str, Any] = {}
    if quantize is not None:
        settings["optimizations"] = [tf.lite.Optimize.DEFAULT]
    if quantize == "int8" and all(is_image(tuple(x.shape[1:])) for x in model.input.values()):
        settings["representative_dataset"] = samples
    if quantize == "float16":
        target["supported_types"] = [tf.float16]
    model.export(str(output), format="litert", verbose=False, target_spec=target, **settings)


def read(output: Path) -> Ask:
    """See :class:`hpsearch.training.converting.Converter`."""
    from ai_edge_litert.interpreter import Interpreter  # noqa: PLC0415  # it may be missing

    runner = Interpreter(str(output)).get_signature_runner()

    def ask(x: Batch) -> npt.NDArray[Any]:
        return np.asarray(next(iter(runner(**x).values())))

    return ask

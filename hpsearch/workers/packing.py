"""Packing: how much of a GPU's memory a worker is reckoned to take, and so how many fit on one.

Plain arithmetic, in bytes unless another unit is named. Nothing here was measured on a GPU.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from hpsearch.config import TrialConfig
from hpsearch.data.parts import Parts
from hpsearch.optimizers import Optimizer
from hpsearch.space import config_at, ends, kinds
from hpsearch.study_file import StudyFile

CONTEXT = 2**30
"""Bytes of a GPU that a process takes before its first tensor: CUDA's context and the kernels of
cuBLAS, cuDNN and TensorFlow. A reckoning that was not measured."""

USABLE = 0.95
"""Share of a GPU's memory that is dealt out; the rest is the driver's and the display's."""

MAX_PER_GPU = 4
"""Workers on one GPU at most, where their number is left to hpsearch: a small network leaves most
of a GPU idle between its kernels, which a few neighbours fill; more only wait for each other."""

_FLOAT, _WORD, _MIB, _GIB = 4, 8, 2**20, 2**30
ASSUMED_PARAMETERS, ASSUMED_OUTPUTS = 25_600_000, (1_000_000,) * 11
"""Of a network whose size is known only when it is built: about a ResNet-50's."""
LEAST_SLOTS = 2
"""Adam's, which is the usual one, and may be drawn where the space has another one as well."""


@dataclass(frozen=True, kw_only=True)
class Load:
    """What one worker of a study is reckoned to take while it trains the study's largest model."""

    parameters: int
    """Of that model; assumed where it is the user's own."""
    model_bytes: int
    """Its weights with all that is kept beside them; see :func:`model_bytes`."""
    output_bytes: int
    """Outputs of its layers; see :func:`output_bytes`."""
    data_bytes: int
    """The examples on a GPU; see :func:`example_bytes`."""
    private_bytes: int
    """On a CPU: examples that the worker cannot share; see ``Dataset.private_bytes``."""

    @property
    def gpu_bytes(self) -> int:
        """Memory of a GPU in all."""
        return CONTEXT + self.data_bytes + self.model_bytes + self.output_bytes

    def __str__(self) -> str:
        return (
            f"{gib(self.gpu_bytes)}: {gib(CONTEXT)} for CUDA and its libraries (assumed, not"
            f" measured), {gib(self.data_bytes)} of data, {gib(self.model_bytes)} for the weights,"
            f" gradients and optimizer of {self.parameters:,} parameters, the largest model of the"
            f" space, and {gib(self.output_bytes)} for its layers' outputs"
        )


def study_load(file: StudyFile, parts: Parts, private_bytes: int) -> Load:
    """What one worker of a study takes.

    Args:
        file: the study; its largest model is the high end of the space within the budget's
            limits, with the space's largest batch.
        parts: the examples.
        private_bytes: ``Dataset.private_bytes`` of the data.
    """
    examples = len(parts.train) + len(parts.validation)
    are_bytes = all(part.x.dtype == "uint8" for part in (parts.train, parts.validation))

    def fits(config: TrialConfig) -> bool:
        size = config.network.size(parts.shape, parts.outputs)
        return not file.budget.excess(size)

    most = config_at(file.space, 1.0).batch_size
    loads = [
        Load(
            **_bytes(config, most, parts),
            data_bytes=examples * example_bytes(parts.inputs, are_bytes=are_bytes),
            private_bytes=private_bytes,
        )
        for kind in kinds(file.space)
        for config in ends(file.space, 1.0, kind, fits=fits)
    ]
    return max(loads, key=lambda load: load.gpu_bytes)


def _bytes(config: TrialConfig, most: int, parts: Parts) -> dict[str, int]:
    """Parameters and bytes of a configuration's network, with a batch of ``most`` examples."""
    shape, outputs = parts.shape, parts.outputs
    size = config.network.size(shape, outputs)
    if size is None:
        values, parameters = [parts.inputs, *ASSUMED_OUTPUTS], ASSUMED_PARAMETERS
    else:
        values, parameters = config.network.output_sizes(shape, outputs), size.parameters
    batch = max(most, evaluation_batch(max(values)))
    return {
        "parameters": parameters,
        "model_bytes": model_bytes(parameters, config.optimizer),
        "output_bytes": output_bytes(values, batch),
    }


def example_bytes(inputs: int, *, are_bytes: bool) -> int:
    """Bytes of one example with its label, as ``hpsearch.training.resident`` keeps it on a GPU.

    Args:
        inputs: features of an example.
        are_bytes: whether all features are stored as bytes, and so are kept as bytes; else they
            are kept as float32.
    """
    features = -(-inputs // _WORD) * _WORD if are_bytes else inputs * _FLOAT
    return features + _WORD


def model_bytes(parameters: int, optimizer: Optimizer) -> int:
    """Bytes of a model in training: weights, gradient, optimizer state, and the best weights.

    Args:
        parameters: trainable parameters, each of which is a float32.
        optimizer: taken to keep :data:`LEAST_SLOTS` at least.
    """
    weights, gradient, best = 1, 1, 1
    return parameters * (weights + gradient + max(LEAST_SLOTS, optimizer.slots) + best) * _FLOAT


def evaluation_batch(widest: int) -> int:
    """Examples in one evaluation batch on a GPU, 64 to 8,192, a power of two.

    The same as ``hpsearch.training.engine.evaluation_batch`` gives, which needs TensorFlow.

    Args:
        widest: values in the widest layer's output for one example, from 1.
    """
    fits = max(1, 2**24 // widest)
    return min(max(1 << (fits.bit_length() - 1), 64), 8192)


def output_bytes(values: Sequence[int], batch: int) -> int:
    """Bytes of all layers' outputs for one batch, forward and backward, as float32.

    Args:
        values: of each layer for one example, from the scaled inputs on; the inputs as they are
            looked up are as many again.
        batch: examples, training's or evaluation's, whichever are more.
    """
    return 2 * (values[0] + sum(values)) * batch * _FLOAT


def most_that_fit(memory: int, worker: int) -> int:
    """How many workers fit on a GPU, from 0.

    Args:
        memory: bytes of the GPU in all.
        worker: bytes that each takes.
    """
    return int(memory * USABLE // worker)


def memory_limit(memory: int, workers: int) -> int:
    """MiB that TensorFlow may take in each of several workers on one GPU; 0 or less: none is left.

    Args:
        memory: bytes of the GPU in all.
        workers: how many share it, from 1.
    """
    return int((memory * USABLE - CONTEXT * workers) // workers // _MIB)


def gib(count: float) -> str:
    """A number of bytes for a reader: "1.5 GiB", "0.2 MiB"."""
    return f"{count / _GIB:.1f} GiB" if count >= _GIB / 10 else f"{count / _MIB:.1f} MiB"

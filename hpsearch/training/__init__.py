"""Training: the only home of Keras models and TensorFlow."""

import os
import re

_OF_LIBRARIES = re.compile(r"TF_|KERAS_|XLA_|ONEDNN_|DNNL_|NVIDIA_TF32_")
"""How the variables begin by which the libraries compute otherwise, take other memory, or end: one
user's shell must not give another value for the same recipe. Of threads and GPUs the environment of
a worker tells by other names (``hpsearch.workers.slots``)."""

_HARMLESS = re.compile(r"TF_CPP_|KERAS_HOME$|XLA_FLAGS$")
"""Of these, those that say how much is told, or where something lies."""

_PLACES = re.compile(r"--xla_gpu_cuda_data_dir=\S+")
"""What stays of XLA_FLAGS: where CUDA's compiler is found. A flag that XLA does not know ends the
process."""


def _settle() -> None:
    """Have the libraries' variables as training needs them.

    TensorFlow and Keras read them when they are imported, which no module does before this one.
    """
    for name in [name for name in os.environ if _OF_LIBRARIES.match(name)]:
        if not _HARMLESS.match(name):
            del os.environ[name]
    if "XLA_FLAGS" in os.environ:
        os.environ["XLA_FLAGS"] = " ".join(_PLACES.findall(os.environ["XLA_FLAGS"]))
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    # TensorFlow asks oneDNN by itself only on processors with AVX512_VNNI: on one with AVX2 alone
    # a step of small convolutions took 1.7 times as long without, one of Dense layers as long.
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"


_settle()

import numpy as np
import pytest
import tensorflow as tf

from hpsearch.training import memory


def test_an_array_that_no_memory_can_hold() -> None:
    with pytest.raises(memory.CANDIDATES) as caught:
        np.empty(2**56)
    assert memory.is_out_of_memory(caught.value)
    assert memory.describe(caught.value).startswith("out of memory: Unable to allocate")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        # What TensorFlow raises on a CPU, after ten seconds of trying.
        (tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor"), True),
        (tf.errors.InternalError(None, None, "Dst tensor is not initialized."), True),
        (tf.errors.InternalError(None, None, "CUDA_ERROR_OUT_OF_MEMORY: out of memory"), True),
        (tf.errors.InternalError(None, None, "Blas SGEMM launch failed"), False),
        (tf.errors.InvalidArgumentError(None, None, "out of memory"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_other_errors(error: Exception, expected: bool) -> None:
    assert memory.is_out_of_memory(error) == expected


def test_an_error_without_a_text_is_named() -> None:
    assert memory.describe(MemoryError()) == "out of memory: MemoryError"

"""Memory: telling that a device had too little of it from every other error."""

from collections.abc import Callable
from typing import TypeVar

import tensorflow as tf

from hpsearch.errors import Failure, TrialFailedError
from hpsearch.training import devices

_T = TypeVar("_T")

CANDIDATES = (MemoryError, tf.errors.ResourceExhaustedError, tf.errors.InternalError)
"""The errors that may mean too little memory."""

# A GPU that runs out while data are copied to it, or inside one of its libraries, is reported
# as an internal error; only the text tells.
_SIGNS = ("out of memory", "out_of_memory", "dst tensor is not initialized", "failed to allocate")


def within(call: Callable[[], _T]) -> _T:
    """What a call gives; in the end all memory is given back.

    Args:
        call: builds networks, and keeps none of them.

    Raises:
        TrialFailedError: out of memory.
    """
    try:
        return call()
    except CANDIDATES as error:
        if not is_out_of_memory(error):
            raise
        failed = TrialFailedError(Failure.OUT_OF_MEMORY, describe(error))
    finally:
        devices.release()
    # Only here does no traceback hold the networks any more.
    raise failed


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that the device (or the machine) had too little memory."""
    if isinstance(error, tf.errors.InternalError):
        return any(sign in str(error).lower() for sign in _SIGNS)
    return isinstance(error, CANDIDATES)


def describe(error: BaseException) -> str:
    """One line for the trial's failure."""
    headline = next(iter(str(error).splitlines()), type(error).__name__)
    return f"out of memory: {headline}"

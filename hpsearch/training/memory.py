"""Memory: telling that a device had too little of it from every other error."""

import tensorflow as tf

CANDIDATES = (MemoryError, tf.errors.ResourceExhaustedError, tf.errors.InternalError)
"""The errors that may mean too little memory."""

# A GPU that runs out while data are copied to it, or inside one of its libraries, is reported
# as an internal error; only the text tells.
_SIGNS = ("out of memory", "out_of_memory", "dst tensor is not initialized", "failed to allocate")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that the device (or the machine) had too little memory."""
    if isinstance(error, tf.errors.InternalError):
        return any(sign in str(error).lower() for sign in _SIGNS)
    return isinstance(error, CANDIDATES)


def describe(error: BaseException) -> str:
    """One line for the trial's failure."""
    headline = next(iter(str(error).splitlines()), type(error).__name__)
    return f"out of memory: {headline}"

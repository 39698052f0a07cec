"""Weights: a network's weights as a file that is there whole or not at all."""

import contextlib
from pathlib import Path

import keras

from hpsearch.errors import UnreachableError
from hpsearch.files import new_file, partial_of
from hpsearch.training import quiet


def save(network: keras.Model, path: Path) -> None:
    """Write a network's weights; a file that is there already is replaced at once.

    Args:
        network: what to save.
        path: ends in ".weights.h5", in a folder that exists.

    Raises:
        UnreachableError: no permission, a full disk and the like; nothing is left behind.
    """
    partial = partial_of(path)
    try:
        new_file(partial).close()  # HDF5 would write to where a link of that name leads
        with quiet.keras_copies():
            network.save_weights(partial)
        partial.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise UnreachableError(f"{path}: cannot be written: {error.strerror or error}") from None

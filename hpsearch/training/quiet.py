"""Quiet: warnings of the libraries among themselves, which no user of hpsearch can act on."""

import contextlib
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def keras_copies() -> Iterator[None]:
    """Around Keras' code that copies variables (saving, its callbacks).

    Keras 3.15 hands TensorFlow's variables to ``numpy.array``; NumPy 2 warns that they do not
    know its ``copy`` argument yet.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
        yield

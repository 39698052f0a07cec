"""Quiet: what the libraries say among themselves, which no user of hpsearch can act on."""

import contextlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def keras_copies() -> Iterator[None]:
    """Around Keras' code that copies variables (saving, its callbacks).

    Keras 3.15 hands TensorFlow's variables to ``numpy.array``; NumPy 2 warns that they do not
    know its ``copy`` argument yet.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
        yield


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Around another tool's converter: nothing that it prints, logs or warns of is shown.

    What is written to the descriptors of standard output and standard error goes nowhere, also
    from C++; handlers and the level that it gives to Python's logging are taken away.
    """
    handlers, disabled = logging.root.handlers[:], logging.root.manager.disable
    level = logging.root.level
    with contextlib.ExitStack() as opened:
        nowhere = opened.enter_context(Path(os.devnull).open("w", encoding="utf-8"))
        for number in (1, 2):
            opened.enter_context(_turned(number, nowhere.fileno()))
        opened.enter_context(contextlib.redirect_stdout(nowhere))
        opened.enter_context(contextlib.redirect_stderr(nowhere))
        opened.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        logging.disable()
        try:
            yield
        finally:
            logging.root.handlers[:] = handlers
            logging.root.setLevel(level)
            logging.disable(disabled)


@contextlib.contextmanager
def _turned(number: int, elsewhere: int) -> Iterator[None]:
    """A descriptor that leads elsewhere; one that is closed stays so."""
    try:
        saved = os.dup(number)
    except OSError:
        yield
        return
    for stream in filter(None, (sys.stdout, sys.stderr)):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os.dup2(elsewhere, number)
    try:
        yield
    finally:
        os.dup2(saved, number)
        os.close(saved)

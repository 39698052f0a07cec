"""hpsearch: a hyperparameter search service for Keras networks, built on Optuna.

From Python:

    >>> import hpsearch
    >>> study = hpsearch.search("study.toml", workers=2)
    >>> study.best.value, study.best.config

What is imported here costs nothing until it is used: neither TensorFlow nor Optuna is imported.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hpsearch.api.ranges import Choice as Choice
    from hpsearch.api.ranges import Float as Float
    from hpsearch.api.ranges import Int as Int
    from hpsearch.api.searching import search as search
    from hpsearch.api.study import Study as Study
    from hpsearch.api.study import load as load
    from hpsearch.client import Client as Client
    from hpsearch.errors import HpsearchError as HpsearchError
    from hpsearch.errors import InputError as InputError
    from hpsearch.errors import NoTrialError as NoTrialError
    from hpsearch.errors import ProgramError as ProgramError
    from hpsearch.errors import StoppedError as StoppedError
    from hpsearch.errors import UnreachableError as UnreachableError

__version__ = "0.1.0"

_HOMES = {
    "hpsearch.api.ranges": ("Choice", "Float", "Int"),
    "hpsearch.api.study": ("Study", "load"),
    "hpsearch.client": ("Client",),
    "hpsearch.errors": (
        "HpsearchError", "InputError", "NoTrialError", "ProgramError", "StoppedError",
        "UnreachableError",
    ),
}  # fmt: skip
"""Where the names are that are imported when they are asked for."""

__all__ = ["__version__", "search", *(name for names in _HOMES.values() for name in names)]  # noqa: PLE0604  # texts


def __getattr__(name: str) -> Any:
    """What is asked for, imported now."""
    if name == "search":  # the package, which can be called
        return import_module("hpsearch.search")
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """All names, those too that are not imported yet."""
    return sorted({*globals(), *__all__})

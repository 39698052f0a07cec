"""The search: studies, their budget and claims, sampling, confirmation; no Keras here.

``hpsearch.search`` is this package and, for users in Python, a function as well.
"""

import inspect
import sys
import warnings
from importlib import import_module
from types import ModuleType
from typing import Any


class _Called(ModuleType):
    """A package that is a function too: importing any module of it makes it what its name is.

    See "Customizing module attribute access" in Python's data model.
    """

    def __call__(self, *args: Any, **settings: Any) -> Any:
        """Run a search; see ``hpsearch.api.searching.search``, which this is."""
        return _function()(*args, **settings)

    @property
    def __doc__(self) -> str | None:  # type: ignore[override]  # a module's is a text
        """The function's, for help."""
        return inspect.getdoc(_function())

    @property
    def __signature__(self) -> inspect.Signature:
        """The function's, for help and completion."""
        return inspect.signature(_function())


def _function() -> Any:
    return import_module("hpsearch.api.searching").search


sys.modules[__name__].__class__ = _Called
# What Optuna shows its progress with misses widgets in a notebook; nobody asks it for any here.
warnings.filterwarnings("ignore", "IProgress not found")

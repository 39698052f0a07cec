"""Optuna's importances, imported without scikit-learn: its random forests, which take a second to
import, are for those who grow one, as a page of optuna-dashboard does and no command of ours.

Imported before anything that imports ``optuna.importance`` itself.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

_MODULE = "sklearn.ensemble"


def _forest(*arguments: Any, **options: Any) -> Any:
    """What ``sklearn.ensemble.RandomForestRegressor`` gives, which is imported now."""
    from sklearn.ensemble import RandomForestRegressor  # noqa: PLC0415  # takes a second

    return RandomForestRegressor(*arguments, **options)


@contextmanager
def _imported_when_used() -> Iterator[None]:
    """Within the block stands for the module, unless it is imported already."""
    if _MODULE in sys.modules:
        yield
        return
    stand_in = ModuleType(_MODULE)
    stand_in.RandomForestRegressor = _forest  # type: ignore[attr-defined]
    sys.modules[_MODULE] = stand_in
    try:
        yield
    finally:
        del sys.modules[_MODULE]


with _imported_when_used():
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

__all__ = ["PedAnovaImportanceEvaluator", "get_param_importances"]

"""The record as arrays: the errors of the candidates of a kind on its sets, and their regrets."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from data_sets import SETS

Errors = npt.NDArray[np.float64]
"""Shape (sets, candidates)."""

MOST = 2.0
"""The regret of a training that failed or was worse still: two times that of the median."""


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """What the candidates of a kind came to, each on each set."""

    kind: str
    sets: tuple[str, ...]
    families: tuple[str, ...]
    """Of each set; sets of one family have examples in common."""
    candidates: tuple[int, ...]
    """Their numbers."""
    lines: tuple[tuple[dict[str, Any], ...], ...]
    """Of the record, for each set those of the candidates."""
    validated: Errors
    """1 - accuracy, or RMSE, of the validation examples; infinite where training failed."""
    tested: Errors
    """The same of the test examples."""

    @property
    def pooled(self) -> Errors:
        """The error of validation and test examples together; of RMSEs the weighted mean.

        All examples that a candidate did not learn from tell of it.
        """
        shares = np.array([[_share(line) for line in row] for row in self.lines])
        return np.asarray(shares * self.validated + (1 - shares) * self.tested)


def recorded(kind: str, lines: Sequence[dict[str, Any]]) -> Recorded:
    """The part of the record in which every candidate of a kind is on every set.

    A record that was cut off has sets with few candidates, which are left out, and then candidates
    that are not on all other sets.

    Args:
        kind: one of ``KINDS``.
        lines: of the record.
    """
    of_kind = {(one["set"], one["candidate"]): one for one in lines if one["kind"] == kind}
    counts = Counter(name for name, _ in of_kind)
    most = max(counts.values(), default=0)
    sets = [one for one in SETS if counts[one.name] > 0.8 * most]
    numbers = sorted({number for _, number in of_kind})
    whole = [one for one in numbers if all((on.name, one) in of_kind for on in sets)]
    table = tuple(tuple(of_kind[on.name, number] for number in whole) for on in sets)
    return Recorded(
        kind=kind,
        sets=tuple(one.name for one in sets),
        families=tuple(one.family for one in sets),
        candidates=tuple(whole),
        lines=table,
        validated=_errors(table, "value"),
        tested=_errors(table, "test"),
    )


def regrets(errors: Errors) -> Errors:
    """How far each candidate is from the best one on each set: 0 the best, 1 the median one.

    By this the sets are worth the same, whatever their errors are, and yet it counts by how much a
    candidate is better, which a rank does not say. Where half of all are best the set tells
    nothing, and all regrets are 0.
    """
    best = errors.min(axis=1, keepdims=True)
    spread = np.median(errors, axis=1, keepdims=True) - best
    tells = np.isfinite(spread) & (spread > 0)
    found = np.divide(errors - best, spread, out=np.zeros_like(errors), where=tells)
    return np.asarray(np.minimum(found, MOST))


def weights(families: Sequence[str]) -> npt.NDArray[np.float64]:
    """Of the sets, that all families count the same; their sum is 1."""
    counts = Counter(families)
    return np.array([1 / counts[one] / len(counts) for one in families])


def _share(line: dict[str, Any]) -> float:
    """Of validation examples among all that were not learned from."""
    validated: int = line["validated"]
    return validated / (validated + int(line["tested"]))


def _errors(table: Sequence[Sequence[dict[str, Any]]], key: str) -> Errors:
    return np.array([[_error(line, key) for line in row] for row in table])


def _error(line: dict[str, Any], key: str) -> float:
    if key not in line or not np.isfinite(line[key]):
        return np.inf
    value = float(line[key])
    return value if line["task"] == "regression" else 1 - value

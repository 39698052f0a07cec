"""An ensemble of trained networks, as plain values; ``averaging`` has what it says."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hpsearch.data.parts import Parts
from hpsearch.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class Member:
    """A trained network, and by how much it counts."""

    recipe: Recipe
    """What was trained."""
    parts: Parts
    """Its data; only shape, classes and what is fitted are used."""
    weights: Path
    """Its ``best.weights.h5``."""
    share: float
    """Above 0; the sum over an ensemble's members is 1."""


def joined(members: Sequence[Member]) -> Parts:
    """The data of all members as if they were of one network, whose folds are theirs.

    Args:
        members: at least one, all of one data set.
    """
    first, *others = (fold for member in members for fold in member.parts.folds)
    return replace(first, others=tuple(others))


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a network takes on this machine."""

    parameters: int
    """Trainable ones, of all of its parts."""
    one: float
    """Seconds for one example: the median of some calls."""
    batch: float
    """Seconds for a batch, likewise."""
    examples: int
    """In the batch."""

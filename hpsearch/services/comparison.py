"""Models of scikit-learn on a test split that is open: what networks are compared with there."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from hpsearch.data.dataset import Dataset
from hpsearch.data.drawing import split
from hpsearch.errors import InputError
from hpsearch.recipe import Recipe
from hpsearch.reference.reference import Reference
from hpsearch.services.progress import Progress


class Comparison:
    """What models reach on a test split, trained on the same examples as some networks.

    Attributes:
        found: by model; none before it was called, and where there are none.
    """

    def __init__(
        self, dataset: Dataset, recipe: Recipe, progress: Progress, *, wanted: bool = True
    ) -> None:
        """Prepare it; nothing is trained yet.

        Args:
            dataset: whose test split it is.
            recipe: of one of the networks.
            progress: is told what happens.
            wanted: whether models are trained at all.
        """
        self.found: Sequence[Reference] = ()
        self._dataset, self._recipe, self._progress = dataset, recipe, progress
        self._is_due = wanted

    def __call__(
        self, x: npt.NDArray[np.generic], y: npt.NDArray[np.generic]
    ) -> dict[str, list[dict[str, Any]]]:
        """What the record of test accesses is to keep; the models are trained at the first call.

        Args:
            x: inputs of the test split, as stored, shape (n, ...).
            y: its targets, shape (n,).
        """
        if self._is_due:
            self._is_due = False
            self._progress.say("Training models of scikit-learn on the same examples to compare.")
            try:
                self.found = self._measured(x, y)
            except (InputError, ValueError, MemoryError) as error:  # the results are to stay
                why = " ".join(str(error).split()) or type(error).__name__
                self._progress.say(f"warning: no models for comparison: {why}")
        return {"reference": plain(self.found)} if self.found else {}

    def _measured(
        self, x: npt.NDArray[np.generic], y: npt.NDArray[np.generic]
    ) -> Sequence[Reference]:
        from hpsearch.reference.parts import check_size, on_test  # noqa: PLC0415  # takes a second

        section = self._recipe.dataset
        parts = split(self._dataset, section)
        check_size(parts)
        found = on_test(self._recipe.task, parts, self._dataset.columns, x, y)
        more = {"with_validation": bool(section.include_validation or parts.others)}
        return [one.model_copy(update=more) for one in found]


def plain(found: Sequence[Reference]) -> list[dict[str, Any]]:
    """What models reach on test examples, as JSON."""
    return [one.model_dump(mode="json", exclude={"values"}) for one in found]

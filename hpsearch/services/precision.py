"""The precision of what is trained without a study's workers: by ``check``, and by ``train``."""

from collections.abc import Sequence

from hpsearch.data.parts import Parts
from hpsearch.recipe import Recipe
from hpsearch.search.precision import chosen_by, in_words
from hpsearch.services.progress import Progress
from hpsearch.workers.precision import measured_here


def settled(recipes: Sequence[Recipe], parts: Parts, progress: Progress) -> str:
    """The precision that ``training.precision = "auto"`` becomes on this device.

    TensorFlow is started.

    Args:
        recipes: what is trained, one for each kind of network.
        parts: their data.
        progress: is told.
    """
    measured = measured_here(recipes, parts)
    found = chosen_by(measured)
    progress.say(in_words(found, measured))
    return found.chosen

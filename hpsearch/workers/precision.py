"""Settling a study's precision: its first worker measures, and the first on each other device."""

import logging
import socket
from collections.abc import Callable, Sequence
from contextlib import closing

from hpsearch.data.parts import Parts
from hpsearch.errors import TrialFailedError
from hpsearch.home import Home
from hpsearch.recipe import Recipe
from hpsearch.search.precision import in_words, measured_on, note
from hpsearch.search.shapes import Measured
from hpsearch.search.study import OpenStudy
from hpsearch.workers.identity import device
from hpsearch.workers.sharing import Turn, device_key

_log = logging.getLogger(__name__)


def settle_precision(
    study: OpenStudy, parts: Parts, home: Home, stopped: Callable[[], bool]
) -> None:
    """Have a study with ``training.precision = "auto"`` know what its trials compute in.

    TensorFlow is started, and this process may measure. Workers of a device take turns, so that
    one of them measures for all; of different devices the first one chooses.

    Args:
        study: the study.
        parts: its data.
        home: whose workers take turns.
        stopped: asked while waiting; then nothing is settled.
    """
    if study.file.training.precision != "auto" or _is_known(study):
        return
    with closing(Turn(home, f"{device_key()}.precision")) as turn:
        if not turn.take(stopped) or _is_known(study):
            return
        recipes = study.file.middle_recipes(parts.input_shape, parts.outputs)
        measured = measured_here([*recipes.values()], parts)
        found = note(study, measured)
        if line := in_words(found, measured):
            _log.info("%s", line)


def _is_known(study: OpenStudy) -> bool:
    """Whether there is nothing to measure here: every device computes float32 well."""
    found = study.precision
    if found is None:
        return False
    here = measured_on(found, socket.gethostname(), device())
    return found.chosen == "float32" or here is not None


def measured_here(recipes: Sequence[Recipe], parts: Parts) -> Measured:
    """What steps of some recipes take on this device in each precision; TensorFlow is started."""
    from hpsearch.training.precision import candidates, measure  # noqa: PLC0415  # needs TensorFlow

    try:
        seconds = measure(recipes, parts, candidates())
    except TrialFailedError as error:
        _log.warning("the precision could not be measured (%s): float32", error)
        seconds = {"float32": 0.0}
    return Measured(host=socket.gethostname(), device=device(), seconds=seconds)

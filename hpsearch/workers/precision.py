"""Settling a study's precision: its first worker measures, and the first on each other device."""

import logging
import socket
from collections.abc import Callable, Sequence
from contextlib import closing

from hpsearch.data.parts import Parts
from hpsearch.errors import TrialFailedError
from hpsearch.home import Home
from hpsearch.recipe import Recipe
from hpsearch.search.precision import in_words, is_known, keep_measured
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
        stopped: asked while waiting and measuring; then nothing is settled.
    """
    if study.file.training.precision != "auto" or _is_settled(study):
        return
    with closing(Turn(home, f"{device_key()}.precision")) as turn:
        if not turn.take(stopped) or _is_settled(study):
            return
        recipes = study.file.middle_recipes(parts.shape, parts.outputs)
        known = study.precision
        other = None if known is None else known.chosen
        try:
            measured = measured_here([*recipes.values()], parts, other, stopped)
        except TrialFailedError:  # it was interrupted: who comes next measures
            return
        found = keep_measured(study, measured)
        if line := in_words(found, measured):
            _log.info("%s", line)


def _is_settled(study: OpenStudy) -> bool:
    """Whether there is nothing to measure here.

    A confirmation study is as the study that it is of, whose workers have measured.
    """
    found = study.precision
    if found is None:
        return False
    return study.is_closed or is_known(found, socket.gethostname(), device())


def measured_here(
    recipes: Sequence[Recipe],
    parts: Parts,
    precision: str | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> Measured:
    """What steps of some recipes take on this device in float32 and another precision.

    TensorFlow is started.

    Args:
        recipes: what is trained.
        parts: their data.
        precision: the other one; None: the usual one of the device.
        stopped: asked while measuring.

    Raises:
        TrialFailedError: interrupted, as ``stopped`` said.
    """
    from hpsearch.training.precision import measured  # noqa: PLC0415  # needs TensorFlow

    seconds, reason = measured(recipes, parts, precision, stopped)
    return Measured(host=socket.gethostname(), device=device(), seconds=seconds, reason=reason)

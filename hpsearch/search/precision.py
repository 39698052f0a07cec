"""What ``training.precision = "auto"`` becomes: the same for all trials of a study, kept in it."""

from collections.abc import Mapping
from typing import Any

from hpsearch.environment import ANY_DEVICE
from hpsearch.search import attributes as attr
from hpsearch.search.shapes import Measured, Precision
from hpsearch.search.study import OpenStudy

FASTER = 1.1
"""How many times as fast as float32 another precision has to be: less comes and goes with whatever
else the machine does, and a study is to get the same precision again."""


def choose(seconds: Mapping[str, float]) -> str:
    """The precision that is worth leaving float32 for, or float32.

    Args:
        seconds: what the same steps took in each precision; nothing: only float32 is there.
    """
    fastest = min(seconds, key=lambda name: seconds[name], default="float32")
    return fastest if seconds and _times(seconds, fastest) >= FASTER else "float32"


def chosen_by(measured: Measured) -> Precision:
    """What the first device that measures makes of a study's precision."""
    return Precision.model_validate({"chosen": choose(measured.seconds), "measured": [measured]})


def keep_measured(study: OpenStudy, measured: Measured) -> Precision:
    """Keep what a device measured; of a study that has no precision yet it chooses that.

    Args:
        study: the study.
        measured: what was measured.

    Returns:
        What the study has now, by whoever was first.
    """

    def change(known: Mapping[str, Any] | None) -> dict[str, Any] | None:
        if known is None:
            return chosen_by(measured).model_dump(mode="json")
        if is_known(Precision.model_validate(known), measured.host, measured.device):
            return None
        return {**known, "measured": [*known["measured"], measured.model_dump(mode="json")]}

    study.storage.revise(study.study_id, attr.PRECISION_KEY, change)
    return study.precision or chosen_by(measured)


def is_known(found: Precision, host: str, device: str) -> bool:
    """Whether a device has nothing to measure: it did, or float32 was chosen, which all can do."""
    seen = [(one.host, one.device) for one in found.measured]
    return found.chosen == "float32" or (host, device) in seen


def attributes(study: OpenStudy) -> dict[str, Any]:
    """The attributes of a study whose trials compute as those of another one do."""
    found = study.optuna.user_attrs.get(attr.PRECISION_KEY)
    return {} if found is None else {attr.PRECISION_KEY: found}


def lines(study: OpenStudy) -> list[str]:
    """What there is to know of a study's precision, one line for each device that measured it."""
    found = study.precision
    each = [] if found is None else [in_words(found, one) for one in found.measured]
    return [line for line in each if line]


def in_words(found: Precision, measured: Measured) -> str:
    """What a device's figures say of a study's precision, in one line; empty: nothing to know.

    Args:
        found: the study's precision.
        measured: one of its devices' figures.
    """
    named = measured.device != ANY_DEVICE
    where = f"{measured.device} of {measured.host}" if named else measured.host
    if measured == found.measured[0]:
        return _why_chosen(found, measured, where)
    if not measured.seconds:
        return f"warning: precision {found.chosen}: {where} {measured.reason}."
    times = 1 / _times(measured.seconds, found.chosen)
    if times < FASTER:
        return ""
    return (
        f"warning: precision {found.chosen}: {where} takes {times:.1f} times as long in it as in"
        " float32."
    )


def _why_chosen(found: Precision, measured: Measured, where: str) -> str:
    """Why a study computes in its precision."""
    if not measured.seconds:
        return f"precision float32: {where} {measured.reason}."
    if found.chosen != "float32":
        times = _times(measured.seconds, found.chosen)
        return f"precision {found.chosen}: {times:.2f} times as fast as float32 on {where}."
    other = next(name for name in measured.seconds if name != "float32")
    times = 1 / _times(measured.seconds, other)
    return f"precision float32: {other} takes {times:.2f} times as long on {where}."


def _times(seconds: Mapping[str, float], name: str) -> float:
    """How many times as fast as float32 a precision is."""
    return seconds["float32"] / seconds[name]

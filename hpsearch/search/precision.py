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
        seconds: what the same steps took in each precision, float32 among them.
    """
    fastest = min(seconds, key=lambda name: seconds[name])
    return fastest if seconds["float32"] >= FASTER * seconds[fastest] else "float32"


def chosen_by(measured: Measured) -> Precision:
    """What the first device that measures makes of a study's precision."""
    return Precision.model_validate({"chosen": choose(measured.seconds), "measured": [measured]})


def note(study: OpenStudy, measured: Measured) -> Precision:
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
        if measured_on(Precision.model_validate(known), measured.host, measured.device):
            return None
        return {**known, "measured": [*known["measured"], measured.model_dump(mode="json")]}

    study.storage.revise(study.study_id, attr.PRECISION_KEY, change)
    found = study.precision
    assert found is not None  # noqa: S101  # nobody takes it out again
    return found


def measured_on(found: Precision, host: str, device: str) -> Measured | None:
    """What a device of a machine measured; None: nothing yet."""
    return next((one for one in found.measured if (one.host, one.device) == (host, device)), None)


def inherited(study: OpenStudy) -> dict[str, Any]:
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
    others = [name for name in measured.seconds if name != "float32"]
    if measured == found.measured[0]:
        if not others:
            return f"precision float32: {where} is fast in nothing else"
        share = measured.seconds[others[0]] / measured.seconds["float32"]
        if found.chosen == "float32":
            return f"precision float32: {others[0]} takes {share:.2f} times as long on {where}"
        return f"precision {found.chosen}: {1 / share:.2f} times as fast as float32 on {where}"
    if found.chosen not in measured.seconds:
        return f"warning: {where} is slow in {found.chosen}, the study's precision"
    share = measured.seconds[found.chosen] / measured.seconds["float32"]
    if share <= 1:
        return ""
    return (
        f"warning: {where} takes {share:.1f} times as long in {found.chosen}, the study's"
        " precision, as in float32"
    )

"""What of a trial's parameters was asked for, and what was drawn."""

from typing import Any

from optuna.trial import FrozenTrial

FIXED_KEY = "fixed_params"
"""Optuna's system attribute of a trial that waited: the parameters that it has when it starts."""

ASKED_KEY = "hpsearch:asked"
"""System attribute of a trial that goes on for an interrupted one: those of its fixed parameters
that somebody asked for; the others were drawn."""


def fixed(trial: FrozenTrial) -> dict[str, Any]:
    """The parameters that a trial had, or will have, when it started: enqueued or gone on with."""
    return dict(trial.system_attrs.get(FIXED_KEY, {}))


def asked(trial: FrozenTrial) -> dict[str, Any]:
    """The parameters of a trial that somebody asked for; the others may be drawn again.

    Of a trial that goes on for another one since before that was written down, none.
    """
    if ASKED_KEY in trial.system_attrs:
        return dict(trial.system_attrs[ASKED_KEY])
    return {} if "resumes" in trial.user_attrs else fixed(trial)

"""The list of rules that stopping.py compares."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from replayed import Pruner, Steering
from stopping_rules import (
    IEpoch,
    InOrder,
    LastMinutes,
    Pasha,
    Seeds,
    halving,
    never,
    percentile,
)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What ends trials of a search, and what it trains next."""

    name: str
    about: Literal["pruner", "patience", "epochs", "trials", "end"]
    """What it is compared about."""
    pruner: Pruner = never
    patience: int | None = 0
    """Of early stopping; 0: as hpsearch comes, None: there is none."""
    steering: Callable[[], Steering] = InOrder
    is_timed: bool = False
    """Whether it acts by the budget of time."""


TODAY = percentile(50.0, 3, 0.2)
DEFAULT = "median after 3 trials, a fifth, patience as it comes (the default)"
_SHARES = {0.0: "one epoch", 0.1: "a tenth", 0.2: "a fifth", 1 / 3: "a third"}


def rules() -> list[Rule]:
    """All that are compared, the default first."""
    return [Rule(name=DEFAULT, about="pruner", pruner=TODAY), *_pruners(), *_others(), *_ends()]


def _pruners() -> list[Rule]:
    found = [Rule(name="none", about="pruner")]
    told_of = {0.0: "none", 0.1: "a tenth", 0.2: "a fifth", 0.3: "three tenths"}
    for share, kind in ((50.0, "median"), (25.0, "best quarter"), (67.0, "best two thirds")):
        for startup in (3, 5):
            for warmup, told in told_of.items():
                if (share, startup, warmup) == (50.0, 3, 0.2) or (share != 50.0 and startup != 3):
                    continue
                name = f"{kind} after {startup} trials, {told}"
                rule = percentile(share, startup, warmup)
                found.append(Rule(name=name, about="pruner", pruner=rule))
    for least in (1, 2, 4):
        for factor in (3, 4):
            name = f"successive halving, from {least}, by {factor}"
            found.append(Rule(name=name, about="pruner", pruner=halving(least, factor)))
    return found


def _others() -> list[Rule]:
    found = []
    for patience in (3, 5, 10, 16, None):
        told = "no patience" if patience is None else f"patience {patience}"
        for name, pruner in (("no pruner", never), ("the default's median", TODAY)):
            found.append(
                Rule(name=f"{name}, {told}", about="patience", pruner=pruner, patience=patience)
            )
    for share, told in _SHARES.items():
        for count in (1, 3):
            found.append(
                Rule(
                    name=f"i-Epoch, {told}, all begun, then the best {count} alone",
                    about="trials",
                    steering=partial(IEpoch, share, count, only=True),
                )
            )
            found.append(
                Rule(
                    name=f"i-Epoch, {told}, best {count} finished",
                    about="epochs",
                    steering=partial(IEpoch, share, count),
                    is_timed=True,
                )
            )
    found += [
        Rule(
            name=f"PASHA, by {factor}, best 3 finished",
            about="epochs",
            steering=partial(Pasha, factor, 3),
            is_timed=True,
        )
        for factor in (2, 3)
    ]
    return found


def _ends() -> list[Rule]:
    ways: dict[str, tuple[Pruner, Callable[[], Steering]]] = {
        "none begun that does not fit": (TODAY, partial(LastMinutes, fits=True)),
        "none begun that does not fit, pruned finished": (
            TODAY,
            partial(LastMinutes, fits=True, resumes=True),
        ),
        "none begun in the last tenth": (TODAY, partial(LastMinutes, share=0.1)),
        "the last tenth for seeds of the best 3": (TODAY, partial(Seeds, 0.1, 3)),
    }
    for share, told in ((0.1, "tenth"), (0.25, "quarter")):
        last = partial(LastMinutes, share=share, resumes=True)
        ways[f"the last {told} for the best pruned"] = TODAY, last
        ways[f"successive halving, from 1, by 3; the last {told} for the best pruned"] = (
            halving(1, 3),
            last,
        )
    return [
        Rule(name=name, about="end", pruner=pruner, steering=steering, is_timed=True)
        for name, (pruner, steering) in ways.items()
    ]

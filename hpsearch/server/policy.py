"""Whose turn it is: which study gets the next free slot, and when a slot passes to another study.

The highest level first, which is a study's priority and one more for each ten minutes that it has
waited without any worker: so whatever else is submitted, everybody's turn comes. On one level the
user with the fewest running workers, of whose studies the one with the fewest; then who has waited
longest. Pure functions: time, studies and workers are given.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

AGEING = 600.0
"""Seconds of waiting that are worth one of priority."""

SHORTEST_TURN = 10.0
"""Seconds for which a study keeps a slot before it passes to another one of the same level: its
worker opens the other study, and its data, anew."""


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A study that has a trial to start."""

    study: str
    user: str
    priority: int
    waiting_since: float
    """When it was queued, or last had a worker; in seconds by the clock of ``now``."""
    most: int | None = None
    """Workers that it may have at most; None: any number."""


@dataclass(frozen=True, kw_only=True)
class Held:
    """A slot with a worker in it."""

    study: str
    user: str


def next_turn(
    contenders: Iterable[Contender],
    held: Collection[Held],
    now: float,
    *,
    most_of_user: int | None = None,
) -> Contender | None:
    """Whose turn it is to get a free slot; None where nobody may have it.

    Args:
        contenders: the studies that have a trial to start.
        held: the slots that have a worker.
        now: the present moment, in seconds.
        most_of_user: workers that each user may have at most; None: any number.
    """
    of_study = Counter(one.study for one in held)
    of_user = Counter(one.user for one in held)

    def may(one: Contender) -> bool:
        fits = one.most is None or of_study[one.study] < one.most
        return fits and (most_of_user is None or of_user[one.user] < most_of_user)

    def order(one: Contender) -> tuple[float, int, int, float, str]:
        waits = of_study[one.study] == 0
        return (
            -level(one, now if waits else one.waiting_since),
            of_user[one.user],
            of_study[one.study],
            one.waiting_since,
            one.study,
        )

    return min(filter(may, _foremost(contenders, of_study)), key=order, default=None)


def _foremost(contenders: Iterable[Contender], of_study: Mapping[str, int]) -> list[Contender]:
    """Those that may be next, which are few of thousands.

    Of a user's studies with one priority and no worker it can only be who has waited longest.

    Args:
        contenders: all of them.
        of_study: how many workers studies have that have any.
    """
    served: list[Contender] = []
    longest: dict[tuple[str, int], Contender] = {}
    for one in contenders:
        if one.study in of_study:
            served.append(one)
            continue
        key = one.user, one.priority
        first = longest.get(key)
        if first is None or (one.waiting_since, one.study) < (first.waiting_since, first.study):
            longest[key] = one
    return [*served, *longest.values()]


def level(contender: Contender, now: float) -> int:
    """A study's priority, and one more for each ``AGEING`` seconds that it has waited."""
    return contender.priority + int(max(0.0, now - contender.waiting_since) // AGEING)


def passes_to(
    contender: Contender,
    others: Sequence[Contender],
    held: Collection[Held],
    now: float,
    *,
    for_seconds: float,
    most_of_user: int | None = None,
) -> Contender | None:
    """The study that a slot passes to when its worker has ended its trial; None: it stays.

    It is whose turn it would be if the slot were free just now, and its own study had only begun to
    wait.

    Args:
        contender: the study whose worker is in the slot.
        others: the other studies that have a trial to start.
        held: the other slots that have a worker.
        now: the present moment, in seconds.
        for_seconds: how long the worker has been in the slot.
        most_of_user: as in :func:`next_turn`.
    """
    own = replace(contender, waiting_since=now)
    found = next_turn([own, *others], held, now, most_of_user=most_of_user)
    if found is None or found.study == own.study:
        return None
    is_above = level(found, now) > own.priority
    return found if is_above or for_seconds >= SHORTEST_TURN else None

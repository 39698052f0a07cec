"""The study to try next: the same one with ranges moved to where the best trials were."""

import copy
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hpsearch.config import TrialConfig, is_whole
from hpsearch.errors import InputError
from hpsearch.naming import NONE, named
from hpsearch.parsing import parse
from hpsearch.ranges import Categorical
from hpsearch.report.leaders import LEAST, Crowded, Row, crowded
from hpsearch.report.study_toml import as_table, as_text
from hpsearch.study_file import StudyFile
from hpsearch.walks import Place, opened, places

ENOUGH = 20
"""Complete trials below which no range is changed: of fewer, the best five would be more than the
best quarter, and what they have in common may be what all trials have in common."""

MANY = 8
"""Trials that must have tried a choice before it is dropped for want of success."""


@dataclass(frozen=True, kw_only=True)
class Following:
    """A study file, and what is other in it than in the one before."""

    changes: list[str]
    """A sentence each; none: the best trials gave no reason for any."""
    text: str
    """The file, in TOML."""
    name: str
    """The next study's."""
    stuck: list[str]
    """Ends of ranges that the best trials crowd at and that cannot move, a sentence each."""
    too_few: str
    """Why no range is changed, where too few trials have completed; else empty."""


def following(
    file: StudyFile,
    rows: Sequence[Row],
    best: Sequence[Row],
    config: TrialConfig | None,
    names: Mapping[str, str] = NONE,
) -> Following:
    """What to search next.

    An end of a range that the best trials crowd at is moved outwards; choices that were tried
    often and that none of the best uses go; training is longer where the best trials were
    still getting better; and the best configuration is tried first. Of fewer than ``ENOUGH``
    complete trials only that is done.

    Args:
        file: the study that was searched.
        rows: all its trials.
        best: the best of them, the best first.
        config: the best configuration, if there is one.
        names: what data and code are called; see :mod:`hpsearch.naming`.
    """
    table = as_table(file, _next_name(file.name))
    changes, stuck, too_few = list[str](), list[str](), ""
    complete = sum(row["state"] == "complete" and is_whole(row["config"]) for row in rows)
    if complete >= ENOUGH:
        changes, stuck = _move_ends(table, file, best)
        changes += _drop_choices(table, file, rows, best)
        changes += _train_longer(table, file, best)
    else:
        too_few = (
            f"Advice on ranges needs {ENOUGH} complete trials, so that the best five are a real"
            f" selection; there {'is' if complete == 1 else 'are'} {complete}"
        )
    if config is not None:
        _try_first(table, config, changes)
    head = f"# What to search after {file.name}, by hpsearch report.\n"
    return Following(
        changes=changes,
        text=head + as_text(named(table, names)),
        name=table["name"],
        stuck=stuck,
        too_few=too_few,
    )


def _move_ends(
    table: dict[str, Any], file: StudyFile, best: Sequence[Row]
) -> tuple[list[str], list[str]]:
    """Move the ends that the best trials crowd at; what moved and what cannot, in sentences."""
    moved, stuck = [], []
    for one in crowded(file.space, best):
        at = (
            f"{one.name}: {one.near} of the best {one.of} trials lie at the {one.end} end"
            f" ({one.limit:g})"
        )
        beyond = _widen(table, one, file)
        if beyond is None:
            stuck.append(at)
        else:
            moved.append(f"{at}; it is now {beyond:g}")
    return moved, stuck


def _next_name(name: str) -> str:
    """``cifar10-2`` after ``cifar10``, ``cifar10-3`` after that."""
    stem, _, number = name.rpartition("-")
    if stem and number.isdecimal() and len(number) < 4:
        after = f"-{int(number) + 1}"
    else:
        stem, after = name, "-2"
    return stem[: 100 - len(after)] + after


def _with_range(table: dict[str, Any], place: Place, **changes: Any) -> dict[str, Any]:
    """A copy of a study file's table with another range at a place of its space."""
    changed = copy.deepcopy(table)
    place.within(changed["space"]).update(changes)
    return changed


def _is_valid(table: dict[str, Any]) -> bool:
    try:
        parse(StudyFile, table, "the next study")
    except InputError:
        return False
    return True


def _widen(table: dict[str, Any], one: Crowded, file: StudyFile) -> float | None:
    """Move one end of a range outwards; to where, or None where it cannot be."""
    place = next(place for place in places(file.space) if place.name == one.name)
    field = place.field
    if isinstance(field, Categorical):
        ordered = sorted(field.choices)
        beyond = _beyond(ordered[1], ordered[0]) if one.end == "low" else _beyond(*ordered[-2:])
        widened = _with_range(table, place, choices=[*field.choices, beyond])
    else:
        beyond = _moved(field, one.end)
        widened = _with_range(table, place, **{one.end: beyond})
    # Two digits may be too few for a narrow range: what they name then lies within it.
    outwards = beyond < one.limit if one.end == "low" else beyond > one.limit
    if not outwards or not _is_valid(widened):
        return None
    table["space"] = widened["space"]
    return beyond


def _beyond(inner: float, end: float) -> float:
    """The number that follows two choices in their order: as far again, by ratio if it can be."""
    beyond = end * end / inner if inner > 0 and end > 0 else 2 * end - inner
    return round(beyond) if isinstance(end, int) else _short(beyond)


def _moved(field: Any, end: str) -> float:
    """An end of a range, moved by half of its width on its own scale."""
    low, high, step = field.low, field.high, field.step
    if field.log:
        factor = math.sqrt(high / low)
        beyond = low / factor if end == "low" else high * factor
    else:
        width = (high - low) / 2
        beyond = low - width if end == "low" else high + width
    if isinstance(low, int):
        # At least one step, and a whole number of them.
        steps = max(1, round(abs(beyond - getattr(field, end)) / step))
        return int(getattr(field, end) + (steps * step if end == "high" else -steps * step))
    if step is not None:
        steps = max(1, round(abs(beyond - getattr(field, end)) / step))
        return _short(getattr(field, end) + (steps * step if end == "high" else -steps * step))
    return _short(beyond)


def _short(value: float) -> float:
    """A number with two digits, as a person would write it."""
    return float(f"{value:.2g}")


def _drop_choices(
    table: dict[str, Any], file: StudyFile, rows: Sequence[Row], best: Sequence[Row]
) -> list[str]:
    """Take out choices that were tried often and that no good trial uses."""
    changes = []
    tried = [
        row for row in rows if row["state"] in ("complete", "pruned") and is_whole(row["config"])
    ]
    for place in places(file.space):
        name, field = place.name, place.field
        is_choice = isinstance(field, Categorical) and place.trait.members is None
        if not is_choice or len(best) < LEAST:
            continue
        used = {value for row in best for value in place.values(row["config"])}
        used &= set(field.choices)
        times = Counter(value for row in tried for value in set(place.values(row["config"])))
        gone = [c for c in field.choices if times[c] >= MANY and c not in used]
        if not used or not gone:  # not used: where all of the best have another optimizer
            continue
        kept = [choice for choice in place.within(table["space"])["choices"] if choice not in gone]
        table["space"] = _with_range(table, place, choices=kept)["space"]
        changes += [
            f"{name}: {choice} is dropped: {times[choice]} trials tried it, but none of the best"
            f" {len(best)} did"
            for choice in gone
        ]
    return changes


def _train_longer(table: dict[str, Any], file: StudyFile, best: Sequence[Row]) -> list[str]:
    """More epochs, where most of the best trials were at their best near the end."""
    epochs = file.training.epochs
    late = sum((row["best_epoch"] or 0) > 0.9 * epochs for row in best)
    if len(best) < LEAST or late < len(best) / 2:
        return []
    longer = {**table.get("training", {}), "epochs": 2 * epochs}
    if not _is_valid({**table, "training": longer}):
        return []
    table["training"] = longer
    at = f"{late} of the {len(best)} best trials were at their best in the last tenth of {epochs}"
    return [f"training.epochs: {at} epochs; it is now {2 * epochs}"]


def _try_first(table: dict[str, Any], config: TrialConfig, changes: list[str]) -> None:
    """Enqueue the best configuration, as far as the new space leaves it open."""
    space = parse(StudyFile, table, "the next study").space
    first = opened(space, config)
    tried = {**table, "enqueue": [first]}
    if first and _is_valid(tried):
        table["enqueue"] = [first]
        changes.append("the best configuration is tried first")

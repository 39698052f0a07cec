"""What the report says of a study, as plain values: gathered once, then written as HTML or JSON."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from hpsearch import recipe
from hpsearch.config import TrialConfig, describe, flat, summary
from hpsearch.data.record import Access
from hpsearch.effect import Learnt
from hpsearch.errors import Failure
from hpsearch.naming import NONE, named, told
from hpsearch.outputs.test_access import plain
from hpsearch.outputs.trainings import Training
from hpsearch.ranges import words
from hpsearch.reference.reference import sentence
from hpsearch.report.following import following
from hpsearch.report.leaders import Row, in_words, leaders
from hpsearch.report.study_toml import as_toml
from hpsearch.search import trials
from hpsearch.search.attributes import REFERENCE_KEY, SAME_KEY
from hpsearch.search.ensemble import summary as summary_of_ensemble
from hpsearch.search.importance import MOST, importances
from hpsearch.search.leaders import BASELINE
from hpsearch.search.recipes import recipe_of
from hpsearch.search.reference import reference
from hpsearch.search.shapes import Kind
from hpsearch.search.study import OpenStudy
from hpsearch.search.trials import Trial
from hpsearch.search_sections import Grid
from hpsearch.tasks.interval import measured_words
from hpsearch.tasks.metric import Metric
from hpsearch.walks import places

TOP = 10
"""Best trials that are listed."""


def facts(
    study: OpenStudy,
    seen: Sequence[Trial],
    rows: Sequence[Row],
    trained: Sequence[Training],
    confirmed: Mapping[str, Mapping[int, float]],
    *,
    learnt: Learnt,
    opened: Sequence[Access],
    winner: Mapping[str, Any] | None = None,
    names: Mapping[str, str] = NONE,
) -> dict[str, Any]:
    """Everything that the report says, ready for JSON.

    Args:
        study: the study.
        seen: its trials, by number.
        rows: the same as ``trials --json`` prints them.
        trained: what ``hpsearch train`` found for recipes of the study.
        confirmed: what ``hpsearch confirm`` found, by whose configuration it is and by seed.
        learnt: what the trials say of the space.
        opened: the accesses to the test split of its data.
        winner: what the last ``hpsearch confirm`` came to, ready for JSON, if it is done.
        names: what data and code are called; see :mod:`hpsearch.naming`.
    """
    shown = trials.details(study)
    shown["dataset"] = _UNKNOWN | (shown["dataset"] or {})
    best = leaders(rows, study.file.objective.measure)
    config = trials.config(study, seen[best[0]["number"]]) if best else None
    file = study.file
    if not isinstance(file.sampler, Grid):  # whose budget is cut to the points that there are
        file = file.model_copy(update={"budget": study.budget})  # which run may have changed
    again = _again(trained, confirmed)
    complete = sum(row["state"] == "complete" for row in rows)
    found = {
        "study": shown,
        "goal": study.file.objective.measure.direction,
        "complete": complete,
        "best": _best(study, seen, rows, best, again, names=names),
        "baseline": _baseline(study.file.baseline, rows, again),
        "learnt": _learnt(learnt, study.file.objective.measure),
        "importances": [asdict(one) for one in importances(study)],
        "importances_of": min(complete, MOST),
        "space": _space(study, best),
        "leaders": len(best),
        "next": asdict(following(file, rows, best, config, names)),
        "study_file": as_toml(named(file, names), study.name),
        "top": [_listed(row) for row in best[:TOP]],
        "failures": _failures(rows),
        "replaced": _replaced(rows),
        "time": _time(rows),
        "machines": _machines(rows),
        "trainings": [asdict(one) for one in trained],
        "test_openings": plain(opened),
        "winner": winner,
        "ensemble": summary_of_ensemble(study),
    }
    return told(found, names) if names else found


def _learnt(learnt: Learnt, metric: Metric) -> dict[str, Any]:
    """What the trials say of the space, in words as well; the greatest effects by themselves."""
    found = learnt.plain()
    rows = {
        one: row | {"compared": one.compared(), "size": one.size(metric)}
        for one, row in zip(learnt.effects, found["effects"], strict=True)
    }
    rare = [
        row | {"sentence": one.sentence()}
        for one, row in zip(learnt.untold, found["untold"], strict=True)
    ]
    greatest = [rows[one] for one in learnt.strongest()]
    return found | {"effects": [*rows.values()], "greatest": greatest, "untold": rare}


_UNKNOWN: dict[str, Any] = {
    "source": "", "fingerprint": "", "input_shape": [], "class_names": [], "train": None,
    "validation": None, "test": None, "folds": None,
}  # fmt: skip
"""What a study may not know of its data: an older one, or one of a program that uses hpsearch."""


_LISTED = (
    "number", "config", "parameters", "macs", "epochs", "best_epoch", "val_loss", "seconds",
    "train_accuracy", "train_value", "gap", "folds",
)  # fmt: skip


def _listed(row: Row) -> dict[str, Any]:
    """One of the best trials."""
    listed = {key: row[key] for key in _LISTED}
    return listed | {"value": row["values"][0], "summary": summary(row["config"])}


def _again(
    trained: Sequence[Training], confirmed: Mapping[str, Mapping[int, float]]
) -> dict[str, dict[int, float]]:
    """What became of configurations that were trained again, by whose it is and by seed."""
    found = {of: dict(values) for of, values in confirmed.items()}
    for one in trained:
        if one.kind is not Kind.SEED:
            continue  # whose values are of other examples
        of = BASELINE if one.trial is None else str(one.trial)
        found.setdefault(of, {}).setdefault(one.seed, one.value)
    return found


def _best(
    study: OpenStudy,
    seen: Sequence[Trial],
    rows: Sequence[Row],
    best: Sequence[Row],
    again: Mapping[str, Mapping[int, float]],
    *,
    names: Mapping[str, str],
) -> dict[str, Any] | None:
    """The best trial, with all of its configuration's repeats, and its recipe."""
    if not best:
        return None
    row = best[0]
    own, measure = recipe_of(study, seen[row["number"]]), study.file.objective.measure
    others = again.get(str(row["number"]), {})
    first = row[SAME_KEY] if row[SAME_KEY] is not None else row["number"]
    repeats = [
        {"number": other["number"], "value": other["values"][0]}
        for other in rows
        if other["state"] == "complete" and first in (other["number"], other[SAME_KEY])
    ]
    return {
        **{key: row[key] for key in (*_LISTED, "values", "folds")},
        "summary": summary(row["config"]),
        **(on := trials.measurement(study, row["values"][0])),
        "measured": measured_words(measure, row["values"][0], on["validation_examples"]),
        "reference": study.optuna.user_attrs.get(REFERENCE_KEY),
        "compared": sentence(reference(study) or (), measure, row["values"][0]),
        "repeats": repeats,
        "recipe": recipe.dump(named(own, names), ".toml"),
        "again": [
            {"seed": seed, "value": value} for seed, value in others.items() if seed != own.seed
        ],
    }


def _baseline(
    baseline: TrialConfig | None,
    rows: Sequence[Row],
    again: Mapping[str, Mapping[int, float]],
) -> dict[str, Any] | None:
    """The configuration to compare with, and its values: of trials, and trained apart.

    ``unfinished`` are trials of it without a value: pruned, failed, or not over.
    """
    if baseline is None:
        return None
    same = flat(baseline)
    own = [row for row in rows if row["config"] == same and not _is_replaced(row)]
    of_trials = [
        {"trial": row["number"], "seed": None, "value": row["values"][0]}
        for row in own
        if row["state"] == "complete"
    ]
    unfinished = [
        {key: row[key] for key in ("number", "state", "epochs")}
        for row in own
        if row["state"] != "complete"
    ]
    apart = [
        {"trial": None, "seed": seed, "value": value}
        for seed, value in again.get(BASELINE, {}).items()
    ]
    return {
        "config": same,
        "summary": describe(baseline),
        "values": [*of_trials, *apart],
        "unfinished": unfinished,
    }


def _space(study: OpenStudy, best: Sequence[Row]) -> list[dict[str, str]]:
    """Each field of the space: what was searched, and what the best trials use."""
    return [
        {"name": place.name, "space": words(place.field), "best": in_words(best, place)}
        for place in places(study.file.space)
    ]


def _failures(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """How often trials ended without a value, by class, with what the first of each said."""
    failed = [row for row in rows if row["state"] == "failed" and not _is_replaced(row)]
    counts = Counter(row["failure"] or "unknown" for row in failed)
    first: dict[str, Row] = {}
    for row in failed:
        first.setdefault(row["failure"] or "unknown", row)
    return [
        {
            "failure": failure,
            "trials": count,
            "first": first[failure]["number"],
            "message": first[failure]["failure_message"] or "",
        }
        for failure, count in counts.most_common()
    ]


def _is_replaced(row: Row) -> bool:
    """Whether another trial stands for this one, with its time and epochs."""
    failure = Failure.known(row["failure"])
    return failure is not None and failure.is_replaced


def _replaced(rows: Sequence[Row]) -> dict[str, int]:
    """How many trials others stand for, by class."""
    counts = Counter(row["failure"] for row in rows if _is_replaced(row))
    return {failure.value: counts[failure] for failure in Failure if failure.is_replaced}


_SPENT = {"complete": "kept", "pruned": "pruned", "failed": "wasted"}


def _time(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """What training took, by what came of it: kept, pruned, or wasted."""
    found = []
    rows = [row for row in rows if row["state"] in _SPENT and not _is_replaced(row)]
    total = sum(_seconds(row) for row in rows)
    for state, what in _SPENT.items():
        those = [row for row in rows if row["state"] == state]
        seconds = sum(_seconds(row) for row in those)
        found.append(
            {
                "what": what,
                "trials": len(those),
                "epochs": sum(row["epochs"] or 0 for row in those),
                "seconds": round(seconds, 3),
                "share": seconds / total if total else 0.0,
            }
        )
    return found


def _seconds(row: Mapping[str, Any]) -> float:
    return float(row["seconds"] or 0.0)


def _machines(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Who ran the trials: hosts with their devices, and how many trials each ended."""
    counts = Counter(
        ((row["worker"] or "?").rpartition(":")[0] or "?", row["device"] or "?")
        for row in rows
        if row["state"] in _SPENT and not _is_replaced(row)
    )
    return [
        {"host": host, "device": device, "trials": count}
        for (host, device), count in sorted(counts.items())
    ]

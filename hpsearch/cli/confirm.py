"""``hpsearch confirm``: trains a study's leaders and its baseline again with new seeds."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hpsearch.cli.common import (
    ForceOption,
    GpusOption,
    HomeOption,
    JsonOption,
    SetOption,
    StorageOption,
    StudyArgument,
    WorkersOption,
    opened_storage,
    print_json,
    print_table,
    say,
    stdout,
)
from hpsearch.home import Home

if TYPE_CHECKING:
    from hpsearch.confirm import Candidate, Interval, Verdict
    from hpsearch.search.confirmation import Kind, Leader
    from hpsearch.search.study import OpenStudy
    from hpsearch.study_file import StudyFile


def confirm(
    study: StudyArgument,
    top: Annotated[
        int, typer.Option("--top", min=1, metavar="K", help="The best configurations to confirm.")
    ] = 3,
    seeds: Annotated[
        int, typer.Option("--seeds", min=2, metavar="N", help="Trainings of each, with new seeds.")
    ] = 5,
    new_split: Annotated[
        bool, typer.Option("--new-split", help="A new validation split for each seed as well.")
    ] = False,
    workers: WorkersOption = None,
    gpus: GpusOption = "all",
    overrides: SetOption = None,
    home: HomeOption = None,
    storage: StorageOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train the leaders and the baseline again with new seeds: mean, interval, ties."""
    from hpsearch.cli.jobs import run_jobs
    from hpsearch.cli.provenance import record
    from hpsearch.search.confirmation import (
        Kind,
        check_kind,
        companion_of,
        leaders,
        queue,
        refuse_companion,
    )
    from hpsearch.search.confirmation import seeds as new_seeds
    from hpsearch.search.study import load_study

    place, kind = Home.find(home), Kind.SPLIT if new_split else Kind.SEED
    with opened_storage(place, storage, force=force) as opened:
        found = load_study(opened, study)
        refuse_companion(found)
        check_kind(found, kind)
        chosen, wanted = leaders(found, top), new_seeds(found, seeds)
        companion = companion_of(found)
        record(found)
        new = queue(companion, found, chosen, wanted, kind)
        names = ", ".join(one.of if one.found is None else f"trial {one.of}" for one in chosen)
        splits = " and validation splits" if new_split else ""
        say(
            f"Confirming {names} with {seeds} seeds{splits} each: {new} runs to do that are not"
            " there yet."
        )
        if (others := companion.counts().waiting - new) > 0:
            say(f"{others} runs wait that were asked for before: they are done with these.")
        run_jobs(companion, place, storage, workers, gpus, overrides or (), force=force)
        verdict = _judge(found, companion, chosen, wanted, kind)
    if as_json:
        print_json(_plain(study, chosen, verdict, kind))
    else:
        _print(found.file, chosen, verdict, kind, seeds)


def _judge(
    study: "OpenStudy",
    companion: "OpenStudy",
    chosen: "Sequence[Leader]",
    wanted: Sequence[int],
    kind: "Kind",
) -> "Verdict":
    """What the runs of the chosen configurations came to.

    Raises:
        NoTrialError: none of them completed.
    """
    from hpsearch.cli.confirmed import verdict_on
    from hpsearch.errors import NoTrialError
    from hpsearch.search.confirmation import results

    found = results(study, companion, wanted, kind)
    runs = {one.of: found[one.of] for one in chosen if one.of in found}
    if not runs:
        raise NoTrialError(
            f"study {companion.name}: no run completed; see hpsearch trials {companion.name}"
        )
    return verdict_on(study, runs)


def _plain(
    study: str, chosen: "Sequence[Leader]", verdict: "Verdict", kind: "Kind"
) -> dict[str, Any]:
    """The verdict as JSON."""
    searched = {one.of: one.found for one in chosen}

    def ends(interval: "Interval | None") -> list[float] | None:
        return None if interval is None else [interval.low, interval.high]

    return {
        "study": study,
        "new_split": kind == "split",
        "winner": verdict.winner.name,
        "tied": [one.name for one in verdict.tied],
        "candidates": [
            {
                "of": one.name,
                "parameters": one.parameters,
                "searched": searched[one.name],
                "mean": one.mean,
                "deviation": one.deviation,
                "interval": ends(one.interval),
                "behind": ends(verdict.differences.get(one.name)),
                "values": [
                    {"seed": seed, "value": value} for seed, value in sorted(one.values.items())
                ],
            }
            for one in verdict.ranked
        ],
    }


def _print(
    file: "StudyFile", chosen: "Sequence[Leader]", verdict: "Verdict", kind: "Kind", seeds: int
) -> None:
    """The verdict for a reader."""
    from hpsearch.config import describe

    known: Mapping[str, Leader] = {one.of: one for one in chosen}
    maximize = file.objective.goal == "maximize"
    print_table(
        ("trial", "search", "mean", "too good by", "deviation", "95 % interval",
         "behind the first", "parameters", "configuration"),
        [[*_row(one, known[one.name].found, verdict, maximize=maximize),
          describe(known[one.name].config)] for one in verdict.ranked],
        words=["configuration"],
    )  # fmt: skip
    out, winner, metric = stdout(), verdict.winner, file.objective.metric
    what = "The baseline" if winner.name == "baseline" else f"Trial {winner.name}"
    out.print(
        f"{what} is confirmed: {metric} {winner.mean:.4f} in the mean of {len(winner.values)}"
        " seeds.",
        style="bold",
    )
    if len(verdict.tied) > 1:
        out.print(_about_ties(verdict))
    for name in known:
        done = sum(len(one.values) for one in verdict.ranked if one.name == name)
        if done < seeds:
            out.print(f"Of {name} only {done} of {seeds} trainings have a value: it cannot win.")
    say(_remarks(known, verdict, kind, metric, maximize=maximize))


def _about_ties(verdict: "Verdict") -> str:
    """What the tie means, for the choice and for the gain over the baseline."""
    from hpsearch.search.confirmation import BASELINE

    names = [one.name for one in verdict.tied]
    text = f"These seeds do not tell {', '.join(names)} apart; more seeds may (--seeds)."
    others = [name for name in names if name != BASELINE]
    if verdict.winner.name in others and len(others) > 1:
        text += f" Trial {verdict.winner.name} has the fewest parameters of {', '.join(others)}."
    if BASELINE in names and verdict.winner.name != BASELINE:
        text += " So a gain over the baseline is not shown."
    return text


def _remarks(
    known: "Mapping[str, Leader]",
    verdict: "Verdict",
    kind: "Kind",
    metric: str,
    *,
    maximize: bool,
) -> str:
    """How much too good the search's best value was, and what the intervals hold and do not."""
    found = [one for one in known.values() if one.found is not None]
    top = found[0]  # leaders come the best first
    again = next((one for one in verdict.ranked if one.name == top.of), None)
    text = ""
    if again is not None and top.found is not None:
        off = _too_good(top.found, again, maximize=maximize)
        how = "too good" if off > 0 else "not too good, but worse,"
        text = (
            f"The search's best value, {top.found:.4f} of trial {top.of}, was {how} by"
            f" {_points(abs(off), metric)}: it was chosen for being high. "
        ).replace("high", "high" if maximize else "low")
    text += (
        "Intervals are Student's t over the seeds, differences are seed by seed. The winner's mean"
        " is the best of a few, and so a little too good as well. "
    )
    if kind == "split":
        return text + (
            "The splits share most of their training examples: intervals are rather too narrow."
        )
    return text + (
        "Not in the intervals: the luck of the validation split, which all runs share (--new-split"
        " draws new ones)."
    )


def _too_good(found: float, again: "Candidate", *, maximize: bool) -> float:
    """By how much the search's value is better than the mean of new trainings."""
    return (found - again.mean) * (1 if maximize else -1)


def _points(value: float, metric: str) -> str:
    """A difference for a reader: points of a hundred for shares, the plain value of a loss."""
    return f"{value:.4f}" if metric == "val_loss" else f"{100 * value:.2f} points"


def _row(one: "Candidate", found: float | None, verdict: "Verdict", *, maximize: bool) -> list[str]:
    def words(interval: "Interval | None") -> str:
        return "" if interval is None else f"{interval.low:.4f} to {interval.high:.4f}"

    tie = " (tie)" if one in verdict.tied and len(verdict.tied) > 1 else ""
    return [
        one.name,
        "" if found is None else f"{found:.4f}",
        f"{one.mean:.4f}",
        "" if found is None else f"{_too_good(found, one, maximize=maximize):+.4f}",
        "" if one.deviation is None else f"{one.deviation:.4f}",
        words(one.interval),
        words(verdict.differences.get(one.name)) + tie,
        f"{one.parameters:,}",
    ]

"""``hpsearch confirm``: trains a study's leaders and its baseline again with new seeds."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hpsearch.cli.common import (
    ForceOption,
    HomeOption,
    JsonOption,
    SetOption,
    StorageOption,
    StudyArgument,
    opened_data,
    opened_storage,
    planned_workers,
    print_json,
    print_table,
    say,
    stdout,
)
from hpsearch.home import Home

if TYPE_CHECKING:
    from hpsearch.confirm import Candidate, Interval, Verdict
    from hpsearch.search.confirmation import Leader
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
    workers: Annotated[
        str | None, typer.Option("--workers", metavar="N|auto", help="Worker processes.")
    ] = None,
    gpus: Annotated[
        str, typer.Option("--gpus", metavar="all|none|0,1", help="GPUs to use: indices or UUIDs.")
    ] = "all",
    overrides: SetOption = None,
    home: HomeOption = None,
    storage: StorageOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train the leaders and the baseline again with new seeds: mean, interval, ties."""
    from hpsearch.cli.provenance import record
    from hpsearch.search.confirmation import companion_of, leaders, queue
    from hpsearch.search.study import load_study

    place = Home.find(home)
    with opened_storage(place, storage, force=force) as opened:
        found = load_study(opened, study)
        chosen = leaders(found, top)
        companion = companion_of(found)
        record(found)
        new = queue(companion, found, chosen, seeds)
        names = ", ".join(one.of if one.found is None else f"trial {one.of}" for one in chosen)
        say(f"Confirming {names} with {seeds} seeds each: {new} runs to do that are not there yet.")
        code = _run(companion, place, storage, workers, gpus, overrides or (), force=force)
        if code:
            say("The same command goes on from here.")
            raise typer.Exit(code)
        verdict = _judge(companion, chosen, seeds)
    if as_json:
        print_json(_plain(study, chosen, verdict))
    else:
        _print(found.file, chosen, verdict)


def _run(
    companion: "OpenStudy",
    place: Home,
    url: str | None,
    workers: str | None,
    gpus: str,
    overrides: Sequence[str],
    *,
    force: bool,
) -> int:
    """Run what waits in the companion; an exit code."""
    from hpsearch.cli.supervise import chosen_gpus, supervise
    from hpsearch.search.budget import begin_run, ending
    from hpsearch.study_file import load_dataset_override
    from hpsearch.workers.lease import mend
    from hpsearch.workers.leftovers import tidy
    from hpsearch.workers.packing import study_load

    mend(companion)
    if ending(companion) is not None:
        return 0
    begin_run(companion)
    section = load_dataset_override(companion.file, overrides)
    dataset, parts = opened_data(section, place, warn=False)
    file = _with_workers(companion.file, workers)
    load = study_load(file, parts, dataset.private_bytes)
    plan = planned_workers(file, chosen_gpus(gpus), load, max(1, companion.counts().waiting))
    code = supervise(companion, plan, place, url, section.path, force=force, typed=None)
    tidy(companion, place)
    return code


def _with_workers(file: "StudyFile", workers: str | None) -> "StudyFile":
    """The file with another number of workers."""
    from hpsearch.fields import parse
    from hpsearch.study_file import WorkersSection

    if workers is None:
        return file
    count = int(workers) if workers.isdecimal() else workers
    table = file.workers.model_dump(mode="json") | {"count": count}
    section = parse(WorkersSection, table, "--workers")
    return file.model_copy(update={"workers": section})


def _judge(companion: "OpenStudy", chosen: "Sequence[Leader]", seeds: int) -> "Verdict":
    """What the runs came to.

    Raises:
        NoTrialError: none of them completed.
    """
    from hpsearch.confirm import Candidate, judge
    from hpsearch.errors import NoTrialError
    from hpsearch.search.confirmation import results

    found = results(companion, seeds)
    candidates = [
        Candidate(
            name=one.of,
            parameters=int(next(iter(runs.values())).user_attrs["parameters"]),
            values={seed: float(run.values[0]) for seed, run in runs.items()},
        )
        for one in chosen
        if (runs := found.get(one.of))
    ]
    if not candidates:
        raise NoTrialError(
            f"study {companion.name}: no run completed; see hpsearch trials {companion.name}"
        )
    return judge(candidates, maximize=companion.file.objective.goal == "maximize")


def _plain(study: str, chosen: "Sequence[Leader]", verdict: "Verdict") -> dict[str, Any]:
    """The verdict as JSON."""
    searched = {one.of: one.found for one in chosen}

    def ends(interval: "Interval | None") -> list[float] | None:
        return None if interval is None else [interval.low, interval.high]

    return {
        "study": study,
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


def _print(file: "StudyFile", chosen: "Sequence[Leader]", verdict: "Verdict") -> None:
    """The verdict for a reader."""
    from hpsearch.config import describe

    known: Mapping[str, Leader] = {one.of: one for one in chosen}
    print_table(
        ("trial", "search", "mean", "deviation", "95 % interval", "behind the first", "parameters",
         "configuration"),
        [[*_row(one, known[one.name], verdict), describe(known[one.name].config)]
         for one in verdict.ranked],
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
        names = ", ".join(one.name for one in verdict.tied)
        out.print(f"These seeds do not tell {names} apart: it has the fewest parameters of them.")
    searched = known[winner.name].found
    if searched is not None:
        off = (searched - winner.mean) * (1 if file.objective.goal == "maximize" else -1)
        how = f"{abs(off):.4f} {'better' if off > 0 else 'worse'} than that"
        say(
            f"The search had it at {searched:.4f}, {how}. Intervals are Student's t"
            " over the seeds, differences are seed by seed. All of them share the study's"
            " validation split: the luck of that is still in them."
        )


def _row(one: "Candidate", leader: "Leader", verdict: "Verdict") -> list[str]:
    def words(interval: "Interval | None") -> str:
        return "" if interval is None else f"{interval.low:.4f} to {interval.high:.4f}"

    tie = " (tie)" if one in verdict.tied and len(verdict.tied) > 1 else ""
    return [
        one.name,
        "" if leader.found is None else f"{leader.found:.4f}",
        f"{one.mean:.4f}",
        "" if one.deviation is None else f"{one.deviation:.4f}",
        words(one.interval),
        words(verdict.differences.get(one.name)) + tie,
        f"{one.parameters:,}",
    ]

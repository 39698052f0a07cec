"""``hpsearch show``: how a study stands, live, or where its results come from."""

from itertools import zip_longest
from typing import Annotated, Any

import typer

from hpsearch.cli.live import LiveView
from hpsearch.cli.options import HomeOption, JsonOption, StudyArgument
from hpsearch.cli.output import number, print_json, print_table, stdout, tell
from hpsearch.cli.provenance import print_provenance
from hpsearch.cli.served import follow
from hpsearch.cli.server import ServerOption, service_of
from hpsearch.cli.trials import setting
from hpsearch.cli.watch import PATIENCE, Looker, patiently, say_reading, watch_until_over
from hpsearch.cli.workspace import StorageOption, workspace
from hpsearch.data.facts import sizes, words
from hpsearch.effect import Learnt
from hpsearch.errors import InputError
from hpsearch.search.budget import ENDED
from hpsearch.search.effects import effects
from hpsearch.search.leaders import told
from hpsearch.search.lookup import load_study
from hpsearch.search.winners import in_words
from hpsearch.services.provenance import provenance as facts_of
from hpsearch.services.standing import standing
from hpsearch.services.workspace import Workspace
from hpsearch.tasks import METRICS, metric_of
from hpsearch.tasks.interval import measured_words
from hpsearch.tasks.metric import Metric
from hpsearch.text import duration, listed, plural

MOST_NAMED = 10
"""Members of an ensemble that are named, at most."""
_LEARNT = 5
"""Effects that are shown, and levels of which none can be told."""


def show(
    context: typer.Context,
    study: StudyArgument,
    server: ServerOption = None,
    home: HomeOption = None,
    storage: StorageOption = None,
    as_json: JsonOption = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Follow the study, as run does, until it has ended.")
    ] = False,
    provenance: Annotated[
        bool,
        typer.Option("--provenance", help="Study file, data, versions, seeds, machines, commands."),
    ] = False,
) -> None:
    """Show one study: budget, data, counts, best trial, workers."""
    if watch and as_json:
        raise InputError("--watch and --json: choose one; a live view has no JSON")
    if watch and provenance:
        raise InputError("--watch and --provenance: choose one; provenance does not change")
    client = service_of(context, server, "study", "as_json", "watch", "provenance")
    if client is not None:
        with client:
            there = client.study(study)
            if provenance:
                print_provenance(there.provenance(), as_json=as_json)
                return
            if watch:
                follow(there)
            _print(there.details(learnt=True), as_json=as_json)
        return
    where = workspace(home, storage)
    if provenance:
        with where.study(study) as found:
            print_provenance(facts_of(found), as_json=as_json)
        return
    if watch:
        _watch(study, where)
    with where.study(study) as found:
        details = standing(found, where.home) | {"learnt": effects(found).plain()}
    _print(details, as_json=as_json)


def _print(details: dict[str, Any], *, as_json: bool) -> None:
    """Print one study."""
    if as_json:
        print_json(details)
        return
    objective = details["study_file"]["objective"]
    measure = metric_of(details["metric"], objective["direction"])
    _print_details(details, measure)
    _print_learnt(Learnt.read(details["learnt"]), measure)


def _print_details(details: dict[str, Any], measure: Metric) -> None:
    """One study for a reader."""
    out = stdout()
    out.print(f"{details['name']}  {measure.name}, {measure.direction}", style="bold")
    out.print("\n".join(_facts(details)))
    if best := details["best_trial"]:
        where = f"{number(details['best'])} in trial {best['number']}"
        out.print(f"best      {where}: {setting(best['config'])}")
        examples = (details["dataset"] or {}).get("validation")
        if on := measured_words(measure, details["best"], examples):
            out.print(f"          {on}")
    if details["over"]:
        out.print(f"ended     {ENDED[details['over']]}")
    if submission := details.get("submission"):
        out.print(f"submitted by {submission['user']}: {_decided(submission)}")
    elif details["stop"]:
        out.print("stopped   by hpsearch stop; to resume: hpsearch run FILE")
    if details["workers"]:
        _print_workers(details["workers"], details["study_file"]["training"]["epochs"])
    else:
        out.print("workers   none")


def _decided(submission: dict[str, Any]) -> str:
    """What was decided of a study that was submitted to a service, and why."""
    why = f", {submission['why']}" if submission["why"] else ""
    resume = "; to resume: hpsearch run FILE" if submission["state"] == "paused" else ""
    return f"{submission['state']}{why}{resume}"


def _facts(details: dict[str, Any]) -> list[str]:
    """A study's budget, trials and data, one line each."""
    budget, fact = details["budget"], (details["dataset"] or {}).get
    limits = [f"{budget['trials']} trials"]
    limits += [duration(budget["timeout"])] if budget["timeout"] else []
    limits += [f"plateau {budget['plateau']}"] if budget["plateau"] else []
    states = ("complete", "pruned", "failed", "running", "waiting")
    listed = [f"{details[state]} {state}" for state in states]
    if refits := details.get("refits"):
        listed[0] += f" (of these {plural(refits, 'refit')}, trained on validation examples, too)"
    if adopted := details["adopted"]:
        listed.append(f"{adopted} adopted from another program")
    if lost := details["uncounted"] - adopted:
        listed.append(f"{lost} not counted (interrupted or redrawn)")
    searched = in_words(details["preset"], details["portfolio"], details["winners"])
    known = details["dataset"] or {}
    data = (
        f"{fact('source')}, {sizes(known)} ({fact('test')} set aside), {words(known)},"
        f" fingerprint {str(fact('fingerprint'))[:12]}"
    )
    return [
        f"budget    {details['counted']} counted of {', '.join(limits)}",
        f"trials    {', '.join(listed)}",
        f"data      {data}",
        *([f"space     {searched}"] if searched else []),
        f"precision {details['precision']}",
        f"test      {_opened(details['test_openings'])}",
        *([f"confirmed {_confirmed(winner)}"] if (winner := details["confirmed"]) else []),
        *([f"ensemble  {_ensemble(chosen)}"] if (chosen := details["ensemble"]) else []),
    ]


def _confirmed(winner: dict[str, Any]) -> str:
    """The confirmed winner, and how it was chosen."""
    first, smallest = told(winner["first"]), told(winner["smallest"])
    how = "the first by its mean"
    if winner["chosen"] == "smallest":
        how = f"the smallest that the seeds cannot tell from {first}"
    elif smallest != first:
        how += f"; the smallest that the seeds cannot tell from it: {smallest}"
    value = f"{number(winner['mean'])} over {winner['seeds']} seeds"
    return f"{told(winner['of'])}, {value} ({how})"


def _ensemble(chosen: dict[str, Any]) -> str:
    """The ensemble: what it adds to one network, and what it is made of."""
    metric = METRICS.get(chosen["metric"])
    gain = number(chosen["gain"]) if metric is None else metric.signed(chosen["gain"])
    sure = "" if chosen["gain_is_certain"] else ", within noise"
    members = chosen["members"]
    named = listed([one["name"] for one in members[:MOST_NAMED]])
    more = len(members) - MOST_NAMED
    return (
        f"{plural(len(members), 'network')}, {gain} against {chosen['single']['name']}{sure}:"
        f" {named}{f' and {more} more' if more > 0 else ''}"
    )


def _opened(accesses: list[dict[str, Any]]) -> str:
    """How often the test split was opened, and by what at last."""
    if not accesses:
        return "split never accessed"
    last = accesses[-1]
    times = "once," if len(accesses) == 1 else f"{len(accesses)} times, last"
    return f"split accessed {times} on {last['date'][:10]} by {last['opened_by']}"


def _print_learnt(learnt: Learnt, metric: Metric) -> None:
    """The greatest effects, in a few lines; nothing where nothing is known."""
    if not learnt.effects:
        return
    strongest = learnt.strongest()
    clear = [one for one in strongest if one.is_clear]
    lines = [f"{one.compared()}: {one.size(metric)}" for one in clear[:_LEARNT]]
    if rest := len(strongest) - len(clear):
        lines.append(f"{plural(rest, 'other parameter' if clear else 'parameter')}: cannot be told")
    lines += [rare.sentence() for rare in learnt.untold[:_LEARNT]]
    for head, line in zip_longest(["learnt"], lines, fillvalue=""):
        tell(f"{head:10}{line}")


def _print_workers(workers: list[dict[str, Any]], epochs: int) -> None:
    """The table of the workers that run a trial."""
    tell()
    print_table(
        ("worker", "device", "trial", "epoch", "heartbeat"),
        [
            [
                worker["worker"] or "another program",
                worker["device"] or "",
                str(worker["trial"]),
                f"{worker['epoch'] or 0}/{epochs}",
                "" if worker["silent"] is None else f"{worker['silent']:.0f} s ago",
            ]
            for worker in workers
        ],
        words=["worker", "device"],
    )


def _watch(name: str, where: Workspace) -> None:
    """Follow a study until it is over; nothing is written."""
    with where.study(name) as found:  # which waits longer where it is locked
        say_reading(found)
    with where.opened(read_only=True, patience=PATIENCE) as storage:
        study = patiently(lambda: load_study(storage, name))
        view = patiently(lambda: LiveView(Looker(study), watching=True))
        with view.shown():
            watch_until_over(study, view.update)

"""``hpsearch run``: starts, resumes or joins a study and shows it until it is over."""

import shlex
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hpsearch.cli.common import (
    FileArgument,
    ForceOption,
    HomeOption,
    SetOption,
    StorageOption,
    duration,
    opened_data,
    opened_storage,
    planned_workers,
    say,
)
from hpsearch.home import Home

if TYPE_CHECKING:
    from hpsearch.data.dataset import Dataset
    from hpsearch.data.parts import Parts
    from hpsearch.search.storage import Storage
    from hpsearch.search.study import OpenStudy
    from hpsearch.workers.gpus import Gpu
    from hpsearch.workers.slots import Plan

WORKER: tuple[str, ...] = ("-m", "hpsearch", "worker")
"""What Python is told to start a worker; the fault run puts one without TensorFlow here."""

SECONDS_A_TRIAL = 0.0015
"""What Optuna needs to read a finished trial of thirty epochs (scripts/bench/search/scale.py)."""

_ENDINGS = {
    "trials": "The budget of {trials} trials is met.",
    "timeout": "The time budget of {timeout} is used up.",
    "plateau": "No better trial in the last {plateau}.",
    "failures": "The last {failures} trials failed by their configurations.",
}

_ADVICE = {
    "diverged": "the loss became NaN or infinite: lower the upper ends of the learning rates",
    "out_of_memory": "too little memory: make units or batch_size smaller, or set"
    " budget.max_parameters, or start fewer workers on a GPU (--workers-per-gpu)",
    "timeout": "too slow: raise training.trial_timeout, or make the networks smaller",
    "crashed": "their workers died, often for want of memory: start fewer workers (--workers), make"
    " the networks smaller, and look at hpsearch logs {study}",
}
"""What to do where trials fail in a row, by the class of failure."""


def run(
    file: FileArgument,
    trials: Annotated[
        int | None, typer.Option("--trials", metavar="N", help="The study's total of trials.")
    ] = None,
    timeout: Annotated[
        str | None, typer.Option("--timeout", metavar="T", help='Total time: "2h", "90s".')
    ] = None,
    workers: Annotated[
        str | None, typer.Option("--workers", metavar="N|auto", help="Worker processes.")
    ] = None,
    gpus: Annotated[
        str, typer.Option("--gpus", metavar="all|none|0,1", help="GPUs to use: indices or UUIDs.")
    ] = "all",
    workers_per_gpu: Annotated[
        str | None, typer.Option("--workers-per-gpu", metavar="N|auto", help="Workers on a GPU.")
    ] = None,
    dashboard: Annotated[
        bool, typer.Option("--dashboard", help="Show it in the browser too, while it runs.")
    ] = False,
    overrides: SetOption = None,
    home: HomeOption = None,
    storage: StorageOption = None,
    force: ForceOption = False,
) -> None:
    """Run a search: start it, go on with it, or join it where it runs already."""
    from hpsearch.cli.beside import dashboard_beside
    from hpsearch.search.budget import begin_run
    from hpsearch.search.opening import hide_password
    from hpsearch.search.pruners import hint
    from hpsearch.search.samplers import check_sampler
    from hpsearch.search.study import open_or_create
    from hpsearch.study_file import load, written_budget
    from hpsearch.workers.lease import mend
    from hpsearch.workers.leftovers import tidy
    from hpsearch.workers.packing import study_load

    options = {
        "budget.trials": trials,
        "budget.timeout": timeout,
        "workers.count": workers,
        "workers.per_gpu": workers_per_gpu,
    }
    given = [f"{key}={value}" for key, value in options.items() if value is not None]
    given = [*(overrides or ()), *given]
    study_file = load(file, given)
    check_sampler(study_file, str(file))
    chosen = _chosen_gpus(gpus)
    place = Home.find(home)
    dataset, parts = opened_data(study_file.dataset, place)
    load_of_one = study_load(study_file, parts, dataset.private_bytes)
    # Refuses workers that cannot be before anything is written.
    planned_workers(study_file, chosen, load_of_one, study_file.budget.trials)
    with opened_storage(place, storage, create=True, force=force) as opened:
        _refuse_foreign_files(opened, study_file.name, place)
        explicit = [text.partition("=")[0].strip().removeprefix("budget.") for text in given]
        facts = _facts(dataset, parts)
        study, is_new = open_or_create(
            opened, study_file, facts, written=written_budget(file), explicit=explicit
        )
        begin_run(study)
        left = mend(study)
        tidy(study, place)
        if advice := hint(study_file):
            say(advice)
        say(f"{'Started' if is_new else 'Going on with'} study {study.name}")
        if wait := reading_time(study.storage.get_n_trials(study.study_id)):
            say(wait)
        if left:
            say(f"Trials {left} were left running by workers that are gone: they go on.")
        say(
            f"data: {facts['train']} training and {facts['validation']} validation examples,"
            f" {facts['test']} set aside for testing"
        )
        say(f"storage {hide_password(place.storage_url(storage))}")
        code, path = 0, study_file.dataset.path
        if places := _left(study):
            plan = planned_workers(study.file, chosen, load_of_one, places)
            typed = _typed(file, {"--trials": trials, "--timeout": timeout}, overrides or ())
            shown = dashboard_beside(place, storage, force=force) if dashboard else nullcontext()
            with shown:
                code = _supervise(study, plan, place, storage, path, force=force, typed=typed)
            tidy(study, place)  # of a last trial that no worker could tidy up after
        _conclude(study, code)


def reading_time(trials: int) -> str | None:
    """What to expect of a study with so many trials before its first one starts, or None."""
    seconds = trials * SECONDS_A_TRIAL
    if seconds < 2:
        return None
    return (
        f"The study has {trials:,} trials: each worker reads them once, some {seconds:.0f} s,"
        " before its first one starts."
    )


def _refuse_foreign_files(storage: "Storage", name: str, place: Home) -> None:
    """A new study must not write over the runs of one of that name in another storage."""
    from hpsearch.errors import InputError
    from hpsearch.search.study import names

    folder = place.study_runs(name)
    if folder.exists() and name not in names(storage):
        raise InputError(
            f"{folder}: holds runs of another study {name}, which this storage does not know;"
            " choose another name or --home, or remove the folder"
        )


def _facts(dataset: "Dataset", parts: "Parts") -> dict[str, Any]:
    """What a study keeps of its data."""
    return {
        "source": dataset.source,
        "fingerprint": dataset.fingerprint,
        "input_shape": list(parts.input_shape),
        "class_names": list(parts.class_names),
        "train": len(parts.train),
        "validation": len(parts.validation),
        "test": dataset.test_size,
    }


def _typed(file: Path, options: Mapping[str, object], overrides: Sequence[str]) -> list[str]:
    """The command that makes the same search, without what is only of this machine.

    Neither home nor storage: that may hold a password.
    """
    words = ["hpsearch", "run", file.name]
    for option, value in options.items():
        words += [option, str(value)] if value is not None else []
    for text in overrides:
        words += ["--set", text]
    return [shlex.quote(word) for word in words]


def _chosen_gpus(option: str) -> "list[Gpu]":
    """The GPUs that ``--gpus`` names; says what is wrong with the machine's."""
    from hpsearch.workers.gpus import choose_gpus, list_gpus

    listing = list_gpus()
    chosen = choose_gpus(option, listing.gpus)
    if option != "none":
        for warning in listing.warnings:
            say(f"warning: {warning}")
    return chosen


def _left(study: "OpenStudy") -> int:
    """Trials that are left; 0 where the study is over for whatever reason."""
    from hpsearch.search.budget import ending

    if ending(study) is not None:
        return 0
    return study.budget.trials - study.counts().counted


def _supervise(
    study: "OpenStudy",
    plan: "Plan",
    place: Home,
    url: str | None,
    path: str | None,
    *,
    force: bool,
    typed: Sequence[str],
) -> int:
    """Run the workers and show the search; returns an exit code."""
    from hpsearch.cli.live import LiveView
    from hpsearch.dashboard.publish import Publisher
    from hpsearch.environment import STORAGE_VARIABLE
    from hpsearch.search.study import load_study
    from hpsearch.workers.supervisor import PATIENCE, Supervisor

    # -P: a file of the working folder called optuna.py must not stand in for the package.
    command = [sys.executable, "-P", *WORKER, study.name]
    command += ["--home", str(place.root)]
    command += ["--set", f"dataset.path={path}"] if path else []
    command += ["--force"] if force else []
    say(f"{plan.summary} (hpsearch doctor FILE says why); logs in {place.study_logs(study.name)}")
    say("TensorFlow takes some seconds to start. Ctrl-C stops; the same command goes on.")
    with opened_storage(place, url, force=force, patience=PATIENCE) as quick:
        followed = load_study(quick, study.name)
        publisher = Publisher(followed, place, typed)
        with LiveView(followed).shown() as view:

            def on_tick() -> None:
                view.update()
                publisher.tick()

            supervisor = Supervisor(
                study=followed,
                slots=plan.slots,
                command=command,
                # Not on the command line, where every user of the machine could read a password.
                environment={STORAGE_VARIABLE: place.storage_url(url)},
                home=place,
                on_tick=on_tick,
                on_stop=view.say_stopping,
                on_wait=view.say_waiting,
                on_fewer=view.say_fewer,
                may_thin_out=study.file.workers.per_gpu == study.file.workers.count == "auto",
            )
            code = supervisor.run()
        if not publisher.close():
            say("warning: the storage did not take the dashboard's figures; the next run does.")
        return code


def _conclude(study: "OpenStudy", code: int) -> None:
    """Say how the study stands, and leave with the exit code."""
    from hpsearch.cli.show import print_best
    from hpsearch.errors import EXIT_NO_TRIAL, EXIT_PROGRAM
    from hpsearch.search import trials as rows
    from hpsearch.search.budget import ending, failures_in_a_row

    counts, budget = study.counts(), study.budget
    over = ending(study)
    failures = failures_in_a_row(study, study.briefs())
    if over is not None:
        say(
            _ENDINGS[over].format(
                trials=budget.trials,
                timeout=duration(budget.timeout or 0),
                plateau=budget.plateau,
                failures=len(failures),
            )
        )
    elif code:
        say(
            f"Stopped with {counts.counted} of {budget.trials} trials done; the same command goes"
            " on from here."
        )
        raise typer.Exit(code)
    if over == "failures":
        for failure, times in Counter(failures).most_common():
            say(f"{times} x {failure}: {_ADVICE[failure].format(study=study.name)}")
        say("The same command goes on all the same.")
    if not counts.complete:
        say(
            f"No trial completed ({counts.pruned} pruned, {counts.failed} failed): see"
            f" hpsearch trials {study.name} and hpsearch logs {study.name}"
        )
        raise typer.Exit(code or EXIT_NO_TRIAL)
    print_best(rows.best_row(study), study.file.objective.metric)
    say(f"Take it with you: hpsearch export {study.name} -o best.toml")
    say(f"Look at it: hpsearch report {study.name} -o {study.name}.html, or hpsearch dashboard")
    raise typer.Exit(code or (EXIT_PROGRAM if over == "failures" else 0))

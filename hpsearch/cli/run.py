"""``hpsearch run``: starts, resumes or joins a study and shows it until it is over."""

import shlex
import sys
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
    from hpsearch.cli.conclusion import conclude
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
        typed = _typed(file, {"--trials": trials, "--timeout": timeout}, overrides or ())
        if not (places := _left(study)):
            _show_what_is_over(study, place, typed, asked=dashboard)
            conclude(study, 0)
        plan = planned_workers(study.file, chosen, load_of_one, places)
        shown = dashboard_beside(place, storage, force=force) if dashboard else nullcontext()
        with shown:
            path = study_file.dataset.path
            code = _supervise(study, plan, place, storage, path, force=force, typed=typed)
        tidy(study, place)  # of a last trial that no worker could tidy up after
        conclude(study, code)


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
        _warn_of_figures(publisher.close())
        return code


def _show_what_is_over(
    study: "OpenStudy", place: Home, typed: Sequence[str], *, asked: bool
) -> None:
    """Renew note and figures once more, as there may be new results on the test split."""
    from hpsearch.dashboard.publish import Publisher

    _warn_of_figures(Publisher(study, place, typed).close())
    if asked:
        say("The study is over: hpsearch dashboard shows it.")


def _warn_of_figures(wrong: str | None) -> None:
    if wrong is not None:
        say(
            f"warning: the dashboard's figures are not renewed ({wrong}); the next run tries again."
        )

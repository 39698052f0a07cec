"""``hpsearch run``: starts, resumes or joins a study and shows it until it is over."""

import shlex
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hpsearch.cli.common import (
    FileArgument,
    ForceOption,
    GpusOption,
    HomeOption,
    SetOption,
    StorageOption,
    WorkersOption,
    opened_data,
    opened_storage,
    say,
)
from hpsearch.cli.plan import AddressOption, Engine, EngineOption, planning
from hpsearch.home import Home

if TYPE_CHECKING:
    from hpsearch.search.study import OpenStudy

SECONDS_A_TRIAL = 0.0015
"""What Optuna needs to read a finished trial of thirty epochs (scripts/bench/search/scale.py)."""


def run(
    file: FileArgument,
    trials: Annotated[
        int | None,
        typer.Option(
            "--trials",
            metavar="N",
            help="Total number of trials of the study (default: budget.trials).",
        ),
    ] = None,
    timeout: Annotated[
        str | None,
        typer.Option(
            "--timeout",
            metavar="T",
            help='Time limit of the study, such as "2h" or "90s" (default: budget.timeout).',
        ),
    ] = None,
    workers: WorkersOption = None,
    gpus: GpusOption = "all",
    workers_per_gpu: Annotated[
        str | None,
        typer.Option(
            "--workers-per-gpu",
            metavar="N|auto",
            help="Workers per GPU (default: workers.per_gpu).",
        ),
    ] = None,
    engine: EngineOption = Engine.LOCAL,
    address: AddressOption = None,
    dashboard: Annotated[
        bool,
        typer.Option("--dashboard", help="Also show the studies in the browser while it runs."),
    ] = False,
    overrides: SetOption = None,
    home: HomeOption = None,
    storage: StorageOption = None,
    force: ForceOption = False,
) -> None:
    """Run a search: start it, resume it, or join it where it is running."""
    from hpsearch.cli.beside import dashboard_beside
    from hpsearch.cli.conclusion import conclude
    from hpsearch.cli.provenance import record
    from hpsearch.cli.supervise import impatient, supervise
    from hpsearch.data.facts import facts
    from hpsearch.outputs.copies import Copies
    from hpsearch.outputs.leftovers import tidy
    from hpsearch.search.budget import begin_run
    from hpsearch.search.making import open_or_create
    from hpsearch.search.sampling.pruners import hint
    from hpsearch.search.sampling.samplers import check_sampler
    from hpsearch.study_file import load, typed_keys, written_budget
    from hpsearch.workers.lease import mend
    from hpsearch.workers.packing import study_load
    from hpsearch.workers.presence import present

    options = {
        "budget.trials": trials,
        "budget.timeout": timeout,
        "workers.count": workers,
        "workers.per_gpu": workers_per_gpu,
    }
    written = [f"{key}={value}" for key, value in options.items() if value is not None]
    given = [*(overrides or ()), *written]
    study_file = load(file, given)
    check_sampler(study_file, str(file))
    place = Home.find(home)
    url = place.storage_url(storage)
    with planning(engine, address, gpus, url, force=force) as make_plan:
        dataset, parts = opened_data(study_file.dataset, place)
        load_of_one = study_load(study_file, parts, dataset.private_bytes)
        # Refuses workers that cannot be before anything is written.
        make_plan(study_file, load_of_one, study_file.budget.trials)
        with opened_storage(place, storage, create=True, force=force) as opened:
            Copies(place).refuse_foreign_runs(opened, study_file.name)
            known, own = facts(dataset, parts), written_budget(file)
            study, is_new = open_or_create(
                opened, study_file, known, written=own, explicit=typed_keys(given, "budget")
            )
            with present(study):
                record(study, file)
                begin_run(study)
                left = mend(study)
                tidy(study, place)
                _say_if(hint(study_file))
                _say_what_begins(study, left, is_new=is_new)
                _say_what_on(known, url)
                typed = _typed(file, {"--trials": trials, "--timeout": timeout}, overrides or ())
                if not (places := _left(study)):
                    _show_what_is_over(study, place, typed, asked=dashboard)
                    conclude(study, 0)
                plan, at = make_plan(study.file, load_of_one, places), study_file.dataset.path
                shown = (
                    dashboard_beside(place, storage, force=force) if dashboard else nullcontext()
                )
                with shown:
                    code = supervise(study, plan, place, storage, at, force=force, typed=typed)
                with impatient(study, code):
                    tidy(study, place)  # of a last trial that no worker could tidy up after
                    conclude(study, code)


def _say_if(text: str | None) -> None:
    if text is not None:
        say(text)


def _say_what_begins(study: "OpenStudy", left: Sequence[int], *, is_new: bool) -> None:
    """Say what is begun or gone on with, and which trials workers have left behind."""
    say(f"{'Started' if is_new else 'Continuing'} study {study.name}")
    _say_if(reading_time(study.storage.get_n_trials(study.study_id)))
    if left:
        say(f"The workers of trials {left} are gone; these trials resume.")


def _say_what_on(data: Mapping[str, Any], url: str) -> None:
    """Say what is searched on, and where it is kept."""
    from hpsearch.search.database.urls import hide_password

    say(
        f"data: {data['train']} training and {data['validation']} validation examples,"
        f" {data['test']} set aside for testing"
    )
    say(f"storage {hide_password(url)}")


def reading_time(trials: int) -> str | None:
    """What to expect of a study with so many trials before its first one starts, or None."""
    seconds = trials * SECONDS_A_TRIAL
    if seconds < 2:
        return None
    return (
        f"The study has {trials:,} trials: each worker reads them once, about {seconds:.0f} s,"
        " before it starts its first one."
    )


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


def _left(study: "OpenStudy") -> int:
    """Trials that are left; 0 where the study is over for whatever reason."""
    from hpsearch.search.budget import ending

    if ending(study) is not None:
        return 0
    return study.budget.trials - study.counts().counted


def _show_what_is_over(
    study: "OpenStudy", place: Home, typed: Sequence[str], *, asked: bool
) -> None:
    """Renew the figures once more, as there may be new results on the test split.

    The note stays: it tells of the run that made the study what it is.
    """
    from hpsearch.cli.supervise import warn_of_figures
    from hpsearch.dashboard.note import has_note
    from hpsearch.dashboard.publish import Publisher

    command = None if has_note(study) else typed
    warn_of_figures(Publisher(study, place, command).close())
    if asked:
        say("The study has ended; hpsearch dashboard shows it.")

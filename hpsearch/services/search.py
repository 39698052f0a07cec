"""Searching: a study is started, resumed or joined, and run until it is over."""

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hpsearch.dashboard.note import has_note
from hpsearch.dashboard.publish import Publisher
from hpsearch.data.facts import facts, sizes
from hpsearch.errors import EXIT_NO_TRIAL, EXIT_OK, EXIT_PROGRAM, uses_place
from hpsearch.home import Home
from hpsearch.outputs.copies import Copies
from hpsearch.outputs.leftovers import tidy
from hpsearch.search import trials as rows
from hpsearch.search.attributes import FAILURE_KEY, FAILURE_MESSAGE_KEY, WINNERS_KEY
from hpsearch.search.budget import begin_run, ending, failures_in_a_row
from hpsearch.search.database.urls import hide_password
from hpsearch.search.making import open_or_create
from hpsearch.search.sampling.pruners import hint
from hpsearch.search.sampling.samplers import check_sampler
from hpsearch.search.storage import Counts
from hpsearch.search.study import OpenStudy
from hpsearch.search.winners import in_words
from hpsearch.search_sections import BudgetSection
from hpsearch.services.beside import PATIENCE, dashboard_beside, models_beside
from hpsearch.services.data import study_data
from hpsearch.services.plans import Engine, planner
from hpsearch.services.progress import Progress, SearchProgress
from hpsearch.services.supervise import impatient, supervise, warn_of_figures
from hpsearch.services.tracking import check_mlflow, told_to_mlflow
from hpsearch.services.workspace import Workspace
from hpsearch.study_file import budget_of, from_table, read_study, typed_keys
from hpsearch.workers.lease import mend
from hpsearch.workers.packing import study_load
from hpsearch.workers.presence import present

SECONDS_A_TRIAL = 0.0015
"""What Optuna needs to read a finished trial of thirty epochs (scripts/bench/search/scale.py)."""

FROM_PYTHON = ("hpsearch.search(...)", "in", "Python")
"""What stands for the command where there was none."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a study is run here, beside its file; None: as the file says."""

    overrides: Sequence[str] = ()
    """``KEY=VALUE``, each in place of a key of the file."""
    trials: int | None = None
    """The study's total number of trials."""
    timeout: str | None = None
    """The study's time limit, such as "2h" or "90s"."""
    workers: str | None = None
    """How many worker processes, or "auto"."""
    workers_per_gpu: str | None = None
    """How many on each GPU, or "auto"."""
    gpus: str = "all"
    """"all", "none", or indices and UUIDs with commas between them."""
    engine: Engine = Engine.LOCAL
    address: str | None = None
    """Of Ray's cluster; None: ``RAY_ADDRESS``, else one on this machine."""
    dashboard: bool = False
    """Whether the studies are shown in the browser meanwhile."""
    reference: bool = True
    """Whether models of scikit-learn are trained for comparison, once for a study."""

    @property
    def given(self) -> list[str]:
        """All that is in place of a key of the file, as ``KEY=VALUE``."""
        options = {
            "budget.trials": self.trials,
            "budget.timeout": self.timeout,
            "workers.count": self.workers,
            "workers.per_gpu": self.workers_per_gpu,
        }
        written = [f"{key}={value}" for key, value in options.items() if value is not None]
        return [*self.overrides, *written]

    def typed(self, file: Path) -> list[str]:
        """The command that makes the same search, without what is only of this machine.

        Neither home nor storage: that may hold a password.
        """
        words = ["hpsearch", "run", file.name]
        for option, value in {"--trials": self.trials, "--timeout": self.timeout}.items():
            words += [option, str(value)] if value is not None else []
        for text in self.overrides:
            words += ["--set", text]
        return [shlex.quote(word) for word in words]


@dataclass(frozen=True, kw_only=True)
class Conclusion:
    """How a study stands at the end of a run."""

    study: str
    metric: str
    counts: Counts
    budget: BudgetSection
    over: str | None
    """What ended it ("trials", "timeout", "plateau", "failures"); None: it was stopped."""
    failures: Mapping[str, int]
    """How many of the last trials in a row failed by their configurations, by class."""
    best: Mapping[str, Any] | None
    """The best trial, as ``best --json`` has it; None: none completed, or it was stopped."""
    stopped: int
    """130 or 143 where a signal or ``hpsearch stop`` ended the run; else 0."""
    failed: str = ""
    """Where no trial completed, what the last one that counts failed of; empty: none did."""

    @property
    def is_cut_off(self) -> bool:
        """Whether it was stopped before the study was over."""
        return self.over is None and bool(self.stopped)

    @property
    def exit_code(self) -> int:
        """Of ``hpsearch run``."""
        if self.stopped:
            return self.stopped
        if self.best is None:
            return EXIT_NO_TRIAL
        return EXIT_PROGRAM if self.over == "failures" else EXIT_OK


def search(
    file: Path,
    settings: Settings,
    workspace: Workspace,
    progress: SearchProgress,
    *,
    table: Mapping[str, Any] | None = None,
) -> Conclusion:
    """Run a search: start it, resume it, or join it where it is running.

    Args:
        file: the study file.
        settings: how it is run here.
        workspace: home and storage.
        progress: shows the search.
        table: what stands in the study file, which then need not be there: messages name it, and
            paths are relative to its folder; None: it is read.

    Raises:
        HpsearchError: input that is wrong, a storage or data that cannot be reached, or what a
            worker died of.
    """
    written = read_study(file) if table is None else table
    typed = settings.typed(file) if table is None else FROM_PYTHON
    study_file = from_table(deepcopy(dict(written)), file, settings.given)
    check_sampler(study_file, str(file))
    check_mlflow(study_file, workspace.url)
    place = workspace.home
    with planner(
        settings.engine, settings.address, settings.gpus, workspace, progress
    ) as plan_workers:
        study_file, dataset, parts = study_data(study_file, str(file), place, progress)
        load_of_one = study_load(study_file, parts, dataset.private_bytes)
        # Refuses workers that cannot be before anything is written.
        plan_workers(study_file, load_of_one, study_file.budget.trials)
        with workspace.opened(create=True) as opened:
            Copies(place).refuse_foreign_runs(opened, study_file.name)
            known, own = facts(dataset, parts), budget_of(written, file)
            explicit = typed_keys(settings.given, "budget")
            study, is_new = open_or_create(
                opened, study_file, known, written=own, explicit=explicit
            )
            with present(study):
                workspace.record(study, file)
                begin_run(study)
                left = mend(study)
                tidy(study, place)
                if (advice := hint(study_file)) is not None:
                    progress.say(advice)
                _say_what_begins(study, left, progress, is_new=is_new)
                _say_what_on(study, known, workspace.url, progress)
                at, wanted = study_file.dataset.path, settings.reference
                models = models_beside(study, workspace, at, progress, wanted=wanted)
                if not (places := _left(study)):
                    with models as trained, told_to_mlflow(study, workspace, progress.say):
                        _show_what_is_over(study, settings, typed, place, progress)
                        trained.finish()
                    return _conclusion(study, EXIT_OK)
                plan = plan_workers(study.file, load_of_one, places)
                shown = dashboard_beside(workspace, progress)
                with shown if settings.dashboard else nullcontext(), models as trained:
                    code = supervise(study, plan, workspace, at, progress, typed=typed)
                    if not code:
                        trained.finish(PATIENCE)
                with impatient(study, code):
                    tidy(study, place)  # of a last trial that no worker could tidy up after
                    return _conclusion(study, code)


def _conclusion(study: OpenStudy, stopped: int) -> Conclusion:
    """How a study stands.

    Args:
        study: the study.
        stopped: what the run of the workers gave; 0 where there was none.
    """
    over, counts = ending(study), study.counts()
    failures = Counter(failures_in_a_row(study, study.trial_summaries()))
    is_whole = over is not None or not stopped
    return Conclusion(
        study=study.name,
        metric=study.file.objective.metric,
        counts=counts,
        budget=study.budget,
        over=over,
        failures=dict(failures.most_common()),
        failed="" if counts.complete else _last_failure(study),
        best=rows.best_row(study) if is_whole and counts.complete else None,
        stopped=stopped,
    )


def _last_failure(study: OpenStudy) -> str:
    """The last trial that failed by its configuration, and of what; empty: there is none."""
    for trial in reversed(study.trials()):
        told = trial.user_attrs
        if uses_place(failure := told.get(FAILURE_KEY)):
            return f"trial {trial.number} {failure}: {told.get(FAILURE_MESSAGE_KEY, '')}"
    return ""


def _say_what_begins(
    study: OpenStudy, left: Sequence[int], progress: Progress, *, is_new: bool
) -> None:
    """Say what is begun or gone on with, and which trials workers have left behind."""
    progress.say(f"{'Started' if is_new else 'Continuing'} study {study.name}")
    if (takes := reading_time(study.storage.get_n_trials(study.study_id))) is not None:
        progress.say(takes)
    if left:
        progress.say(f"The workers of trials {left} are gone; these trials resume.")


def _say_what_on(study: OpenStudy, data: Mapping[str, Any], url: str, progress: Progress) -> None:
    """Say what is searched, on what, and where it is kept."""
    progress.say(f"data: {sizes(data)}, {data['test']} set aside for testing")
    file, winners = study.file, study.optuna.user_attrs.get(WINNERS_KEY) or []
    if told := in_words(file.preset, len(file.portfolio), winners):
        progress.say(f"space: {told}")
    progress.say(f"storage {hide_password(url)}")


def reading_time(trials: int) -> str | None:
    """What to expect of a study with so many trials before its first one starts, or None."""
    seconds = trials * SECONDS_A_TRIAL
    if seconds < 2:
        return None
    return (
        f"The study has {trials:,} trials: each worker reads them once, about {seconds:.0f} s,"
        " before it starts its first one."
    )


def _left(study: OpenStudy) -> int:
    """Trials that are left; 0 where the study is over for whatever reason."""
    if ending(study) is not None:
        return 0
    return study.budget.trials - study.counts().counted


def _show_what_is_over(
    study: OpenStudy, settings: Settings, typed: Sequence[str], place: Home, progress: Progress
) -> None:
    """Renew the figures once more, as there may be new results on the test split.

    The note stays: it tells of the run that made the study what it is.
    """
    command = None if has_note(study) else typed
    warn_of_figures(Publisher(study, place, command).close(), progress)
    if settings.dashboard:
        progress.say("The study has ended; hpsearch dashboard shows it.")

"""The attributes that hpsearch writes into Optuna's studies and trials: every key stands here.

Keys never change: databases of earlier versions have them. Other programs and newer versions write
attributes, too. What is not of the shape that is given here counts as not there where a trial has
it; a study that has it is not opened (``hpsearch.search.lookup``).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from hpsearch.networks.network import Size
from hpsearch.reference.reference import Reference
from hpsearch.search.shapes import (
    Adopted,
    BudgetTable,
    Command,
    ConfigTable,
    ConfirmRequest,
    Count,
    Ensemble,
    Facts,
    FoldResult,
    Fork,
    Machine,
    Moment,
    Number,
    Origin,
    Params,
    Precision,
    Process,
    RunKind,
    Span,
    StopRequest,
    Submission,
    Table,
    Teller,
    Text,
    Whose,
    WinnerOf,
)
from hpsearch.tasks import TASKS
from hpsearch.tasks.classification import CLASSIFICATION
from hpsearch.tasks.task import Task

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

STUDY: dict[str, TypeAdapter[Any]] = {}
"""The shapes of a study's user attributes, by key."""

TRIAL: dict[str, TypeAdapter[Any]] = {}
"""The shapes of a trial's user attributes, by key."""

TRIAL_SYSTEM: dict[str, TypeAdapter[Any]] = {}
"""The shapes of the system attributes of a trial that hpsearch reads, by key."""


def _of_study(key: str, shape: Any) -> str:
    """Declare a user attribute of studies; its key."""
    STUDY[key] = TypeAdapter(shape)
    return key


def _of_trial(key: str, shape: Any) -> str:
    """Declare a user attribute of trials; its key."""
    TRIAL[key] = TypeAdapter(shape)
    return key


def _of_system(key: str, shape: Any) -> str:
    """Declare a system attribute of trials; its key."""
    TRIAL_SYSTEM[key] = TypeAdapter(shape)
    return key


# Studies

FILE_KEY = _of_study("study_file", Table)
"""The study file as a table; studies of other programs have none. Written where a study is made,
again by ``run`` and where its data move. Since 2026-11-23."""

DATASET_KEY = _of_study("dataset", Facts)
"""The facts of its data (``hpsearch.data.facts``). Written where a study is made. Since
2026-11-23."""

WINNERS_KEY = _of_study("winners", list[WinnerOf])
"""The trials of earlier studies that its portfolio begins with (``winners.py``). Written where a
study is made. Since 2026-11-30."""

VERSIONS_KEY = _of_study("versions", dict[Text, Text])
"""Versions of hpsearch, Python and packages. Written where a study is made. Since 2026-11-23."""

CREATED_KEY = _of_study("created", Text)
"""When it was made, as ISO 8601; with the key of its row that tells a study from every other one.
Written where a study is made. Since 2026-11-23."""

BUDGET_KEY = _of_study("budget", BudgetTable)
"""The budget section; ``trials`` is what claims look at. Written by ``run`` and ``confirm``. Since
2026-11-23."""

CLOSED_KEY = _of_study("closed", bool)
"""No trial starts but those that wait: a confirmation study. Written where that is made. Since
2026-11-25."""

STOP_KEY = _of_study("stop_request", StopRequest)
"""The last ``hpsearch stop``; while it is not ``over`` no trial starts. Written by ``stop``, and by
the ``run`` that follows. Since 2026-11-25."""

FIRST_KEY = _of_study("first_trials", list[Params])
"""The initial design: parameters of the first trials that are sampled, in order. Written where a
study is made. Since 2026-11-25."""

SINCE_KEY = _of_study("failures_since", Count)
"""The number of trials when the last ``run`` began: failures are counted from there on. Written by
``run`` and ``fork``. Since 2026-11-24."""

REQUEST_KEY = _of_study("confirm_asked", ConfirmRequest)
"""Of a confirmation study: what the last ``confirm`` was about. Written by ``confirm``. Since
2026-11-25."""

COMMANDS_KEY = _of_study("commands", list[Command])
"""The commands that touched it, the first one first. Written by each (``history.py``). Since
2026-11-25."""

MACHINES_KEY = _of_study("machines", dict[Text, Machine])
"""What the commands ran on, by the key that they name. Written with them. Since 2026-11-25."""

TEST_ACCESSES_KEY = _of_study("test_opened", list[Table])
"""The test accesses of ``hpsearch evaluate``, wherever it ran. Written by ``evaluate``. Since
2026-11-25."""

NOTE_KEY = _of_study("note", str)
"""The note as hpsearch last wrote it into the dashboard; another one there is a user's own. Written
by ``run``. Since 2026-11-25."""

PRECISION_KEY = _of_study("precision", Precision)
"""What ``training.precision = "auto"`` has become. Written by the first worker, by the first one of
each other device, and by ``confirm`` and ``fork``. Since 2026-11-29."""

REFERENCE_KEY = _of_study("reference", list[Reference])
"""What models of scikit-learn reach on the same examples (``hpsearch.reference``). Written by the
first ``run`` that has trained them. Since 2026-11-29."""

ENSEMBLE_KEY = _of_study("ensemble", Ensemble)
"""The ensemble that was chosen from its trained networks. Written by ``ensemble``. Since
2026-11-30."""

SUBMISSION_KEY = _of_study("submission", Submission)
"""Of a study that was submitted to the service: whose it is, and what was decided of it. Written
where a study is made, and by the service. Since 2026-11-30."""

TELLER_KEY = _of_study("mlflow_teller", Teller)
"""Which process tells MLflow of it. Written by that process. Since 2026-11-30."""

FORKED_KEY = _of_trial(_of_study("forked_from", Fork), Origin)
"""Of a study: the one whose trials it took over; of such a trial: which one it was there. Written
by ``fork``. Since 2026-11-25."""

# Trials

WORKER_KEY = _of_trial("worker", Annotated[str, Field(pattern=r":\d{1,9}$")])
"""Who runs it, as "host:pid". Written with the claim. Since 2026-11-23."""

PROCESS_KEY = _of_trial("process", Process)
"""What tells that process from others of its number (``hpsearch.workers.identity``). Written with
the claim. Since 2026-11-23."""

DEVICE_KEY = _of_trial("device", Text)
"""What it is trained on, for readers. Written with the claim. Since 2026-11-24."""

THREADS_KEY = _of_trial("threads", Annotated[int, Field(ge=1, lt=2**16)])
"""TensorFlow's threads, where a number was set. Written with the claim. Since 2026-11-25."""

STARTED_KEY = _of_trial("clock_start", Moment)
"""When it started by the clock of its worker's machine, which is not set back or forward as the
dates are. Written with the claim. Since 2026-11-29."""

ENDED_KEY = _of_trial("clock_end", Moment)
"""When it ended by the same clock. Written with its end. Since 2026-11-29."""

SEED_KEY = _of_trial("seed", Annotated[int, Field(ge=0, lt=2**31)])
"""The seed of its weights, shuffling and dropout. Written before its training, and into successors
and confirmation runs. Since 2026-11-23."""

PARAMETERS_KEY = _of_trial("parameters", Count)
"""The trainable parameters of its network. Written before its training. Since 2026-11-23."""

MACS_KEY = _of_trial("macs", Count)
"""Multiplications of its network for one example. Written before its training. Since 2026-11-29."""

EPOCHS_KEY = _of_trial("epochs", Count)
"""How many it trained. Written with its end. Since 2026-11-23."""

BEST_EPOCH_KEY = _of_trial("best_epoch", Count)
"""The epoch with the best value. Written with its end. Since 2026-11-23."""

VAL_LOSS_KEY = _of_trial("val_loss", Number)
"""The validation loss of the epoch that counts. Written with its end. Since 2026-11-25."""

FOLDS_KEY = _of_trial("folds", list[FoldResult])
"""Of a cross-validation what each fold came to. Written with its end. Since 2026-11-29."""

TRAIN_ACCURACY_KEY = _of_trial("train_accuracy", Number | None)
"""The training accuracy of the same epoch; of a regression it is not there. Written with its end.
Since 2026-11-23."""

TRAIN_VALUE_KEY = _of_trial("train_value", Number | None)
"""What another task has in its place: R² of training examples. Written with its end. Since
2026-11-29."""

GAP_KEY = _of_trial("gap", Number | None)
"""The training accuracy, or R², less that of validation. Written with its end. Since 2026-11-23."""

SECONDS_KEY = _of_trial("seconds", Span)
"""How long it trained. Written with its end. Since 2026-11-23."""

RATE_KEY = _of_trial("examples_per_second", Span)
"""How fast it trained. Written with its end. Since 2026-11-23."""

FAILURE_KEY = _of_trial("failure", Text)
"""The class of a failure (``hpsearch.errors.Failure``). Written with its end. Since 2026-11-23."""

FAILURE_MESSAGE_KEY = _of_trial("failure_message", str)
"""What went wrong, for readers. Written with its end. Since 2026-11-23."""

FAILURE_EPOCH_KEY = _of_trial("failure_epoch", Count)
"""The epoch in which training failed. Written before its end. Since 2026-11-23."""

ALONE_KEY = _of_trial("alone", bool)
"""It ran out of memory, and is tried once more alone on its device. Written by its worker. Since
2026-11-24."""

SAME_KEY = _of_trial("same_as", Count)
"""The first trial of the same configuration, which had another seed. Written before its training,
and by ``fork``. Since 2026-11-25."""

RESUMES_KEY = _of_trial("resumes", Count)
"""The trial that it resumes, the first of them. Written into successors. Since 2026-11-23."""

EARLIER_KEY = _of_trial("earlier", list[Count])
"""All trials that it resumes, the latest first. Written into successors. Since 2026-11-24."""

DEATHS_KEY = _of_trial("deaths", Count)
"""Workers that died of it, one after the other. Written into successors. Since 2026-11-24."""

REACHED_KEY = _of_trial("reached", Count)
"""The last epoch that one of these reported. Written into successors. Since 2026-11-24."""

CONFIG_KEY = _of_trial("config", ConfigTable)
"""The configuration of a trial of which nothing is sampled: a confirmation run. Written by
``confirm`` and ``evaluate``, and into successors. Since 2026-11-23."""

OF_KEY = _of_trial("of", Whose)
"""Whose configuration that is: the number of its trial, or "baseline". Written with it. Since
2026-11-25."""

KIND_KEY = _of_trial("kind", RunKind)
"""What is new in the run; absent: only the seed. Written with it. Since 2026-11-25."""

CHANGES_KEY = _of_trial(
    "recipe_changes", dict[Literal["config", "dataset", "training", "objective"], Table]
)
"""Keys of the run's recipe that differ from the study's, by section. Written with it. Since
2026-11-25; those of the configuration since 2026-11-30."""

ADOPTED_KEY = _of_trial("adopted_from", Adopted)
"""Of another program's trial: which one it was there, and its value. Written by ``adopt``. Since
2026-11-30."""

OWNER_KEYS = (WORKER_KEY, PROCESS_KEY)
"""What tells the process that runs a trial from every other one."""

JOB_KEYS = (CONFIG_KEY, OF_KEY, KIND_KEY, CHANGES_KEY)
"""What a confirmation run is, and whose."""

# System attributes

FIXED_KEY = _of_system("fixed_params", Params)
"""Optuna's own, of a trial that waited: the parameters that it has when it starts. Written by
``enqueue``, ``run``, ``fork``, and into successors. Since 2026-11-23."""

REQUESTED_KEY = _of_system("hpsearch:asked", Params)
"""Of a trial that resumes another one: those of its fixed parameters that somebody enqueued; the
others were sampled. Written into successors. Since 2026-11-28."""

ARTIFACT_PREFIX = "artifacts:"
"""How the keys of system attributes begin in which Optuna lists files (``optuna.artifacts``): those
of users, and those of each trial that ended (``hpsearch.outputs.listed``). Since 2026-11-25."""

METRIC_NAMES_KEY = "study:metric_names"
"""Optuna's own, of a study: what its values are of. Written where a study is made."""

PRESENT_PREFIX = "hpsearch:present:"
"""How the keys of a study's system attributes begin that are signs of busy processes
(``shapes.Sign``). Written by ``run`` and workers. Since 2026-11-28."""


def fixed_params(trial: "FrozenTrial") -> dict[str, Any]:
    """The parameters that a trial had, or will have, when it started: enqueued or resumed."""
    return dict(trial.system_attrs.get(FIXED_KEY, {}))


def requested_params(trial: "FrozenTrial") -> dict[str, Any]:
    """The parameters of a trial that somebody enqueued; the others may be sampled again.

    Of a trial that resumes another one since before that was written down, none.
    """
    if REQUESTED_KEY in trial.system_attrs:
        return dict(trial.system_attrs[REQUESTED_KEY])
    return {} if RESUMES_KEY in trial.user_attrs else fixed_params(trial)


def origin(trial: "FrozenTrial") -> int:
    """The number of the trial that this one resumes, the first of them; or its own."""
    return int(trial.user_attrs.get(RESUMES_KEY, trial.number))


def earlier(trial: "FrozenTrial") -> list[int]:
    """The numbers of the trials that this one resumes, the latest first."""
    return [int(number) for number in trial.user_attrs.get(EARLIER_KEY, ())]


def of_size(size: Size) -> dict[str, int]:
    """The attributes of a trial that tell its network's size."""
    return {PARAMETERS_KEY: size.parameters, MACS_KEY: size.macs}


def size_of(trial: "FrozenTrial") -> Size | None:
    """The size that a trial's network has by its attributes; None: it was not counted."""
    known = [trial.user_attrs.get(key) for key in (PARAMETERS_KEY, MACS_KEY)]
    counts = [int(count) for count in known if count is not None]
    return Size(parameters=counts[0], macs=counts[1]) if counts[1:] else None


def trained_key(task: Task) -> str:
    """Where the value of training examples is kept that a task's gap is told of."""
    return TRAIN_ACCURACY_KEY if task is CLASSIFICATION else TRAIN_VALUE_KEY


def trained(values: Mapping[str, Any]) -> tuple[str, float] | None:
    """The value of training examples that a gap is told of: what it is, and the value.

    Args:
        values: a trial's attributes, or its row.
    """
    for task in TASKS.values():
        if (value := values.get(trained_key(task))) is not None:
            return task.gap_metric.short, float(value)
    return None

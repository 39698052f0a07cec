"""What the values of attributes look like, and reading them from the texts of a database."""

import contextlib
import json
import math
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NaiveDatetime,
    TypeAdapter,
    field_validator,
    model_validator,
)

from hpsearch.config import TrialConfig
from hpsearch.recipe import Computed
from hpsearch.search_sections import BudgetSection

Count = Annotated[int, Field(ge=0, lt=2**53)]
"""Whole, and small enough for every program that reads JSON."""
Number = Annotated[float, Field(ge=-1e100, le=1e100, allow_inf_nan=False)]
"""Real, and small enough for sums and squares of many: 32 bits hold up to 3e38."""
Span = Annotated[float, Field(ge=0, lt=2**40, allow_inf_nan=False)]
"""Seconds, or a rate."""


def _text(value: str) -> str:
    value.encode()  # a lone surrogate is a ValueError
    return value


Text = Annotated[str, AfterValidator(_text)]
"""A text that every file takes. Names of files and hosts may be none."""
Table = dict[str, Any]
Scalar = bool | int | Number | Text | None
Params = dict[Text, Scalar]
"""Values of parameters, by name."""
Whose = Annotated[Text, Field(pattern=r"^(\d{1,15}|baseline)$")]
"""Whose configuration a confirmation run has: a trial's number, or the baseline."""


class Kind(StrEnum):
    """What is new in a confirmation run, beside its seed."""

    SEED = "seed"
    """Nothing: it shows the luck of seeds."""
    SPLIT = "split"
    """The validation split: it shows the luck of that as well."""
    REFIT = "refit"
    """It is trained on training and validation examples for a number of epochs that was fixed
    before: a last training, whose own figures say nothing about new examples."""


RunKind = Annotated[Kind, BeforeValidator(Kind)]
"""A kind of confirmation run, as it is stored."""

_CENTURY = 100 * 366 * 24 * 3600.0


def _config(value: Table) -> Table:
    TrialConfig.model_validate(value)
    return value


def _budget(value: Table) -> Table:
    BudgetSection.model_validate(value)
    return value


def _mark(value: list[Any]) -> list[Any]:
    boot, seconds = value
    is_moment = isinstance(boot, str) and isinstance(seconds, float)
    if not is_moment or abs(seconds) > _CENTURY:
        raise ValueError("is no moment of a machine")
    return value


ConfigTable = Annotated[Table, AfterValidator(_config)]
"""A configuration, as ``hpsearch.config.flat`` writes it."""
BudgetTable = Annotated[Table, AfterValidator(_budget)]
"""A budget section."""
Moment = Annotated[list[Text | Number], AfterValidator(_mark)]
"""A moment of a machine (``hpsearch.clock``)."""


class Shape(BaseModel):
    """Base of the tables that hpsearch writes; a newer version may have more keys in them."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class Process(Shape):
    """What tells a process from others of its number (``hpsearch.workers.identity``)."""

    place: Text | None
    started: Count | None


class Facts(Shape):
    """What a study knows of its data."""

    fingerprint: Text
    input_shape: Annotated[list[Annotated[int, Field(ge=1, lt=2**31)]], Field(min_length=1)]
    class_names: list[Text]
    table: dict[Text, Count] | None = None
    columns: Count | None = None
    target: Text | None = None
    folds: Count | None = None
    source: Text | None = None
    train: Count | None = None
    validation: Count | None = None
    test: Count | None = None
    split_fingerprint: Text | None = None


class FoldResult(Shape):
    """What one fold of a cross-validation came to."""

    value: Number
    best_epoch: Count


class WinnerOf(Shape):
    """The trial of an earlier study, of which a study tries the configuration first."""

    study: Text
    trial: Count


Stop = Literal["leave", "now"]
"""How workers are asked to end: with a checkpoint, or at once."""


class StopRequest(Shape):
    """The last ``hpsearch stop``."""

    number: Annotated[int, Field(ge=1, lt=2**53)]
    how: Stop
    over: bool


SubmissionState = Literal["queued", "paused", "cancelled", "done", "failed"]
"""What was decided of a submitted study; whether it runs just now is seen, and not stored."""


class Submission(Shape):
    """What the service knows of a study that was submitted to it (``submissions.py``).

    It is written again with every decision; what a newer version has in it besides is kept.
    """

    model_config = ConfigDict(extra="allow")

    state: SubmissionState
    user: Text
    """The name of the token that it was submitted with."""
    priority: Annotated[int, Field(ge=-100, le=100)]
    """The higher, the earlier."""
    queued: Span
    """When it was submitted, or resumed, in seconds since 1970, in UTC."""
    served: Span | None = None
    """When a worker was started for it last; None: none was since it was queued."""
    why: str = ""
    """Why it failed, or is held though it is queued, for a reader."""
    more: Count = 0
    """How often more was asked of it since it was made: a larger budget, further runs."""


class Fork(Shape):
    """What a study was forked from."""

    study: Text
    trials: Count
    shift: Count
    date: Text


class ConfirmRequest(Shape):
    """What the last ``confirm`` of a study was about."""

    kind: RunKind
    of: list[Whose]
    """Whose runs."""
    seeds: list[Count]
    smallest: bool = False
    """Whether the winner is the smallest of those that the seeds cannot tell from the first; else
    it is the first by its mean. (An earlier version had no choice.)"""


class EnsembleMember(Shape):
    """A trained network that an ensemble was chosen from."""

    of: Whose
    trial: Count
    """Its number, of the study or of its confirmation study."""
    is_run: bool
    """Whether it is of the latter."""
    seed: Count
    weight: Annotated[float, Field(gt=0, le=1)]
    """By how much it counts; the sum over the members is 1."""
    value: Number
    """What its training gave."""


class EnsembleCost(Shape):
    """What a network took where the ensemble was chosen (``hpsearch.training.ensemble``)."""

    parameters: Count
    one: Span
    batch: Span
    examples: Count


class Ensemble(Shape):
    """An ensemble, and how it was chosen (``hpsearch.ensembles``)."""

    members: Annotated[list[EnsembleMember], Field(min_length=1)]
    """The greatest weight first."""
    metric: Text
    """By what it was chosen."""
    value: Number
    """Of the ensemble on the examples that it was chosen by."""
    single: EnsembleMember
    """The best model alone, by the same examples."""
    single_value: Number
    gain: Number
    """By how much it is better than that one, in the metric's unit; above 0: better."""
    gain_low: Number
    """The lower end of its 95 % interval."""
    gain_high: Number
    cost: EnsembleCost
    single_cost: EnsembleCost
    device: Text
    """What the costs were measured on."""
    candidates: Count
    """How many models it was chosen from."""
    examples: Count
    """By how many examples."""
    most: Count | None
    """How many members it might have; None: any number."""
    bags: Count
    rounds: Count
    seed: Count
    version: Text
    """Of hpsearch."""
    date: Text
    """As ISO 8601 in UTC."""


class Git(Shape):
    """The state of the folder of a study file."""

    commit: Text
    changed: bool


class Command(Shape):
    """A command that touched a study."""

    command: str
    date: Text
    machine: Text
    git: Git | None = None
    study: Text = ""


class Machine(Shape):
    """What commands ran on."""

    host: str
    os: str
    cpu: str
    cores: Count
    memory: Count
    gpus: list[str]
    versions: dict[Text, Text]


class Sign(Shape):
    """A sign of a busy process."""

    worker: str
    process: Process
    beat: NaiveDatetime


class Teller(Shape):
    """The process that tells MLflow of a study; there is one at a time."""

    worker: str
    process: Process
    beat: Count
    """It grows while the process lives."""
    over: bool
    """Whether it has ended in good order."""


class Measured(Shape):
    """What a device took for some steps of training in float32 and in another precision."""

    host: Text
    device: Text
    seconds: dict[Text, Annotated[Span, Field(gt=0)]]
    """By precision; empty where only float32 comes into question."""
    reason: Text = ""
    """Why that is so: "has no instructions for bfloat16"."""

    @field_validator("seconds")
    @classmethod
    def _can_be_compared(cls, value: dict[str, float]) -> dict[str, float]:
        if value and ("float32" not in value or len(value) != 2):
            raise ValueError("does not compare float32 with another precision")
        return value


class Precision(Shape):
    """What ``training.precision = "auto"`` has become."""

    chosen: Computed
    measured: Annotated[list[Measured], Field(min_length=1)]
    """The first one chose; those of other devices follow."""

    @model_validator(mode="after")
    def _was_measured(self) -> "Precision":
        if self.chosen != "float32" and self.chosen not in self.measured[0].seconds:
            raise ValueError("was chosen without being measured")
        return self


class Origin(Shape):
    """The trial of another study that one was taken over from."""

    study: Text
    number: Count


class Adopted(Shape):
    """The trial of another program's Optuna study that one was adopted from."""

    study: Text
    number: Count
    value: Number


Shapes = Mapping[str, TypeAdapter[Any]]
"""What hpsearch writes into attributes, by their keys."""


def _finite(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise ValueError(f"{number} is not finite")
    return value


_OURS = json.JSONDecoder(parse_float=_finite, parse_constant=_finite)
"""hpsearch writes no NaN and no infinity: JSON does not know them, though Python reads them."""


def parse(text: str, shape: TypeAdapter[Any] | None = None) -> Any:
    """A stored text as a value.

    Args:
        text: JSON.
        shape: what hpsearch writes there; None: anything.

    Raises:
        ValueError: it is something else.
    """
    try:
        value = json.loads(text) if shape is None else _OURS.decode(text)
    except RecursionError as error:
        raise ValueError("is nested too deeply") from error
    if shape is not None:
        shape.validate_python(value, strict=True)
    return value


def typed(rows: Iterable[tuple[str, str]], shapes: Shapes) -> dict[str, Any]:
    """Attributes by key, without those that are not what hpsearch writes there.

    Args:
        rows: keys and stored texts.
        shapes: what hpsearch writes, by key; what has another name may hold anything.
    """
    found = {}
    for key, text in rows:
        with contextlib.suppress(ValueError):
            found[key] = parse(text, shapes.get(key))
    return found


def odd(rows: Iterable[tuple[str, str]], shapes: Shapes) -> dict[str, str]:
    """The texts of those that :func:`typed` leaves out, by name."""
    return {key: text for key, text in rows if not typed([(key, text)], shapes)}

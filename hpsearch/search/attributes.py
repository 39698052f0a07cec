"""The attributes of studies and trials: what hpsearch writes into them, and nothing else is read.

Other programs and newer versions write attributes, too. What is not as it is written here counts as
not there where a trial has it; a study that has it is not opened (``hpsearch.search.study``).
"""

import contextlib
import json
import math
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, NaiveDatetime, TypeAdapter

from hpsearch.config import TrialConfig
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
Kind = Literal["seed", "split", "refit"]
"""A kind of confirmation run."""
Whose = Annotated[Text, Field(pattern=r"^(\d{1,15}|baseline)$")]
"""Whose configuration a confirmation run has: a trial's number, or the baseline."""


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


class Shape(BaseModel):
    """Base of the tables that hpsearch writes; a newer version may have more keys in them."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)


Moment = Annotated[list[Text | Number], AfterValidator(_mark)]
"""A moment of a machine (``hpsearch.search.clock``)."""


class Process(Shape):
    """What tells a process from others of its number (``hpsearch.workers.identity``)."""

    place: Text | None
    started: Count | None


class Facts(Shape):
    """What a study knows of its data."""

    fingerprint: Text
    input_shape: Annotated[list[Annotated[int, Field(ge=1, lt=2**31)]], Field(min_length=1)]
    class_names: Annotated[list[Text], Field(min_length=1)]
    source: Text | None = None
    train: Count | None = None
    validation: Count | None = None
    test: Count | None = None
    split_fingerprint: Text | None = None


class Stop(Shape):
    """The last ``hpsearch stop``."""

    number: Annotated[int, Field(ge=1, lt=2**53)]
    how: Literal["leave", "now"]
    over: bool


class Fork(Shape):
    """What a study was forked from."""

    study: Text
    trials: Count
    shift: Count
    date: Text


class Asked(Shape):
    """What the last ``confirm`` was about."""

    kind: Kind
    of: list[Whose]
    seeds: list[Count]
    smallest: bool = False


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


class Origin(Shape):
    """The trial of another study that one was taken over from."""

    study: Text
    number: Count


class StudyAttributes(Shape):
    """The user attributes of a study; each is explained where its name stands as a constant."""

    study_file: Table
    dataset: Facts
    versions: dict[Text, Text]
    created: Text
    budget: Annotated[Table, AfterValidator(_budget)]
    closed: bool
    stop_request: Stop
    first_trials: list[Params]
    forked_from: Fork
    failures_since: Count
    confirm_asked: Asked
    commands: list[Command]
    machines: dict[Text, Machine]
    test_opened: list[Table]
    note: str


class TrialAttributes(Shape):
    """The user attributes of a trial."""

    worker: Annotated[str, Field(pattern=r":\d{1,9}$")]
    """Who ran it, as "host:pid"."""
    process: Process
    device: Text
    threads: Annotated[int, Field(ge=1, lt=2**16)]
    seed: Annotated[int, Field(ge=0, lt=2**31)]
    parameters: Count
    epochs: Count
    """How many it trained."""
    best_epoch: Count
    val_loss: Number
    """Of the epoch that counts."""
    train_accuracy: Number | None
    gap: Number | None
    """The training accuracy, less that of validation."""
    seconds: Span
    examples_per_second: Span
    failure: Text
    failure_message: str
    failure_epoch: Count
    clock_start: Moment
    clock_end: Moment
    alone: bool
    same_as: Count
    resumes: Count
    """The trial that it goes on for, the first of them."""
    earlier: list[Count]
    """All that it goes on for, the latest first."""
    deaths: Count
    """Workers that died of it, one after the other."""
    reached: Count
    """The last epoch that one of these reported."""
    config: Annotated[Table, AfterValidator(_config)]
    of: Whose
    kind: Kind
    recipe_changes: dict[Literal["dataset", "training", "objective"], Table]
    forked_from: Origin


class TrialSystemAttributes(Shape):
    """The system attributes of a trial that hpsearch reads, with Optuna's names."""

    fixed_params: Params


Kinds = Mapping[str, TypeAdapter[Any]]
"""What hpsearch writes into attributes, by their names."""


def _adapters(table: type[Shape]) -> dict[str, TypeAdapter[Any]]:
    return {
        key: TypeAdapter(Annotated[field.annotation, field])  # type: ignore[arg-type]  # of a value
        for key, field in table.model_fields.items()
    }


STUDY: Kinds = _adapters(StudyAttributes)
TRIAL: Kinds = _adapters(TrialAttributes)
TRIAL_SYSTEM: Kinds = _adapters(TrialSystemAttributes) | {"hpsearch:asked": TypeAdapter(Params)}


def _finite(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise ValueError(f"{number} is not finite")
    return value


_OURS = json.JSONDecoder(parse_float=_finite, parse_constant=_finite)
"""hpsearch writes no NaN and no infinity: JSON does not know them, though Python reads them."""


def parse(text: str, kind: TypeAdapter[Any] | None = None) -> Any:
    """A stored text as a value.

    Args:
        text: JSON.
        kind: what hpsearch writes there; None: anything.

    Raises:
        ValueError: it is something else.
    """
    try:
        value = json.loads(text) if kind is None else _OURS.decode(text)
    except RecursionError as error:
        raise ValueError("is nested too deeply") from error
    if kind is not None:
        kind.validate_python(value, strict=True)
    return value


def typed(rows: Iterable[tuple[str, str]], kinds: Kinds) -> dict[str, Any]:
    """Attributes by name, without those that are not what hpsearch writes there.

    Args:
        rows: names and stored texts.
        kinds: what hpsearch writes, by name; what has another name may hold anything.
    """
    found = {}
    for key, text in rows:
        with contextlib.suppress(ValueError):
            found[key] = parse(text, kinds.get(key))
    return found


def odd(rows: Iterable[tuple[str, str]], kinds: Kinds) -> dict[str, str]:
    """The texts of those that :func:`typed` leaves out, by name."""
    return {key: text for key, text in rows if not typed([(key, text)], kinds)}

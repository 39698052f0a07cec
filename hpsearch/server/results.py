"""What routes answer of results, for the OpenAPI description: trials, confirmation, ensemble.

The tables of the commands, as :mod:`hpsearch.server.described` has all other answers.
"""

from typing import Literal

from pydantic import JsonValue

from hpsearch.server.described import Answer, Numbered, Table


class Trained(Numbered):
    """What a trial came to; null: it is not known, or not yet."""

    values: list[float] | None
    parameters: int | None
    macs: int | None
    best_epoch: int | None
    val_loss: float | None
    train_accuracy: float | None
    train_value: float | None
    gap: float | None
    folds: list[Table] | None


class Trial(Trained):
    """A trial as ``hpsearch trials --json`` prints it."""

    state: Literal["complete", "pruned", "failed", "running", "waiting"]
    epochs: int | None
    seconds: float | None
    worker: str | None
    device: str | None
    seed: int | None
    failure: str | None
    failure_message: str | None
    same_as: int | None
    adopted: JsonValue
    of: str | None
    """Of a confirmation run whose configuration it has: a trial's number, or "baseline"."""
    kind: Literal["seed", "split", "refit"] | None
    """Of a confirmation run what is new in it. What a refit reaches on validation examples is not
    told: it was trained on them."""


class Repeat(Answer):
    """A complete trial of the same configuration."""

    number: int
    value: float


class Best(Trained):
    """The best trial as ``hpsearch best --json`` prints it."""

    study: str
    validation_examples: int | None
    interval: list[float] | None
    repeats: list[Repeat]
    reference: Table | None


class Checked(Answer):
    """What ``hpsearch check --json`` prints, and the lines that it says."""

    study: str
    models: list[Table]
    time: Table | None
    messages: list[str]


class Seeds(Answer):
    """A value of one training."""

    seed: int
    value: float


class Candidate(Answer):
    """What new seeds say of a configuration."""

    of: str
    """The number of its trial, or "baseline"."""
    parameters: int
    searched: float | None
    mean: float
    deviation: float | None
    interval: list[float] | None
    behind: list[float] | None
    values: list[Seeds]


class Confirmation(Answer):
    """What a confirmation came to, as ``hpsearch confirm --json`` prints it."""

    study: str
    new_split: bool
    seeds: list[int]
    winner: str
    chosen: Literal["first", "smallest"]
    smallest: str
    tied: list[str]
    least_difference: float | None
    candidates: list[Candidate]


class RefittedNetwork(Answer):
    """A network that was trained again on training and validation examples."""

    of: str
    """The number of its trial, or "baseline"."""
    seed: int
    epochs: int
    study: str
    """The confirmation study, whose run the training is."""
    trial: int
    """The number of that run."""
    weight: float
    """In the ensemble; of the winner 1."""


class Refitted(Answer):
    """What was trained again, as ``hpsearch refit --json`` prints it."""

    study: str
    ensemble: bool
    networks: list[RefittedNetwork]


class Member(Answer):
    """A trained network that an ensemble was chosen from."""

    name: str
    of: str
    trial: int
    is_run: bool
    """Whether the trial is of the confirmation study."""
    seed: int
    weight: float
    value: float


class Ensemble(Answer):
    """An ensemble as ``hpsearch ensemble --json`` prints it."""

    study: str
    members: list[Member]
    metric: str
    value: float
    single: Member
    """The best network alone."""
    single_value: float
    gain: float
    gain_low: float
    gain_high: float
    gain_is_certain: bool
    cost: Table
    single_cost: Table
    device: str
    candidates: int
    examples: int
    most: int | None
    bags: int
    rounds: int
    seed: int
    version: str
    date: str


class Provenance(Answer):
    """Where results come from, as ``hpsearch show --provenance --json`` prints it."""

    name: str
    created: str | None
    forked_from: Table | None
    data_fingerprint: str | None
    split_fingerprint: str | None
    seeds: Table
    versions: Table | None
    commands: list[Table]
    machines: dict[str, Table]
    study_file: str
    """In TOML."""

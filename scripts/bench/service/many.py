"""Many submitted studies in a database, as a service has that has run for long: copies of one."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from optuna.storages._rdb import models

from hpsearch.outputs.listed import OF_COMPLETE, listed
from hpsearch.search import claims, submissions
from hpsearch.search.making import create_submitted
from hpsearch.search.storage import Storage
from hpsearch.search.storage.events import Event
from hpsearch.search.study import OpenStudy
from hpsearch.space import suggest_config
from hpsearch.study_file import StudyFile

USERS = 5
"""The studies are theirs in turn."""

NAME, USER = "bench-0", "user0"
"""Of the study that is copied."""

SUMMARY = {
    "epochs": 10, "best_epoch": 9, "train_accuracy": 0.5, "gap": 0.0, "seconds": 1.0,
    "examples_per_second": 1e5, "parameters": 10_000,
}  # fmt: skip

_FACTS = {
    "fingerprint": "f" * 64, "source": "digits", "input_shape": [64],
    "class_names": [str(digit) for digit in range(10)],
}  # fmt: skip
"""Of data that nobody reads here."""


def fill(
    storage: Storage, studies: int, trials: int, *, budget: int = 50, epochs: int = 10
) -> None:
    """Have so many submitted studies in an empty storage, whose names are "bench-0" and so on.

    Args:
        storage: with a table of events.
        studies: how many, from 1.
        trials: complete ones of each.
        budget: trials that each may have.
        epochs: reported of each trial.
    """
    study = make(storage, NAME, budget=budget, epochs=epochs)
    for number in range(trials):
        trial = claims.claim(study)
        if trial is None:
            raise AssertionError("the budget has places")
        suggest_config(study.file.space, trial)
        for epoch in range(1, epochs + 1):
            trial.report(0.5 + number % 7 / 20, epoch)
        storage.annotate(study.trial_id(trial.number), SUMMARY, listed(OF_COMPLETE))
        study.optuna.tell(trial, 0.5 + number % 7 / 20)
    if studies > 1:
        _copy(storage.engine, study.study_id, studies - 1)


def make(storage: Storage, name: str, *, budget: int, epochs: int, user: str = USER) -> OpenStudy:
    """Submit one study."""
    file = StudyFile.model_validate(
        {
            "name": name,
            "dataset": {"source": "digits"},
            "budget": {"trials": budget},
            "training": {"epochs": epochs, "precision": "float32", "early_stopping": False},
            "pruner": {"type": "none"},
            "space": {
                "layers": {"type": "int", "low": 1, "high": 3},
                "units": {"type": "int", "low": 16, "high": 256, "per_layer": True},
                "dropout": {"type": "float", "low": 0.0, "high": 0.5, "per_layer": True},
            },
        }
    )
    event = Event(who=user, what="submitted", study=name)
    return create_submitted(storage, file, _FACTS, submissions.new(user, 0), event)


def _copy(engine: sa.Engine, study_id: int, copies: int) -> None:
    """Copy a study, with its trials, in one statement for each table.

    Their keys follow that of the study, and those of its trials.
    """
    tables = {table.name: table for table in models.BaseModel.metadata.sorted_tables}
    trials = tables["trials"]
    with engine.begin() as connection:
        of_study = sa.select(sa.func.count(), sa.func.min(trials.c.trial_id))
        count, first = connection.execute(of_study.where(trials.c.study_id == study_id)).one()
        steps = {"study_id": 1, "trial_id": count}
        for table in tables.values():
            if "trial_id" in table.c and count:
                chosen = table.c.trial_id.between(first, first + count - 1)
            elif "study_id" in table.c:
                chosen = table.c.study_id == study_id
            else:
                continue
            _copy_rows(connection, table, chosen, steps, copies)


def _copy_rows(
    connection: sa.Connection,
    table: sa.Table,
    chosen: sa.ColumnElement[bool],
    steps: Mapping[str, int],
    copies: int,
) -> None:
    """Copy the rows of a table that belong to the study.

    Args:
        connection: in a transaction.
        table: one of Optuna's.
        chosen: which of its rows.
        steps: by how much a key grows from one copy to the next.
        copies: how many.
    """
    begun = sa.select(sa.literal(1).label("k")).cte("copies", recursive=True)
    numbers = begun.union_all(sa.select(begun.c.k + 1).where(begun.c.k < copies))
    k = numbers.c.k
    text = sa.cast(k, sa.Text)

    def copied(column: sa.Column[Any]) -> sa.ColumnElement[Any]:
        if column.name in steps:
            return column + k * steps[column.name]
        if column.name == "study_name":
            return sa.literal("bench-") + text
        if column.name == "value_json" and table.name == "study_user_attributes":
            user = sa.literal('"user": "user') + sa.cast(k % USERS, sa.Text) + '"'
            renamed = sa.func.replace(column, f'"name": "{NAME}"', '"name": "bench-' + text + '"')
            return sa.func.replace(renamed, f'"user": "{USER}"', user)
        return column

    own = [one for one in table.c if not one.primary_key or one.name in steps]
    rows = sa.select(*(copied(one) for one in own))
    rows = rows.select_from(sa.join(table, numbers, sa.true())).where(chosen)
    connection.execute(sa.insert(table).from_select([one.name for one in own], rows))
    (key,) = table.primary_key
    if connection.dialect.name == "postgresql" and key.name in steps:
        sequence = sa.func.pg_get_serial_sequence(table.name, key.name)
        connection.execute(
            sa.select(sa.func.setval(sequence, sa.select(sa.func.max(key)).scalar_subquery()))
        )

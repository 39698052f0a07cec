"""Statements on Optuna's tables, and what is read from their rows."""

import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from optuna.storages import RDBStorage
from optuna.storages._rdb import models
from optuna.trial import TrialState
from sqlalchemy.orm import Session

from hpsearch.errors import UnreachableError, uses_place
from hpsearch.search import attributes as attr
from hpsearch.search.shapes import Sign, typed
from hpsearch.search.storage.facts import STATES, Counts

if not (hasattr(RDBStorage, "_get_prepared_new_trial") and hasattr(RDBStorage, "_get_trials")):
    # Without the first hook new trials would start unlimited, and nobody would notice.
    raise ImportError("this version of Optuna is not known to hpsearch; install the locked one")

for _model in (models.StudyModel, models.TrialModel):
    # In databases that are made from now on: else SQLite gives the key of the newest study or trial
    # again when that is deleted (https://sqlite.org/autoinc.html).
    _model.__table__.dialect_options["sqlite"]["autoincrement"] = True

ADD_ATTRIBUTES = sa.insert(models.TrialUserAttributeModel.__table__)
"""Adds user attributes of trials; as objects they take several times as long."""


NOTE_END = sa.text(
    "INSERT INTO trial_user_attributes (trial_id, key, value_json)"
    " SELECT trial_id, :key, :clock FROM trials WHERE trial_id = :trial AND state = 'RUNNING'"
)
"""Writes when a trial ended, unless it is over already."""


def attribute_row(trial_id: int, key: str, value: Any) -> models.TrialUserAttributeModel:
    """A user attribute as Optuna stores it."""
    return models.TrialUserAttributeModel(trial_id=trial_id, key=key, value_json=json.dumps(value))


def study_attributes(
    session: Session, study_id: int, keys: Sequence[str], *, strict: bool = False
) -> dict[str, Any]:
    """User attributes of a study, as far as it has them.

    Raises:
        UnreachableError: ``strict``, and one holds something else than hpsearch writes: without it
            the study would have no limit, say.
    """
    attribute = models.StudyUserAttributeModel
    rows = session.execute(
        sa.select(attribute.key, attribute.value_json).where(
            attribute.study_id == study_id, attribute.key.in_(keys)
        )
    )
    texts: dict[str, str] = {key: text for key, text in rows}  # noqa: C416  # rows are no pairs
    found = typed(texts.items(), attr.STUDY)
    if strict and (wrong := texts.keys() - found.keys()):
        raise UnreachableError(
            f"study {study_id} of the storage: another program or a newer hpsearch has changed"
            f" {', '.join(sorted(wrong))}; no trial starts until that is undone (hpsearch ls)"
        )
    return found


def is_closed(session: Session, study_id: int) -> bool:
    """Whether a study has only trials that were put into it."""
    return bool(
        study_attributes(session, study_id, (attr.CLOSED_KEY,), strict=True).get(attr.CLOSED_KEY)
    )


def failure_of(text: str | None) -> str | None:
    """A stored class of failure."""
    rows = [] if text is None else [(attr.FAILURE_KEY, text)]
    return typed(rows, attr.TRIAL).get(attr.FAILURE_KEY)


def count_trials(session: Session, study_id: int) -> Counts:
    """How many trials of a study are in which state."""
    return counts_where(session, models.TrialModel.study_id == study_id).get(study_id, Counts())


def counts_where(session: Session, condition: sa.ColumnElement[bool]) -> dict[int, Counts]:
    """How many trials are in which state, by the key of their study; studies without any are left
    out.

    Args:
        session: reads them.
        condition: which trials are counted.
    """
    trial, attribute = models.TrialModel, models.TrialUserAttributeModel
    rows = session.execute(
        sa.select(trial.study_id, trial.state, attribute.value_json, sa.func.count())
        .outerjoin(
            attribute,
            sa.and_(attribute.trial_id == trial.trial_id, attribute.key == attr.FAILURE_KEY),
        )
        .where(condition)
        .group_by(trial.study_id, trial.state, attribute.value_json)
    )
    found: dict[int, dict[str, int]] = {}
    for study_id, state, failure, number in rows:
        name = STATES[state]
        if state == TrialState.FAIL and not uses_place(failure_of(failure)):
            name = "uncounted"
        counts = found.setdefault(study_id, {})
        counts[name] = counts.get(name, 0) + number
    return {study_id: Counts(**counts) for study_id, counts in found.items()}


def last_beat(session: Session, trial_id: int) -> datetime | None:
    """A trial's last heartbeat."""
    model = models.TrialHeartbeatModel
    query = sa.select(model.heartbeat).where(model.trial_id == trial_id)
    return session.scalar(query)


@functools.cache  # building it anew takes longer than the database does
def lock_statement(keys: tuple[str, ...]) -> sa.Update:
    """Locks the trial ``key``, if its user attributes ``keys`` have the values of these names."""
    trial = models.TrialModel.__table__
    attribute = models.TrialUserAttributeModel.__table__
    signed = (
        sa.exists().where(
            attribute.c.trial_id == trial.c.trial_id,
            attribute.c.key == name,
            attribute.c.value_json == sa.bindparam(name),
        )
        for name in keys
    )
    return (
        sa.update(trial)
        .where(trial.c.trial_id == sa.bindparam("key"), *signed)
        .values(number=trial.c.number)
    )


@functools.cache
def removal_statements() -> tuple[sa.Delete, ...]:
    """Remove the study ``key``: what refers to something before that itself.

    By the rows of whole tables: Optuna reads each trial of the study first, for minutes where there
    are many, and meanwhile nobody else may write.
    """
    key: sa.BindParameter[int] = sa.bindparam("key")
    trials = models.TrialModel.__table__
    own = sa.select(trials.c.trial_id).where(trials.c.study_id == key)
    tables = models.BaseModel.metadata.sorted_tables
    parts = [one for one in tables if "trial_id" in one.c and one is not trials]
    rest = [one for one in reversed(tables) if "study_id" in one.c]
    return (
        *(sa.delete(one).where(one.c.trial_id.in_(own)) for one in parts),
        *(sa.delete(one).where(one.c.study_id == key) for one in rest),
    )


def sign_of(text: str) -> Sign | None:
    """A stored sign of presence; None where another program wrote something else there."""
    try:
        return Sign.model_validate_json(text)
    except ValueError:
        return None


def sign_key(owner: Mapping[str, Any]) -> str:
    """The name of a process' sign; containers may share names and numbers of processes."""
    process = hashlib.sha256(
        json.dumps(owner[attr.PROCESS_KEY], sort_keys=True).encode()
    ).hexdigest()
    return f"{attr.PRESENT_PREFIX}{owner[attr.WORKER_KEY]}:{process[:8]}"

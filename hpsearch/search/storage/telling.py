"""What the service tells of its studies: which trials ended, for its metrics."""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from optuna.storages._rdb import models
from optuna.trial import TrialState
from sqlalchemy.orm import Session

from hpsearch.search.attributes import EPOCHS_KEY, SECONDS_KEY, WORKER_KEY
from hpsearch.search.storage.queued import Queued
from hpsearch.search.storage.repeating import repeatable

_WORDS = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}
_AT_ONCE = 500
"""Studies, or trials, that one query names; SQLite takes 999 values at least."""


@dataclass(frozen=True, kw_only=True)
class EndedTrial:
    """A trial that is over."""

    trial_id: int
    state: str
    """"complete", "pruned" or "failed"."""
    start: float
    """When it started, by its worker's clock, in seconds since 1970."""
    end: float
    """When it ended."""
    seconds: float
    """Of training, those of earlier trials included that it went on with; without a word of its
    worker's, from start to end."""
    epochs: int
    """That were trained; 0: not known."""
    worker: str
    """Who ran it; empty: not known."""


class Telling(Queued):
    """Queries about what has happened."""

    @repeatable
    def ended_since(self, study_ids: Sequence[int], moment: float) -> list[EndedTrial]:
        """The trials of studies that ended since a moment, the earliest first.

        Args:
            study_ids: the keys of the studies.
            moment: in seconds since 1970.
        """
        trial = models.TrialModel
        # Optuna keeps UTC, without a time zone, in columns that its properties hide.
        began, ended = trial._datetime_start_utc, trial._datetime_complete_utc  # noqa: SLF001
        since = datetime.fromtimestamp(moment, UTC).replace(tzinfo=None)
        rows: list[Any] = []
        facts: dict[int, dict[str, Any]] = {}
        with Session(self.engine) as session:
            for keys in _parts(study_ids):
                query = sa.select(trial.trial_id, trial.state, began, ended).where(
                    trial.study_id.in_(keys),
                    trial.state.in_(_WORDS),
                    ended >= since,
                    began.is_not(None),
                )
                rows += session.execute(query).all()
            for keys in _parts([row[0] for row in rows]):
                _add_facts(session, keys, facts)
        found = [_ended(*row, facts.get(row[0], {})) for row in rows]
        return sorted(found, key=lambda one: one.end)


def _parts(keys: Sequence[int]) -> list[Sequence[int]]:
    """Keys in parts that one query may name."""
    return [keys[first : first + _AT_ONCE] for first in range(0, len(keys), _AT_ONCE)]


def _add_facts(session: Session, keys: Sequence[int], facts: dict[int, dict[str, Any]]) -> None:
    """Add what the workers of trials wrote of them."""
    model = models.TrialUserAttributeModel
    wanted = (EPOCHS_KEY, SECONDS_KEY, WORKER_KEY)
    query = sa.select(model.trial_id, model.key, model.value_json)
    for trial_id, key, text in session.execute(
        query.where(model.trial_id.in_(keys), model.key.in_(wanted))
    ):
        with suppress(ValueError):
            facts.setdefault(trial_id, {})[key] = json.loads(text)


def _ended(
    trial_id: int, state: TrialState, start: datetime, end: datetime, facts: dict[str, Any]
) -> EndedTrial:
    """A trial that is over, by its row and what its worker wrote; others may have written it."""
    seconds, epochs, worker = (facts.get(k) for k in (SECONDS_KEY, EPOCHS_KEY, WORKER_KEY))
    is_known = isinstance(seconds, (int, float)) and seconds >= 0
    return EndedTrial(
        trial_id=trial_id,
        state=_WORDS[state],
        start=start.replace(tzinfo=UTC).timestamp(),
        end=end.replace(tzinfo=UTC).timestamp(),
        seconds=float(seconds) if is_known else (end - start).total_seconds(),
        epochs=epochs if isinstance(epochs, int) and epochs > 0 else 0,
        worker=worker if isinstance(worker, str) else "",
    )

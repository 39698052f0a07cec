"""Studies in the storage: found only where they are the expected ones, changed as a whole."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, ClassVar

import sqlalchemy as sa
from optuna.storages import RDBStorage
from optuna.storages._rdb import models
from sqlalchemy.orm import Session

from hpsearch.errors import StudyGoneError
from hpsearch.search.attributes import CREATED_KEY, FILE_KEY, PRESENT_PREFIX, STUDY
from hpsearch.search.database.sqlite import OpenedFile
from hpsearch.search.shapes import typed
from hpsearch.search.storage.events import Event
from hpsearch.search.storage.events import add as add_event
from hpsearch.search.storage.facts import Whole
from hpsearch.search.storage.reading import read_trials
from hpsearch.search.storage.repeating import repeatable, unless_done
from hpsearch.search.storage.rows import study_attributes


class Studies(RDBStorage):
    """Optuna's storage, in which a study that was deleted and made anew is another one.

    Attributes:
        opened: the database file, where it is one.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        """As RDBStorage."""
        self._expected: dict[int, tuple[str, str]] = {}
        """By a study's key: the name of the one that it must be, and when that was made."""
        self.opened: OpenedFile | None = None
        super().__init__(*args, **options)

    def expect(self, study_id: int, name: str, created: str) -> None:
        """From now on find, and start trials of, this study only under this key.

        Args:
            study_id: the study's key.
            name: its name.
            created: its user attribute ``CREATED_KEY``; "None" where it has none.
        """
        self._expected[study_id] = (name, created)

    def _check_same(self, study_id: int, attributes: Mapping[str, Any] | None) -> None:
        """Refuse a study that is not the one that is expected under its key.

        Args:
            study_id: the study's key.
            attributes: its user attributes; None where there is no such study.

        Raises:
            StudyGoneError: it is another one, or none.
            UnreachableError: the database file was replaced by another one.
        """
        if study_id not in self._expected:
            return
        if self.opened is not None:
            self.opened.check()
        name, created = self._expected[study_id]
        if attributes is None or str(attributes.get(CREATED_KEY)) != created:
            raise StudyGoneError(
                f"study {name}: was deleted meanwhile, with its trials; hpsearch ls lists the"
                " studies that are there"
            )

    @contextmanager
    def _finding(self, study_id: int) -> Iterator[None]:
        """Where a study is not found that is expected, say so."""
        try:
            yield
        except KeyError:
            self._check_same(study_id, None)
            raise

    @repeatable
    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        """As RDBStorage, but of no other study than the one that is expected.

        What holds something else than hpsearch writes is left out, but of other programs' studies.
        """
        texts = self.study_texts(study_id)
        found = typed(texts, STUDY if FILE_KEY in dict(texts) else {})
        self._check_same(study_id, found)
        return found

    @repeatable
    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        """As RDBStorage, but what is no JSON is left out."""
        return typed(self._texts(models.StudySystemAttributeModel, study_id), {})

    @repeatable
    def study_texts(self, study_id: int) -> list[tuple[str, str]]:
        """The user attributes of a study as they are stored: names and texts.

        Raises:
            StudyGoneError: there is no such study, and one is expected.
            KeyError: there is none.
        """
        return self._texts(models.StudyUserAttributeModel, study_id)

    def _texts(self, model: Any, study_id: int) -> list[tuple[str, str]]:
        query = sa.select(model.key, model.value_json).where(model.study_id == study_id)
        with self._finding(study_id), Session(self.engine) as session:
            models.StudyModel.find_or_raise_by_id(study_id, session)
            return [(key, text) for key, text in session.execute(query.order_by(model.key))]

    @repeatable
    def read_whole(self, study_id: int) -> "Whole":
        """All that the database holds of a study, whoever wrote it."""
        system = self.get_study_system_attrs(study_id)
        return Whole(
            user=typed(self.study_texts(study_id), {}),
            system={k: v for k, v in system.items() if not k.startswith(PRESENT_PREFIX)},
            trials=read_trials(self.engine, study_id, None, (), -1, as_written=True),
        )

    @repeatable
    def study_names(self) -> list[str]:
        """The names of all studies, the oldest first; no more of them is read."""
        query = sa.select(models.StudyModel.study_name).order_by(models.StudyModel.study_id)
        with Session(self.engine) as session:
            return list(session.scalars(query))

    @repeatable
    def ours(self, newest: int | None = None) -> list[str]:
        """The names of the studies that have a study file, in order.

        Args:
            newest: only so many, which were made last; None: all.
        """
        study, attribute = models.StudyModel, models.StudyUserAttributeModel
        query = (
            sa.select(study.study_name)
            .join(attribute, attribute.study_id == study.study_id)
            .where(attribute.key == FILE_KEY)
            .order_by(study.study_id.desc())
            .limit(newest)
        )
        with Session(self.engine) as session:
            return sorted(session.scalars(query))

    @repeatable
    def revise(
        self, study_id: int, key: str, change: Callable[[Any], Any], event: Event | None = None
    ) -> Any:
        """Change a user attribute of a study by what it was, which nobody else does meanwhile.

        Args:
            study_id: the study's key.
            key: the attribute's.
            change: told the value, None where there is none; gives the new one, or None, for which
                nothing is written.
            event: written with the change, where the service makes it.

        Returns:
            The new value.
        """
        model = models.StudyUserAttributeModel
        with Session(self.engine) as session, session.begin():
            there = self._lock_study(session, study_id)
            known = study_attributes(session, study_id, (CREATED_KEY, key))
            self._check_same(study_id, known if there else None)
            value = change(known.get(key))
            if value is None:
                return None
            of_key = sa.select(model).where(model.study_id == study_id, model.key == key)
            row = session.scalar(of_key) or model(study_id=study_id, key=key)
            row.value_json = json.dumps(value)
            session.add(row)
            if event is not None:
                add_event(session, event)
        return value

    @unless_done
    def publish(
        self, study_id: int, name: str, user: Mapping[str, Any], event: Event | None = None
    ) -> None:
        """Give a study its last user attributes and its name in one transaction.

        Args:
            study_id: the study's key.
            name: its name from now on; no other study may have it.
            user: user attributes.
            event: written with them, where the service makes the study.
        """
        with Session(self.engine) as session, session.begin():
            study = models.StudyModel.find_or_raise_by_id(study_id, session)
            for key, value in user.items():
                attribute = models.StudyUserAttributeModel
                text = json.dumps(value)
                session.add(attribute(study_id=study_id, key=key, value_json=text))
            study.study_name = name
            if event is not None:
                add_event(session, event, begins=True)

    @staticmethod
    def _lock_study(session: Session, study_id: int) -> bool:
        """Hold the write lock of SQLite, the study's row lock elsewhere; whether it is there."""
        found: Any = session.execute(
            sa.update(models.StudyModel)
            .where(models.StudyModel.study_id == study_id)
            .values(study_name=models.StudyModel.study_name)
            .execution_options(synchronize_session=False)
        )
        return bool(found.rowcount)

    def _now(self) -> sa.ColumnElement[datetime]:
        """The database's clock, in UTC, to the millisecond."""
        if self.engine.dialect.name == "sqlite":
            text = sa.func.strftime("%Y-%m-%d %H:%M:%f", "now")
            return sa.type_coerce(text, sa.DateTime)
        return sa.func.timezone("utc", sa.func.clock_timestamp(), type_=sa.DateTime)

    _head_version: ClassVar[str | None] = None

    def get_head_version(self) -> str:
        """As RDBStorage, but found out once: for it Alembic runs all of Optuna's own scripts."""
        if Studies._head_version is None:
            Studies._head_version = super().get_head_version()
        return Studies._head_version

    def checkpoint(self) -> None:
        """Have SQLite write into its file what is in the log beside it, as far as nobody waits.

        Else all of a small study may be in the log, which a copy of the file leaves behind.
        """
        if self.engine.dialect.name == "sqlite":
            with self.engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")

    def close(self) -> None:
        """Give the connections back; the object is free of them until it is used again."""
        self.remove_session()
        self.engine.dispose()

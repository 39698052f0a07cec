"""A workspace: the data home and the storage that services work in."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hpsearch.home import Home
from hpsearch.search import history
from hpsearch.search.database.engines import BUSY_TIMEOUT
from hpsearch.search.database.messages import readable_errors
from hpsearch.search.lookup import load_study
from hpsearch.search.storage import Storage
from hpsearch.search.storage.opening import open_storage
from hpsearch.search.study import OpenStudy
from hpsearch.workers.machine import git_state, machine


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """Where services find studies and leave files, and who asks them to."""

    home: Home
    storage: str | None = None
    """URL of the storage; None: ``HPSEARCH_STORAGE``, else SQLite in the home."""
    force: bool = False
    """Whether SQLite is opened on a network file system, too."""
    command: Sequence[str] = ("from", "Python")
    """What the histories of studies say that touched them: words behind ``hpsearch``."""

    @property
    def url(self) -> str:
        """The storage's URL."""
        return self.home.storage_url(self.storage)

    @contextmanager
    def opened(
        self, *, create: bool = False, read_only: bool = False, patience: float = BUSY_TIMEOUT
    ) -> Iterator[Storage]:
        """The storage; whatever a database says within the block becomes one message.

        The options are those of ``hpsearch.search.storage.opening.open_storage``, with its errors.
        """
        with readable_errors(self.url):
            storage = open_storage(
                self.url, create=create, read_only=read_only, force=self.force, patience=patience
            )
            try:
                yield storage
            finally:
                storage.close()

    @contextmanager
    def study(self, name: str, *, writes: bool = False) -> Iterator[OpenStudy]:
        """A study, for a service that looks at it, or ``writes`` something into it.

        Raises:
            UnknownStudyError: the storage has none of that name.
        """
        with self.opened(read_only=not writes) as storage:
            yield load_study(storage, name)

    def record(self, study: OpenStudy, file: Path | None = None) -> None:
        """Note in the history of a study that the command touches it.

        Args:
            study: the study.
            file: the study file that was given; None: there was none.
        """
        git = None if file is None else git_state(file.absolute().parent)
        history.record(study, self.command, machine(), git=git)

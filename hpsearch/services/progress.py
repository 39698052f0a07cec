"""Progress: what services tell while they work, to whoever shows it."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Protocol

from hpsearch.data.arrays import Progress as Steps
from hpsearch.data.arrays import silent

if TYPE_CHECKING:
    from hpsearch.search.study import OpenStudy
    from hpsearch.training.outcome import Epoch


class Progress(Protocol):
    """Shows how far a service has come."""

    def say(self, text: str) -> None:
        """A line that tells what begins, what to know, or what to be warned of."""

    def steps(self) -> AbstractContextManager[Steps]:
        """Counts something while the block runs, such as examples that are imported."""

    def epoch(self, epoch: "Epoch", epochs: int) -> None:
        """An epoch that was trained, of so many."""


class View(Protocol):
    """Shows a study while workers run it."""

    def tick(self) -> None:
        """Called about twice a second."""

    def say(self, text: str) -> None:
        """A line beside what is shown."""


class SearchProgress(Progress, Protocol):
    """Shows studies that are run, too."""

    def follow(self, study: "OpenStudy") -> AbstractContextManager[View]:
        """Shows a study while the block runs."""


class Silent(SearchProgress, View):
    """Progress that shows nothing."""

    def say(self, text: str) -> None:
        """Tells nobody."""

    def epoch(self, epoch: "Epoch", epochs: int) -> None:
        """Tells nobody."""

    def tick(self) -> None:
        """Shows nothing."""

    @contextmanager
    def steps(self) -> Iterator[Steps]:
        """Counts, but tells nobody."""
        yield silent

    @contextmanager
    def follow(self, study: "OpenStudy") -> Iterator[View]:
        """Runs the block."""
        yield self

"""Work beside the requests, in a thread: it goes on where the storage was away."""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from hpsearch.errors import HpsearchError
from hpsearch.search.database.messages import readable_errors
from hpsearch.server.logs import told

AGAIN = 1.0
"""Seconds between two steps, at most, while something cannot be reached."""


class Background:
    """A step that is taken again and again, until the end.

    Attributes:
        name: of it, for the log.
        is_away: whether its last step could not reach something.
        is_vital: whether the service is not ready then; it takes a last step when it is to end.
        error: what ended it by itself: a fault of the program.
    """

    def __init__(
        self,
        name: str,
        step: Callable[[], None],
        url: str,
        *,
        every: float = 1.0,
        is_vital: bool = True,
        at_end: Callable[[], None] = lambda: None,
    ) -> None:
        """Args: its name; what it does; the storage's URL; seconds between two steps; whether the
        service is not ready while it cannot reach something; what it does after its last step.
        """
        self.is_vital = is_vital
        self.name = name
        self.error: BaseException | None = None
        self.is_away = False
        self._step, self._url, self._every, self._at_end = step, url, every, at_end
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._log = logging.getLogger(__name__)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def end(self, within: float) -> None:
        """Have it end after the step that it is in.

        Args:
            within: seconds to wait for that; it ends with the process in any case.
        """
        self._over.set()
        self._thread.join(within)

    def _run(self) -> None:
        try:
            while not self._over.is_set():
                self.try_step()
                self._over.wait(min(self._every, AGAIN) if self.is_away else self._every)
            if self.is_vital:
                self.try_step()  # a last one: the journal has the end of all
        except BaseException as error:  # noqa: BLE001  # whatever it is, /readyz tells of it
            self.error = error
            self._log.exception("%s ended", self.name, extra=told("fault", part=self.name))
        finally:
            self._at_end()

    def try_step(self) -> None:
        """Take a step; where something cannot be reached, say so once, and leave it at that."""
        try:
            with readable_errors(self._url):
                self._step()
        except HpsearchError as error:
            if not self.is_away:
                self._log.warning("%s: %s", self.name, error, extra=told("away", part=self.name))
            self.is_away = True
            return
        if self.is_away:
            self._log.info("%s goes on", self.name, extra=told("back", part=self.name))
        self.is_away = False


@contextmanager
def running(parts: Sequence[Background], within: float) -> Iterator[None]:
    """Have parts work while the block runs.

    Args:
        parts: what works beside it.
        within: seconds that each has to end.
    """
    for part in parts:
        part.start()
    try:
        yield
    finally:
        for part in parts:
            part.end(within)

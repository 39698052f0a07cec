"""Places: the slots of this box, each with the worker in it and whom it counts for."""

from dataclasses import dataclass
from typing import Any

from hpsearch.search.study import OpenStudy
from hpsearch.server.child import Assignable
from hpsearch.server.policy import Held


@dataclass
class Place:
    """A slot of this box, and the worker in it."""

    child: Assignable
    study: OpenStudy | None = None
    """The study that the worker works for; None: it waits, or there is none."""
    user: str = ""
    since: float = 0.0
    """When it began to (``time.time``), for readers."""
    began: float = 0.0
    """The same moment by a clock that nobody sets (``time.monotonic``)."""
    counted: int = 0
    """Trials that the study had counted then."""
    passes_to: Held | None = None
    """Whose turn is next: the worker takes no further trial."""
    asked_at: float | None = None
    """When the worker was asked to leave within an epoch (``time.monotonic``)."""
    ask_again: float = 0.0
    """When it is to be asked again."""

    @property
    def held(self) -> Held | None:
        """Whom the slot counts for: who is next in it, where that is decided."""
        if self.study is None:
            return None
        return self.passes_to or Held(study=self.study.name, user=self.user)

    def clear(self) -> None:
        """Note that the worker works for no study any more."""
        self.study, self.user, self.since = None, "", 0.0
        self.passes_to, self.asked_at = None, None

    def plain(self) -> dict[str, Any]:
        """The slot as JSON."""
        return {
            "slot": self.child.slot.index,
            "device": self.child.slot.device,
            "study": None if self.study is None else self.study.name,
            "user": self.user or None,
            "worker": self.child.worker,
            "since": self.since or None,
            "next": None if self.passes_to is None else self.passes_to.study,
        }

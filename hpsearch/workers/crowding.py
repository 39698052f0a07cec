"""Crowding: a GPU on which a worker ran out of memory is shared by one worker fewer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from hpsearch.search.attributes import ALONE_KEY, WORKER_KEY, origin
from hpsearch.search.trials import Trial, is_running
from hpsearch.workers.child import Child
from hpsearch.workers.slots import Slot, share_of


@dataclass
class Crowding:
    """Looks for workers that ran out of memory among a supervisor's."""

    children: Sequence[Child]
    on_fewer: Callable[[Slot, int], None]
    """Called when a GPU gets fewer workers; told the GPU's slot and how many there are."""
    _known: set[int] = field(default_factory=set)
    """Trials that ran out of memory, by the first one's number where they go on for another."""

    def look(self, trials: Sequence[Trial]) -> None:
        """Share a GPU among one worker fewer where a trial has run out of memory.

        Args:
            trials: all of the study, as they are now.
        """
        names = {child.worker: child for child in self.children if child.worker is not None}
        for trial in trials:
            if not (is_running(trial) and trial.user_attrs.get(ALONE_KEY)):
                continue
            child = names.get(str(trial.user_attrs.get(WORKER_KEY)))
            if child is not None and origin(trial) not in self._known:
                self._known.add(origin(trial))
                self._thin_out(child)

    def _thin_out(self, crowded: Child) -> None:
        """Retire one worker of a GPU; all but the crowded one start anew.

        That one has the device alone now, and leaves by itself after its trial.
        """
        gpu = crowded.slot.gpu
        others = [
            c for c in self.children
            if c is not crowded and c.slot.gpu == gpu and not c.is_retired
        ]  # fmt: skip
        if gpu is None or not others:
            return
        others[-1].is_retired = True
        for child in (crowded, *others):
            child.slot = replace(child.slot, memory_limit=share_of(gpu, len(others)))
        for child in others:
            child.ask_to_leave()
        self.on_fewer(crowded.slot, len(others))

"""Stopping: a study's workers, wherever they are, are asked to leave."""

import time
from dataclasses import dataclass

from hpsearch.search.budget import ending, request_stop, stops_over
from hpsearch.search.storage import LEASE, Counts
from hpsearch.search.study import OpenStudy
from hpsearch.search.trials import live_workers
from hpsearch.services.progress import Progress
from hpsearch.services.workspace import Workspace
from hpsearch.workers.lease import Observer, mend
from hpsearch.workers.presence import is_heard_of

_TICK = 0.5
"""Seconds between two looks at who is still there."""


@dataclass(frozen=True, kw_only=True)
class Stopped:
    """How a study stands when all of its workers have left."""

    counts: Counts
    trials: int
    """Of its budget."""
    is_over: bool
    """Whether the study has ended."""


def stop(
    study: str, workspace: Workspace, progress: Progress, *, now: bool = False
) -> Stopped | None:
    """Ask all workers of a study to save their trials and exit; waits until they have.

    Args:
        study: its name.
        workspace: home and storage.
        progress: is told who is waited for.
        now: have them leave at once: progress since a trial's last checkpoint is lost.

    Returns:
        How it stands; None where a new run has started since.

    Raises:
        InputError: an unknown study.
    """
    with workspace.study(study, writes=True) as found:
        number = request_stop(found, "now" if now else "leave")
        observer, said, last = Observer(), time.monotonic(), None
        while True:
            mend(found, observer)
            workers = _workers(found)
            if not workers:
                break
            if stops_over(found) >= number:
                return None
            # One who is gone without a word is waited for until its lease has run out.
            if len(workers) != last or time.monotonic() - said > 10:
                last, said = len(workers), time.monotonic()
                who = ", ".join(workers)
                progress.say(f"Waiting for {who}; {LEASE:.0f} s for one without a heartbeat.")
            time.sleep(_TICK)
        is_over = ending(found) is not None
        return Stopped(counts=found.counts(), trials=found.budget.trials, is_over=is_over)


def _workers(study: OpenStudy) -> list[str]:
    """Who is still there, for a reader: workers with their trials; runs, and idle workers."""
    running = [worker for worker in live_workers(study) if worker["worker"]]
    named = {one["worker"] for one in running}
    signs = filter(is_heard_of, study.storage.present(study.study_id))
    return [
        *(f"{one['worker']} (trial {one['trial']})" for one in running),
        *sorted({str(one.owner["worker"]) for one in signs} - named),
    ]

"""``hpsearch stop``: asks a study's workers, wherever they are, to leave."""

import time
from typing import Annotated

import typer

from hpsearch.cli.common import (
    HomeOption,
    StorageOption,
    StudyArgument,
    opened_study,
    say,
    tell,
)
from hpsearch.text import plural

_TICK = 0.5
"""Seconds between two looks at who is still there."""


def stop(
    study: StudyArgument,
    now: Annotated[
        bool,
        typer.Option("--now", help="At once: progress since a trial's last checkpoint is lost."),
    ] = False,
    home: HomeOption = None,
    storage: StorageOption = None,
) -> None:
    """Ask all workers of a study to save their trials and exit; waits until they have."""
    from hpsearch.search.budget import ending, request_stop, stops_over
    from hpsearch.search.storage import LEASE
    from hpsearch.search.trials import live_workers
    from hpsearch.workers.lease import Observer, mend
    from hpsearch.workers.presence import is_heard_of

    with opened_study(study, home, storage, writes=True) as found:
        number = request_stop(found, "now" if now else "leave")
        observer, said, last = Observer(), time.monotonic(), None
        while True:
            mend(found, observer)
            running = [worker for worker in live_workers(found) if worker["worker"]]
            workers = [f"{one['worker']} (trial {one['trial']})" for one in running]
            named = {one["worker"] for one in running}
            # Runs, and workers between two trials.
            signs = filter(is_heard_of, found.storage.present(found.study_id))
            workers += sorted({str(one.owner["worker"]) for one in signs} - named)
            if not workers:
                break
            if stops_over(found) >= number:
                tell(f"Study {study} was asked to stop, but a new run has started since.")
                return
            # One who is gone without a word is waited for until its lease has run out.
            if len(workers) != last or time.monotonic() - said > 10:
                last, said = len(workers), time.monotonic()
                say(f"Waiting for {', '.join(workers)}; {LEASE:.0f} s for one without a heartbeat.")
            time.sleep(_TICK)
        counts, trials, over = found.counts(), found.budget.trials, ending(found)
    done = f"{counts.counted} of {plural(trials, 'trial')} done"
    waiting = f", {counts.waiting} waiting" if counts.waiting else ""
    resume = "" if over else f"{waiting}. To resume it: hpsearch run FILE"
    tell(f"Stopped study {study}: {done}{resume}")

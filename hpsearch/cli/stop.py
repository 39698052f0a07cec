"""``hpsearch stop``: asks a study's workers, wherever they are, to leave."""

import time
from typing import Annotated

import typer

from hpsearch.cli.common import HomeOption, StorageOption, StudyArgument, opened_study, say

_TICK = 0.5
"""Seconds between two looks at who is still there."""


def stop(
    study: StudyArgument,
    now: Annotated[
        bool, typer.Option("--now", help="At once: what came after a trial's checkpoint is lost.")
    ] = False,
    home: HomeOption = None,
    storage: StorageOption = None,
) -> None:
    """Ask all workers of a study to save where their trials stand, and leave; waits for them."""
    from hpsearch.search.budget import ending, request_stop, stops_over
    from hpsearch.search.trials import live_workers
    from hpsearch.workers.lease import LEASE, Observer, mend

    with opened_study(study, home, storage, writes=True) as found:
        number = request_stop(found, "now" if now else "leave")
        observer, said, last = Observer(), time.monotonic(), None
        while True:
            mend(found, observer)
            workers = [worker for worker in live_workers(found) if worker["worker"]]
            if not workers:
                break
            if stops_over(found) >= number:
                typer.echo(f"Study {study} was asked to stop, but a run has begun since then.")
                return
            # One who is gone without a word is waited for until its lease has run out.
            if len(workers) != last or time.monotonic() - said > 10:
                last, said = len(workers), time.monotonic()
                listed = ", ".join(f"{w['worker']} (trial {w['trial']})" for w in workers)
                say(f"Waiting for {listed}, for {LEASE:.0f} s where one gives no sign of life.")
            time.sleep(_TICK)
        counts, trials, over = found.counts(), found.budget.trials, ending(found)
    goes_on = "" if over else f", {counts.waiting} wait to go on. hpsearch run FILE goes on"
    typer.echo(f"Stopped study {study}: {counts.counted} of {trials} trials are done{goes_on}.")

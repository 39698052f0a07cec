"""Processes that write what workers of other machines write: trials, reports, signs of life."""

import multiprocessing
import os
import random
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from multiprocessing.synchronize import Event

from many import SUMMARY

from hpsearch.outputs.listed import OF_COMPLETE, listed
from hpsearch.search import budget, claims
from hpsearch.search.lookup import load_study
from hpsearch.search.storage.opening import open_storage
from hpsearch.space import suggest_config
from hpsearch.workers.identity import identity
from hpsearch.workers.lease import HeartbeatThread


def write_trials(url: str, name: str, epochs: int, epoch: float, over: Event) -> None:
    """One worker: claims trials and reports of them, until it is told to end.

    Args:
        url: of the storage.
        name: the study's.
        epochs: of each trial.
        epoch: seconds of each.
        over: set when it is to end.
    """
    os.setsid()  # as the workers of a service
    with closing(open_storage(url, create=False)) as storage:
        storage.owner = identity()
        study = load_study(storage, name)
        heartbeat = HeartbeatThread(study)
        heartbeat.start()
        over.wait(random.random() * epoch)  # noqa: S311  # no secret
        while not over.is_set() and budget.ending(study) is None:
            trial = claims.claim(study)
            if trial is None:
                break
            suggest_config(study.file.space, trial)
            with heartbeat.alive(trial.number):
                for number in range(1, epochs + 1):
                    over.wait(epoch)
                    trial.report(random.random(), number)  # noqa: S311  # no secret
                storage.annotate(study.trial_id(trial.number), SUMMARY, listed(OF_COMPLETE))
                study.optuna.tell(trial, random.random())  # noqa: S311  # no secret
        heartbeat.end()
        heartbeat.join()


@contextmanager
def writing(url: str, names: list[str], epochs: int = 10, epoch: float = 0.25) -> Iterator[None]:
    """A worker for each of some studies while the block runs."""
    context = multiprocessing.get_context("spawn")
    over = context.Event()
    processes = [
        context.Process(target=write_trials, args=(url, name, epochs, epoch, over), daemon=True)
        for name in names
    ]
    for process in processes:
        process.start()
    time.sleep(2.0)  # each imports what a worker needs
    try:
        yield
    finally:
        over.set()
        for process in processes:
            process.join(30)

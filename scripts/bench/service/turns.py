"""Runs forty studies of five users on a service, and compares it with the policy on paper.

    .venv/bin/python scripts/bench/service/turns.py [--real]

Each user submits eight studies of several priorities at random moments of half a minute; trials
take from a quarter of a second to two seconds by a quick trainer on four slots (``--real``: they
are networks on digits, on two slots). The service's times are shortened with them (``turning.py``).
When all is done, every study must have exactly its budget's trials, each complete and none twice.
Then the same submits are reckoned on paper (``reckoning.py``) with the trials as long as they were,
and fifty times with trials up to a tenth longer or shorter: so much is a matter of luck.
Told by user: the mean wait from the submit to the first trial, its share of the slots in the first
half of the time, and when its last trial ended. Results: results/service-turns.csv and .md
(service-turns-real) beside the other benchmarks'.
"""

import argparse
import itertools
import json
import random
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from datetime import UTC
from pathlib import Path
from statistics import fmean

sys.path += [str(Path(__file__).parents[1]), str(Path(__file__).parents[2] / "faults")]

import turning
from process import VARIABLE, Settings
from reckoning import Job, Reckoning, Slot, Span
from record import Row, write  # of the folder above
from running import Running, running, wait_until

from hpsearch.home import Home
from hpsearch.search.attributes import WORKER_KEY
from hpsearch.search.lookup import load_study
from hpsearch.search.storage import Storage
from hpsearch.search.storage.opening import open_storage
from hpsearch.search.study import OpenStudy

USERS, STUDIES, TRIALS, WITHIN = 5, 8, 6, 30.0
"""Users, studies of each, trials of each study; and the seconds within which they are submitted."""
PRIORITIES = (-2, -1, -1, 0, 0, 0, 1, 2)
"""Of each user's studies, in an order of its own; an administrator gives those above 0."""
JITTERS = 50
"""Reckonings with trials up to a tenth longer or shorter than they were."""
EPOCH = 0.05
"""Seconds of an epoch of the quick trainer."""


def submit_all(service: Running, dice: random.Random) -> None:
    """Submit all studies, each at its moment."""
    moments = []
    for user in range(USERS):
        for number, priority in enumerate(dice.sample(PRIORITIES, STUDIES)):
            name = f"user{user}-{number}"
            moments.append((dice.uniform(0, WITHIN), name, f"user{user}", priority))
    began = time.monotonic()
    for moment, name, whose, priority in sorted(moments):
        time.sleep(max(0.0, began + moment - time.monotonic()))
        service.submit(
            name, trials=TRIALS, epochs=dice.randint(5, 40), user=whose, priority=min(priority, 0)
        )
        if priority > 0:
            path = f"/v1/studies/{name}"
            service.client.patch(path, json={"priority": priority}).raise_for_status()


def ran(study: OpenStudy, user: str, first: float) -> list[Span]:
    """The trials of a study that have ended, in the order of their starts.

    Args:
        study: the study.
        user: whose it is.
        first: the moment of the first submit, in seconds since 1970.
    """
    workers = {one.number: one.user_attrs.get(WORKER_KEY, "") for one in study.trials()}
    spans = []
    for trial in study.trial_summaries():
        if trial.start is not None and trial.end is not None:
            both = (moment.replace(tzinfo=UTC) for moment in (trial.start, trial.end))
            start, end = (moment.timestamp() - first for moment in both)
            worker = workers[trial.number]
            spans.append(Span(study=study.name, user=user, start=start, end=end, worker=worker))
    return sorted(spans, key=lambda span: span.start)


def found(storage: Storage) -> tuple[dict[str, Job], list[Span], list[str]]:
    """What was submitted, how the trials ran, and what is wrong with that."""
    jobs, spans, wrong = dict[str, Job](), list[Span](), list[str]()
    submitted = storage.submitted()
    first = min(one.submission.queued for one in submitted)
    for one in submitted:
        study, submission = load_study(storage, one.name), one.submission
        own, counts = ran(study, submission.user, first), study.counts()
        if (submission.state, counts.complete, len(own)) != ("done", TRIALS, TRIALS):
            wrong.append(f"{one.name}: {submission.state}, {counts}")
        spans += own
        jobs[one.name] = Job(
            user=submission.user,
            priority=submission.priority,
            submitted=submission.queued - first,
            trials=tuple(span.end - span.start for span in own),
        )
    if len(jobs) != USERS * STUDIES:
        wrong.append(f"{len(jobs)} studies in place of {USERS * STUDIES}")
    return jobs, sorted(spans, key=lambda span: span.start), wrong


def between(spans: Sequence[Span]) -> tuple[float, float]:
    """Mean seconds between two trials of a worker: of one study, and of two of them.

    Gaps of more than two seconds are those of workers that had nothing to do.
    """
    gaps: dict[bool, list[float]] = {True: [], False: []}
    workers = {span.worker for span in spans}
    for worker in workers:
        own = [span for span in spans if span.worker == worker]
        for one, other in itertools.pairwise(own):
            if (gap := other.start - one.end) < 2:
                gaps[one.study == other.study].append(gap)
    return fmean(gaps[True]), fmean(gaps[False])


def told(jobs: Mapping[str, Job], spans: Sequence[Span], half: float) -> dict[str, list[float]]:
    """By user: mean wait, share of the slots until some moment, when the last trial ended."""
    starts = {name: min(s.start for s in spans if s.study == name) for name in jobs}
    users = sorted({job.user for job in jobs.values()})
    used = {
        user: sum(max(0.0, min(half, s.end) - s.start) for s in spans if s.user == user)
        for user in users
    }
    return {
        user: [
            fmean(starts[name] - job.submitted for name, job in jobs.items() if job.user == user),
            100 * used[user] / sum(used.values()),
            max(span.end for span in spans if span.user == user),
        ]
        for user in users
    }


def by_priority(jobs: Mapping[str, Job], spans: Sequence[Span]) -> dict[str, list[float]]:
    """By priority: mean wait from the submit to the first trial."""
    starts = {name: min(s.start for s in spans if s.study == name) for name in jobs}
    waits = defaultdict[int, list[float]](list)
    for name, job in jobs.items():
        waits[job.priority].append(starts[name] - job.submitted)
    return {f"priority {priority}": [fmean(waits[priority])] for priority in sorted(waits)}


def on_paper(
    jobs: Mapping[str, Job], slots: int, pauses: tuple[float, float], dice: random.Random | None
) -> list[Span]:
    """The trials as the policy has them.

    Args:
        jobs: what was submitted.
        slots: how many.
        pauses: as :func:`between` has them.
        dice: makes each trial up to a tenth longer or shorter; None: as long as they were.
    """
    if dice is not None:
        jobs = {
            name: replace(job, trials=tuple(t * dice.uniform(0.9, 1.1) for t in job.trials))
            for name, job in jobs.items()
        }
    return Reckoning(
        jobs=jobs,
        slots=[Slot() for _ in range(slots)],
        between=pauses,
        look_every=turning.PASS_EVERY,
    ).run()


def compared(jobs: Mapping[str, Job], spans: Sequence[Span], slots: int) -> list[Row]:
    """How it was beside how the policy has it, also if trials had been a little longer or shorter:
    who waits longest of two is often a matter of moments.
    """
    pauses, half = between(spans), max(span.end for span in spans) / 2
    dice = random.Random(0)  # noqa: S311  # no secret

    def facts(found: Sequence[Span]) -> dict[str, list[float]]:
        return told(jobs, found, half) | by_priority(jobs, found)

    was, reckoned = facts(spans), facts(on_paper(jobs, slots, pauses, None))
    others = [facts(on_paper(jobs, slots, pauses, dice)) for _ in range(JITTERS)]
    rows: list[Row] = [
        ("between two trials of one study, mean", 1000 * pauses[0], "ms"),
        ("between two trials of two studies, mean", 1000 * pauses[1], "ms"),
    ]
    whats = (("mean wait", "s"), ("share of the first half", "%"), ("last trial ended", "s"))
    for who in was:
        for index, (what, unit) in enumerate(whats[: len(was[who])]):
            around = [one[who][index] for one in others]
            rows += [
                (f"{who}: {what}", was[who][index], unit),
                (f"{who}: {what}, reckoned", reckoned[who][index], unit),
                (f"{who}: {what}, reckoned, least of {JITTERS}", min(around), unit),
                (f"{who}: {what}, reckoned, most of {JITTERS}", max(around), unit),
            ]
    return rows


def main() -> None:
    """Run it, and write the table; exit code 1 where a budget is not exact."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--real", action="store_true", help="train networks, on two slots")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    turning.shorten()  # on paper, too
    slots = 2 if given.real else 4
    users = [f"user{user}" for user in range(USERS)]
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "home")
        settings = Settings(
            journal=str(Path(folder) / "journal"), beat=5.0, lease=60.0, checkpoint=60.0,
            epoch=EPOCH, real=given.real,
        )  # fmt: skip
        with running(
            home, workers=slots, users=users, program=(turning.__file__,),
            environment={VARIABLE: json.dumps(asdict(settings))},
        ) as service:  # fmt: skip
            wait_until(service.is_warm, "warm workers")
            submit_all(service, random.Random(given.seed))  # noqa: S311  # no secret
            wait_until(service.is_over, "the end of all studies")
        with closing(open_storage(home.storage_url())) as storage:
            jobs, spans, wrong = found(storage)
        ended = (home.root.parent / "journal").read_text(encoding="utf-8").count("\n")
    if ended != len(spans):
        wrong.append(f"{ended} trials were ended, and {len(spans)} are there")
    if wrong:
        sys.exit("\n".join(wrong))
    rows: list[Row] = [("studies, budgets exact", len(jobs), ""), ("trials", len(spans), "")]
    rows += compared(jobs, spans, slots)
    name = "service/turns-real" if given.real else "service/turns"
    print(write(name, f"{USERS * STUDIES} studies of {USERS} users on {slots} slots", rows))


if __name__ == "__main__":
    main()

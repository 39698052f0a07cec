"""What must hold of studies, trials and uploads when all faults of the service's run are over."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from disturbed import Disturbed
from users import Told

from hpsearch.client.sent import sha256_of
from hpsearch.search import submissions
from hpsearch.search.lookup import load_study
from hpsearch.search.storage import Storage
from hpsearch.search.storage.opening import open_storage
from hpsearch.services.received import DATA, FACTS
from hpsearch.services.upload_folder import listed

_ALL = 1_000_000
"""More events than a run has."""


def broken(service: Disturbed, told: Told, trials: int, tokens: Mapping[str, str]) -> Iterator[str]:
    """What does not hold, while the service has nothing to do.

    Args:
        service: it answers.
        told: what users were told.
        trials: the budget of each study.
        tokens: of the users, by name.
    """
    storage = open_storage(service.url)
    yield from _of_studies(storage, told, trials)
    yield from _of_trials(storage, told, service.journal)
    for user, token in tokens.items():
        yield from _of_uploads(service, storage, told, user, token)
    yield from _of_folder(service.home.uploads, told)
    for log in service.home.root.rglob("*.log"):
        if "resumed from something" in log.read_text(errors="replace"):
            yield f"{log}: resumed elsewhere"
    storage.close()


def _of_studies(storage: Storage, told: Told, trials: int) -> Iterator[str]:
    """Each study that was acknowledged is there once and done, its budget is met exactly."""
    for name, acts in told.studies.items():
        study = load_study(storage, name)
        counts, state = study.counts(), submissions.submission_of(study).state
        events = [event.what for event in storage.events(name, most=_ALL)]
        if (counts.counted, counts.running, counts.waiting) != (trials, 0, 0) or state != "done":
            yield f"{name}: {state}, {counts}"
        if events.count("submitted") != 1:
            yield f"{name}: submitted {events.count('submitted')} times"
        # What was done and not acknowledged may be there besides; who asks again does it twice.
        for act, times in Counter(acts).items():
            if events.count(act) < times:
                yield f"{name}: {act} {times} times, noted {events.count(act)} times"
    if set(storage.study_names()) != set(told.studies):
        yield f"studies: {storage.study_names()}"


def _of_trials(storage: Storage, told: Told, journal: Path) -> Iterator[str]:
    """No trial was ended by two workers, and what one was told of its end stands."""
    found = {
        study.trial_id(trial.number): trial
        for study in (load_study(storage, name) for name in told.studies)
        for trial in study.trials()
    }
    ended: dict[int, dict[str, Any]] = {}
    for line in map(json.loads, journal.read_text(encoding="utf-8").splitlines()):
        if line["id"] in ended:
            yield f"trial {line['id']}: ended twice, {ended[line['id']]}, {line}"
        ended[line["id"]] = line
        there = found.get(line["id"])
        if there is None or there.state.name != line["state"]:
            yield f"trial {line['id']}: was told {line}, is {there}"
        elif line["values"] is not None and list(there.values) != line["values"]:
            yield f"trial {line['id']}: was told {line}, has {there.values}"


def _of_uploads(
    service: Disturbed, storage: Storage, told: Told, user: str, token: str
) -> Iterator[str]:
    """Each upload that a user was told is there is listed, with its bytes, and noted."""
    rows = json.loads(service.ask(token, "GET", "/v1/datasets").body)
    there = {one["name"]: one["sha256"] for one in rows}
    sent = {name: digest for (owner, name), digest in told.uploads.items() if owner == user}
    if there != sent:
        yield f"uploads of {user}: {there} in place of {sent}"
    events = storage.events(most=_ALL)
    noted = sum(event.who == user and event.what == "uploaded" for event in events)
    if noted < len(sent):
        yield f"uploads of {user}: {noted} of {len(sent)} are noted"


def _of_folder(root: Path, told: Told) -> Iterator[str]:
    """Each content lies there once, with the bytes that were sent, and nothing else does."""
    kinds = {digest: name.rpartition(".")[2] for (_, name), digest in told.uploads.items()}
    wanted = {f"names/{owner}/{name}.json" for owner, name in told.uploads}
    for digest, kind in kinds.items():
        folder = f"contents/{digest}.{kind}"
        wanted |= {f"{folder}/{DATA}.{kind}", f"{folder}/{FACTS}"}
        if sha256_of(root / folder / f"{DATA}.{kind}") != digest:
            yield f"{folder}: has other bytes than were sent"
    files = {str(one.relative_to(root)) for one in root.rglob("*") if one.is_file()} - {".lock"}
    if files != wanted:
        yield f"{root}: {files - wanted} is left, {wanted - files} is gone"
    yield from (f"{one}: is left" for one in listed(root / "arriving"))

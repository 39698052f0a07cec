"""``python -m hpsearch.services.forked FOLDER HOME``: a fork for a service, in its own process.

To take over thousands of trials keeps a processor busy for seconds, in which a service would answer
nobody. The folder holds what is asked for, and in the end what was taken over; the storage stands
in the environment.
"""

import json
import os
import sys
import tempfile
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hpsearch.environment import STORAGE_VARIABLE, python
from hpsearch.errors import EXIT_OK, HpsearchError, InputError
from hpsearch.home import Home
from hpsearch.outputs.copies import Copies
from hpsearch.parsing import parse
from hpsearch.search import fork as forks
from hpsearch.search.attributes import SUBMISSION_KEY
from hpsearch.search.database.messages import readable_errors
from hpsearch.search.lookup import load_study
from hpsearch.search.storage.events import Event, Notice
from hpsearch.search.storage.opening import open_storage
from hpsearch.search.study import OpenStudy
from hpsearch.services.apart import LONGEST, run_program
from hpsearch.services.workspace import Workspace
from hpsearch.study_file import StudyFile

FEW = 300
"""Trials of a study that are taken over at once: in less time than a process takes to start."""

ASKED, TAKEN = "asked.json", "taken.json"
"""The files of the folder."""


def fork(
    old: OpenStudy,
    file: StudyFile,
    dataset: Mapping[str, Any],
    workspace: Workspace,
    *,
    submission: Mapping[str, Any],
    event: Event,
) -> dict[str, Any]:
    """Make and queue the study of a file with all trials of another one that are valid in it.

    Args:
        old: the other one.
        file: the new study's file.
        dataset: the facts of its data.
        workspace: home and storage.
        submission: what the service is to know of it.
        event: tells of it.

    Returns:
        What was taken over and left, as JSON (:meth:`hpsearch.search.fork.Plan.plain`).

    Raises:
        StudyExistsError: the name is taken.
        InputError: as :func:`hpsearch.search.fork.fork`.
        UnreachableError: the trials' files cannot be copied; another event has the key of this one.
    """
    if old.storage.get_n_trials(old.study_id) <= FEW:
        return _fork(old, file, dataset, workspace.home, submission=submission, event=event)
    asked = {
        "old": old.name,
        "file": file.model_dump(mode="json"),
        "dataset": dict(dataset),
        "submission": dict(submission),
        "event": asdict(event),
    }
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / ASKED).write_text(json.dumps(asked), encoding="utf-8")
        words = python("-m", "hpsearch.services.forked", folder, str(workspace.home.root))
        told = {STORAGE_VARIABLE: workspace.url}
        try:
            run_program(words, f"study {file.name}: the fork", LONGEST, told)
        except InputError:
            forks.refuse_taken(old.storage, file.name)
            raise
        found: dict[str, Any] = json.loads((Path(folder) / TAKEN).read_text(encoding="utf-8"))
    return found


def _fork(
    old: OpenStudy,
    file: StudyFile,
    dataset: Mapping[str, Any],
    home: Home,
    *,
    submission: Mapping[str, Any],
    event: Event,
) -> dict[str, Any]:
    """As :func:`fork`, by this process."""
    attrs = {SUBMISSION_KEY: dict(submission)}
    _, plan = forks.fork(old, file, dataset, Copies(home), attrs=attrs, event=event)
    return plan.plain()


def main(folder: Path, home: Home) -> int:
    """Do what the folder asks for; gives the exit code."""
    asked = json.loads((folder / ASKED).read_text(encoding="utf-8"))
    told, url = asked["event"], os.environ[STORAGE_VARIABLE]
    event = Event(**told | {"notice": told["notice"] and Notice(**told["notice"])})
    file = parse(StudyFile, asked["file"], "study")
    try:
        # Whether SQLite may lie on a network file system was asked by who serves it.
        with readable_errors(url), closing(open_storage(url, create=False, force=True)) as storage:
            old = load_study(storage, asked["old"])
            own = {"submission": asked["submission"], "event": event}
            taken = _fork(old, file, asked["dataset"], home, **own)
    except HpsearchError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    (folder / TAKEN).write_text(json.dumps(taken), encoding="utf-8")
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Home(Path(sys.argv[2]))))

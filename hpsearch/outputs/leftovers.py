"""Leftovers: what trials keep on this machine's disk, and removing what nobody needs any more."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from hpsearch.files import partial_of
from hpsearch.home import CHECKPOINTS, CURVES, INPUTS, WEIGHTS, Home
from hpsearch.search.attributes import earlier
from hpsearch.search.ensemble import ensemble_of
from hpsearch.search.study import OpenStudy
from hpsearch.search.trials import is_complete, is_open, ranked
from hpsearch.share import Share

KEEP = 5
"""Best trials of a study whose weights stay on the disk."""


def weights_file(home: Home, study: str, number: int) -> Path:
    """Where the kept weights of a trial lie, if they are kept."""
    return home.trial_run(study, number) / WEIGHTS


def kept_weights(study: OpenStudy, home: Home, number: int) -> Path:
    """As :func:`weights_file`; those of the share come here first, where none are."""
    file = weights_file(home, study.name, number)
    if not file.exists() and (share := Share.find(home, study.name, study.key)) is not None:
        share.get(number, (WEIGHTS, INPUTS, CURVES))
    return file


def tidy(study: OpenStudy, home: Home, keep: int = KEEP, *, share: Share | None = None) -> None:
    """Remove what nobody needs any more of a study's trials, here and in the share: curves stay.

    These are the weights of all trials but the best ``keep`` of the complete ones and those of the
    study's ensemble (confirmation runs keep all of theirs), and the checkpoints of trials that are
    over. What cannot be removed stays until the next time.
    """
    trials = study.trials()
    best = ranked(trials, study.file.objective.measure)[:keep]
    going_on = {trial.number for trial in trials if is_open(trial)}
    needed = {
        number
        for trial in trials
        if is_open(trial)
        for number in _resumable(home, study.name, [trial.number, *earlier(trial)])
    }
    kept = going_on | {t.number for t in (filter(is_complete, trials) if study.is_closed else best)}
    if (ensemble := ensemble_of(study)) is not None:
        kept |= {member.trial for member in ensemble.members if not member.is_run}

    def spare(number: int) -> list[str]:
        if number >= len(trials):
            return []  # begun after we looked
        unkept = [] if number in kept else [WEIGHTS, INPUTS]
        return unkept + [*CHECKPOINTS] * (number not in needed)

    if share is not None:
        for number, names in share.files().items():
            share.remove(number, [name for name in spare(number) if name in names])
    for number, folder in _folders(home.study_runs(study.name)):
        for name in spare(number):
            for file in (folder / name, partial_of(folder / name)):
                with contextlib.suppress(OSError):
                    file.unlink()


def _resumable(home: Home, study: str, numbers: Sequence[int]) -> Iterator[int]:
    """Of the trials that one goes on for, the latest first: those down to the second checkpoint.

    The second folder is for the case that all of the first is torn.
    """
    found = 0
    for number in numbers:
        yield number
        folder = home.trial_run(study, number)
        found += any((folder / name).exists() for name in CHECKPOINTS)
        if found == 2:
            return


def _folders(runs: Path) -> Iterator[tuple[int, Path]]:
    """The folders of a study's trials, each with the trial's number."""
    for folder in runs.glob("trial-*"):
        number = folder.name.removeprefix("trial-")
        if number.isdecimal():
            yield int(number), folder

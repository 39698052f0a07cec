"""Forking: a new study with another space or budget begins with the trials of an old one."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hpsearch.data.facts import facts
from hpsearch.outputs.copies import Copies
from hpsearch.search import fork as forks
from hpsearch.search.budget import ending
from hpsearch.search.fork import Plan
from hpsearch.search.lookup import load_study
from hpsearch.search.storage import Counts
from hpsearch.services.data import study_data
from hpsearch.services.progress import Progress
from hpsearch.services.workspace import Workspace
from hpsearch.study_file import load, written_budget


@dataclass(frozen=True, kw_only=True)
class Forked:
    """A study that was made from another one."""

    study: str
    forked_from: str
    plan: Plan
    """Which trials were taken over, and why others were left behind."""
    counts: Counts
    trials: int
    """Of the new study's budget."""
    over: str | None
    """What has ended it already ("trials", "timeout", ...); None: it can go on."""

    def plain(self) -> dict[str, Any]:
        """What was done, as JSON."""
        return {
            "study": self.study,
            "forked_from": self.forked_from,
            **self.plan.plain(),
            "counted": self.counts.counted,
            "waiting": self.counts.waiting,
            "trials": self.trials,
            "over": self.over,
        }


def fork(
    study: str,
    file: Path,
    workspace: Workspace,
    progress: Progress,
    *,
    overrides: Sequence[str] = (),
) -> Forked:
    """Make a new study with another space or budget from all trials that are valid in it.

    Args:
        study: the old one's name.
        file: the new one's study file, with another name.
        workspace: home and storage.
        progress: is told of the copying.
        overrides: ``KEY=VALUE``, each in place of a key of the file.

    Raises:
        InputError: an unknown study, or a file of whose trials the old ones cannot be.
    """
    new, home = load(file, overrides), workspace.home
    with workspace.opened() as opened:
        old = load_study(opened, study)
        forks.refuse_taken(opened, new.name)
        new, dataset, parts = study_data(new, str(file), home, progress, warn=False)
        with progress.steps() as report:
            known, own = facts(dataset, parts), written_budget(file)
            made, plan = forks.fork(old, new, known, Copies(home), written=own, report=report)
        workspace.record(made, file)
        return Forked(
            study=made.name,
            forked_from=study,
            plan=plan,
            counts=made.counts(),
            trials=made.budget.trials,
            over=ending(made),
        )

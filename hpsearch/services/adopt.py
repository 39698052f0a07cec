"""Adopting: the trials of another program's Optuna study begin the history of a study."""

import re
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hpsearch.data.facts import facts
from hpsearch.errors import InputError
from hpsearch.outputs.copies import Copies
from hpsearch.search import adoption
from hpsearch.search.adoption import Adoption
from hpsearch.search.lookup import load_study
from hpsearch.search.sampling.samplers import check_sampler
from hpsearch.search_sections import TPE, Grid
from hpsearch.services.data import study_data
from hpsearch.services.progress import Progress
from hpsearch.services.workspace import Workspace
from hpsearch.study_file import StudyFile, budget_of, from_table, read_study
from hpsearch.text import plural, printable, shortened

RETRAIN = 3
"""How many of the best adopted trials are trained first, unless told otherwise."""

_REASONS = 5
"""Reasons that are named where nothing fits."""


@dataclass(frozen=True, kw_only=True)
class Adopted:
    """What of an Optuna study was adopted."""

    study: str
    found: Adoption
    dry_run: bool
    learns: bool
    """Whether the study's sampler learns from adopted trials."""

    def plain(self) -> dict[str, Any]:
        """What was done, as JSON."""
        found = self.found
        return {
            "study": self.study,
            "adopted_from": found.source,
            "fitting": len(found.fitting),
            "adopted": 0 if self.dry_run else len(found.fitting) - found.there,
            "already_there": found.there,
            "left": {reason: len(numbers) for reason, numbers in found.left.items()},
            "enqueued": found.retrained,
            "dry_run": self.dry_run,
            "learns": self.learns,
        }


def adopt(
    url: str,
    file: Path,
    workspace: Workspace,
    progress: Progress,
    *,
    study: str | None = None,
    rename: Mapping[str, str] | None = None,
    metric: str | None = None,
    retrain: int = RETRAIN,
    dry_run: bool = False,
    overrides: Sequence[str] = (),
    table: Mapping[str, Any] | None = None,
) -> Adopted:
    """Adopt what fits of an Optuna study, in a study that is made where there is none.

    Args:
        url: of the storage of the Optuna study, in which nothing is changed; or the path of an
            SQLite file.
        file: the study file.
        workspace: home and storage of the study.
        progress: is told of the data.
        study: the Optuna study's name; None: the only one there.
        rename: names of parameters there, each with the space's; empty: it plays no part here.
        metric: what the Optuna study calls the objective's metric; None: as the study file, or
            nothing.
        retrain: how many of the best are enqueued, from 0.
        dry_run: only tell what fits.
        overrides: ``KEY=VALUE``, each in place of a key of the file.
        table: what stands in the study file, which then need not be there; None: it is read.

    Raises:
        InputError: nothing fits, or the values are of something else; nothing was written then.
        UnreachableError: one of the storages cannot be reached.
    """
    if retrain < 0:
        raise InputError(f"retrain = {retrain}: write 0 or more")
    written = read_study(file) if table is None else table
    new = from_table(deepcopy(dict(written)), file, overrides)
    check_sampler(new, str(file))
    if isinstance(new.sampler, Grid):
        raise InputError(
            f'{file}: sampler.type = "grid" tries every point once, whatever is known of it; choose'
            " another sampler to adopt trials"
        )
    with adoption.optuna_study(url, study) as source:
        adoption.check_objective(source, new.objective.measure, metric)
        new, dataset, parts = study_data(new, str(file), workspace.home, progress, warn=False)
        known = facts(dataset, parts)
        found = adoption.all_fitting(source, new, known, rename or {})
    if not found.fitting:
        raise InputError(_nothing_fits(found, file))
    if dry_run:
        done = replace(found, there=_there(workspace, new, found))
    else:
        with workspace.opened(create=True) as opened:
            Copies(workspace.home).refuse_foreign_runs(opened, new.name)
            own = budget_of(written, file)
            made, done = adoption.adopt(opened, new, known, found, written=own, retrain=retrain)
            workspace.record(made, file)
    learns = isinstance(new.sampler, TPE)
    return Adopted(study=new.name, found=done, dry_run=dry_run, learns=learns)


def _there(workspace: Workspace, file: StudyFile, found: Adoption) -> int:
    """How many of the fitting trials the study has already."""
    with suppress(InputError), workspace.opened(read_only=True) as opened:
        there = adoption.adopted(load_study(opened, file.name).optuna)
        return sum((found.source, one.number, one.value) in there for one in found.fitting)
    return 0


def _nothing_fits(found: Adoption, file: Path) -> str:
    """Why nothing was adopted, the most frequent reasons first."""
    reasons = [f"{plural(len(n), 'trial')}: {shortened(why)}" for why, n in found.left.items()]
    more = len(reasons) - _REASONS
    listed = [*reasons[:_REASONS], *([f"{more} more reasons"] if more > 0 else [])]
    lines = "".join(f"\n  {line}" for line in listed or ["it has no trials"])
    return (
        f"study {found.source}: none of its trials lies in the space of {file}:{lines}"
        f"{_names(found)}\nwiden the space, or give the names that parameters have here:"
        f" {_renames(found)} (--rename THEIRS= for one that plays no part)"
    )


def _names(found: Adoption) -> str:
    """The names that are not the same, in a line of their own."""
    if not found.nameless:
        return ""
    names = f"\nwithout a name here: {printable(', '.join(found.nameless))}"
    if found.missing:
        names += f"; without one there: {printable(', '.join(found.missing))}"
    return names


def _renames(found: Adoption) -> str:
    """The options for names whose last part is the same, as long as that is one alone."""
    ends = Counter(map(_end, found.missing))
    ours = {_end(name): name for name in found.missing if ends[_end(name)] == 1}
    theirs = Counter(map(_end, found.nameless))
    known = [one for one in found.nameless if _end(one) in ours and theirs[_end(one)] == 1]
    options = [f"--rename {shlex.quote(f'{one}={ours[_end(one)]}')}" for one in known]
    return printable(" ".join(options)) or "--rename THEIRS=OURS"


def _end(name: str) -> str:
    """The last part of a parameter's name."""
    return re.split(r"[./]", name)[-1]

"""Enqueueing: a configuration is added to a study, also while it runs."""

from dataclasses import dataclass
from pathlib import Path

from hpsearch.errors import InputError
from hpsearch.formats import read_file
from hpsearch.parsing import parse
from hpsearch.search import queueing
from hpsearch.search.budget import Ending, ending
from hpsearch.search_sections import BudgetSection
from hpsearch.services.workspace import Workspace
from hpsearch.space import PartialConfig


@dataclass(frozen=True, kw_only=True)
class Enqueued:
    """What became of a configuration."""

    ahead: int | None
    """Other configurations that are tried first; None: the study has this one already."""
    over: Ending | None
    """What has ended the study; None: it has not ended."""
    budget: BudgetSection


def enqueue(study: str, file: Path, workspace: Workspace) -> Enqueued:
    """Put a configuration at the front of a study's queue; fields left out are sampled.

    Args:
        study: its name.
        file: fields of a configuration, or a recipe.
        workspace: home and storage.

    Raises:
        InputError: an unknown study, or a configuration that does not lie in its space.
    """
    data = read_file(file)
    if "space" in data:
        raise InputError(f"{file}: is a study file; give a file with fields of a configuration")
    if isinstance(data.get("config"), dict):
        data = data["config"]  # a recipe
    partial = parse(PartialConfig, data, str(file))
    with workspace.study(study, writes=True) as found:
        ahead = queueing.enqueue(found, partial, str(file))
        workspace.record(found)
        return Enqueued(ahead=ahead, over=ending(found), budget=found.budget)

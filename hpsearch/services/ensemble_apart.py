"""Choosing an ensemble for who asks a service: ``hpsearch ensemble`` in a process of its own."""

import json
from typing import Any

from hpsearch.environment import STORAGE_VARIABLE
from hpsearch.search.confirmation import refuse_confirmation_study
from hpsearch.search.study import OpenStudy
from hpsearch.services.apart import LONGEST, ON_CPU, run_command
from hpsearch.services.ensemble import candidates
from hpsearch.services.progress import Silent
from hpsearch.services.workspace import Workspace


def ensemble_apart(study: OpenStudy, workspace: Workspace, members: int) -> dict[str, Any]:
    """Choose which of a study's trained networks to average, and keep the choice in the study.

    Args:
        study: the study.
        workspace: home and storage.
        members: how many there may be, from 2.

    Returns:
        What ``hpsearch ensemble --json`` prints.

    Raises:
        InputError: a confirmation study, fewer than two networks whose weights are here, other
            data.
        NoTrialError: no trial of the study completed.
        UnreachableError: data that cannot be read; it took too long, or was killed.
        ProgramError: it ended early.
    """
    refuse_confirmation_study(study)
    candidates(study, workspace.home, Silent())  # refuses before a process starts
    words = ["ensemble", "--json", f"--members={members}", "--home", str(workspace.home.root)]
    environment = ON_CPU | {STORAGE_VARIABLE: workspace.url}
    said = run_command([*words, "--", study.name], f"study {study.name}", LONGEST, environment)
    found: dict[str, Any] = json.loads(said)
    return found

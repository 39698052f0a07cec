"""The storage of all studies: Optuna's, with atomic claims and a budget that is exact.

This folder and ``hpsearch.search.reading`` are all that touches Optuna's tables. Each class builds
on the one before: studies, summaries, presence, trials.
"""

from hpsearch.search.storage.facts import (
    BUDGET_KEY,
    CLOSED_KEY,
    CREATED_KEY,
    ENDED_KEY,
    FILE_KEY,
    LEASE,
    OWNER_KEYS,
    PRESENT_PREFIX,
    STARTED_KEY,
    STOP_KEY,
    Brief,
    BudgetSpentError,
    Counts,
    LeaseLostError,
    Presence,
    Pulse,
    StudyBusyError,
    Whole,
)
from hpsearch.search.storage.trials import Storage

__all__ = [
    "BUDGET_KEY",
    "CLOSED_KEY",
    "CREATED_KEY",
    "ENDED_KEY",
    "FILE_KEY",
    "LEASE",
    "OWNER_KEYS",
    "PRESENT_PREFIX",
    "STARTED_KEY",
    "STOP_KEY",
    "Brief",
    "BudgetSpentError",
    "Counts",
    "LeaseLostError",
    "Presence",
    "Pulse",
    "Storage",
    "StudyBusyError",
    "Whole",
]

"""The storage of all studies: Optuna's, with atomic claims and a budget that is exact.

This folder is all that touches Optuna's tables. Each class builds on the one before: studies,
summaries, the service's queue, presence, trials, and on a server retrying.
"""

from hpsearch.search.storage.facts import (
    LEASE,
    BudgetSpentError,
    BusyProcess,
    Counts,
    Heartbeat,
    LeaseLostError,
    StudyBusyError,
    TrialSummary,
    Whole,
    waiting_trial,
)
from hpsearch.search.storage.trials import Storage

__all__ = [
    "LEASE",
    "BudgetSpentError",
    "BusyProcess",
    "Counts",
    "Heartbeat",
    "LeaseLostError",
    "Storage",
    "StudyBusyError",
    "TrialSummary",
    "Whole",
    "waiting_trial",
]

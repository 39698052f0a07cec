"""Errors that a user sees: each says what is wrong and what to do, and carries an exit code."""

from enum import StrEnum
from pathlib import Path

EXIT_OK = 0
EXIT_NO_TRIAL = 1
EXIT_INPUT = 2
EXIT_UNREACHABLE = 3
EXIT_PROGRAM = 4
EXIT_SIGINT = 130
EXIT_SIGTERM = 143


class Failure(StrEnum):
    """Why a trial ended without a value; stored as the trial's user attribute ``failure``."""

    DIVERGED = "diverged"
    """The loss became NaN or infinite. The configuration's fault: counted in the budget."""
    OUT_OF_MEMORY = "out_of_memory"
    """The device had too little memory for this configuration, alone on it as well: counted."""
    TIMEOUT = "timeout"
    """The trial ran longer than ``training.trial_timeout``: counted."""
    CRASHED = "crashed"
    """One worker after the other died of it, and none got further: counted."""
    INTERRUPTED = "interrupted"
    """Cut off by a signal, a kill or the study's end: not counted, tried again."""
    TOO_LARGE = "too_large"
    """Over ``budget.max_parameters`` or ``max_macs``, redrawn before training: not counted."""
    DATA_ERROR = "data_error"
    """The data set on this machine is damaged: not counted, ends the run."""
    PROGRAM_ERROR = "program_error"
    """A fault of the program or of its installation: not counted, ends the run."""
    ADOPTED = "adopted"
    """No failure: another program's trial, of which hpsearch has no value of its own: not counted,
    the sampler learns from it (``hpsearch.search.adoption``)."""

    @property
    def counts(self) -> bool:
        """Whether a trial that failed so uses up a place in the budget."""
        return self in (
            Failure.DIVERGED,
            Failure.OUT_OF_MEMORY,
            Failure.TIMEOUT,
            Failure.CRASHED,
        )

    @property
    def is_replaced(self) -> bool:
        """Whether it is no result, good or bad, of its own: it went on as another trial, was
        redrawn, or is another program's.
        """
        return self in (Failure.INTERRUPTED, Failure.TOO_LARGE, Failure.ADOPTED)

    @classmethod
    def known(cls, value: object) -> "Failure | None":
        """The class of that name; None where it is another program's or version's, or none."""
        return next((failure for failure in cls if failure == value), None)


def uses_place(failure: object) -> bool:
    """Whether a failed trial counts, by its attribute; one without a class of ours does not."""
    known = Failure.known(failure)
    return known is not None and known.counts


class HpsearchError(Exception):
    """Base of all errors that are shown to a user as one message without a traceback."""

    exit_code = EXIT_PROGRAM

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows of it: the message alone (IPython asks for it by this name)."""
        return [f"{type(self).__name__}: {self}"]


class InputError(HpsearchError):
    """Wrong input: a study file, an option, an unknown study, malformed data (exit code 2)."""

    exit_code = EXIT_INPUT


class UnknownStudyError(InputError):
    """The storage has no study of that name (2)."""


class DamagedWeightsError(InputError):
    """A file with a network's weights that is damaged, or another network's (2)."""

    def __init__(self, weights: Path, error: Exception) -> None:
        """Say it.

        Args:
            weights: the file.
            error: what came of reading it.
        """
        reason = " ".join(str(error).split())[:200]
        super().__init__(
            f"{weights}: is damaged, or has the weights of another network ({reason}); remove this"
            " file, and the same command says how to train it again"
        )


class UnfinishedError(InputError):
    """Something that was asked for is not done yet, so that nothing can be built on it (2)."""


class UnreachableError(HpsearchError):
    """Storage or data that cannot be reached, read or written (exit code 3)."""

    exit_code = EXIT_UNREACHABLE


class StudyGoneError(UnreachableError):
    """A study that a process works on is no longer there (exit code 3)."""


class NoTrialError(HpsearchError):
    """No trial completed, so there is nothing to show, export or train (exit code 1)."""

    exit_code = EXIT_NO_TRIAL


class ProgramError(HpsearchError):
    """A fault of the program, or workers that keep crashing (exit code 4)."""

    exit_code = EXIT_PROGRAM


class StoppedError(HpsearchError):
    """A signal or ``hpsearch stop`` ended the work, which can be resumed (130 or 143).

    Attributes:
        exit_code: the shell's code for what ended it.
    """

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class DataError(HpsearchError):
    """A data set that was whole when it was imported and is no longer (exit code 4)."""

    exit_code = EXIT_PROGRAM


class TrialFailedError(Exception):
    """Training cannot give a value for this configuration: data about the trial, not a fault.

    Attributes:
        failure: the class of failure.
        epoch: the epoch (from 1) in which it happened, or None before the first.
    """

    def __init__(self, failure: Failure, message: str, *, epoch: int | None = None) -> None:
        super().__init__(message)
        self.failure = failure
        self.epoch = epoch

"""Commands on study files that others submit, in a process of their own.

What reads or trains there may take all of its memory, or end it.
"""

import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tomli_w

from hpsearch.environment import for_child, python
from hpsearch.errors import (
    EXIT_INPUT,
    EXIT_NO_TRIAL,
    EXIT_OK,
    EXIT_UNREACHABLE,
    HpsearchError,
    InputError,
    NoTrialError,
    ProgramError,
    UnreachableError,
)
from hpsearch.home import Home
from hpsearch.workers.child import how

LONGEST = 1800.0
"""Seconds that such a command may take."""

_at_work: "set[subprocess.Popen[str]]" = set()
"""The processes that run just now."""

_ERRORS: dict[int, type[HpsearchError]] = {
    EXIT_NO_TRIAL: NoTrialError,
    EXIT_INPUT: InputError,
    EXIT_UNREACHABLE: UnreachableError,
}


def apart(
    command: str, table: Mapping[str, Any], where: str, home: Home
) -> tuple[dict[str, Any], Sequence[str]]:
    """Run ``hpsearch COMMAND FILE --json``.

    Args:
        command: its name.
        table: the study file, its paths absolute.
        where: what messages call the file.
        home: where data sets are kept.

    Returns:
        What it printed, and the lines that it said meanwhile.

    Raises:
        InputError: what the command refuses; or it ended early.
        UnreachableError: what it cannot read; no process started; or it took too long.
    """
    name = Path(where).with_suffix(".toml").name
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / name).write_text(tomli_w.dumps(_without_none(table)), encoding="utf-8")
        words = python("-m", "hpsearch", command, name, "--json", "--home", str(home.root))
        done = ran(words, where, f"hpsearch {command}", folder)
    return json.loads(done.stdout), done.stderr.splitlines()


def ran(
    words: Sequence[str], where: str, what: str, folder: str
) -> "subprocess.CompletedProcess[str]":
    """Run a program of ours to its end.

    Args:
        words: its command line; it ends with an exit code of ours, and behind "error: " says why.
        where: what messages call that which it looks at.
        what: what they call the program.
        folder: in which it runs.

    Raises:
        InputError: what it refuses; or it ended early.
        UnreachableError: what it cannot read; no process started; or it took too long.
    """
    done = _run(words, folder, where, LONGEST, {})
    if done.returncode == EXIT_OK:
        return done
    if (refusal := _refusal(done)) is not None:
        raise refusal
    raise InputError(f"{where}: {what} ended early; its data may be too large, or damaged")


def run_command(
    words: Sequence[str], where: str, longest: float, environment: Mapping[str, str]
) -> None:
    """Run a command of hpsearch.

    Args:
        words: behind ``hpsearch``; paths are absolute.
        where: what messages call what it works on.
        longest: seconds that it may take.
        environment: added to ours.

    Raises:
        InputError: what the command refuses.
        NoTrialError: no trial completed.
        UnreachableError: what it cannot read or write; no process started; it took too long, or was
            killed.
        ProgramError: a fault of the program.
    """
    with tempfile.TemporaryDirectory() as folder:
        done = _run(python("-m", "hpsearch", *words), folder, where, longest, environment)
    if done.returncode < 0:
        raise UnreachableError(
            f"{where}: hpsearch {words[0]} was ended ({how(done.returncode)}), perhaps for want of"
            " memory; try again later"
        )
    if done.returncode != 0:
        raise _refusal(done) or ProgramError(f"{where}: hpsearch {words[0]} ended early")


def _run(
    words: Sequence[str], folder: str, where: str, longest: float, environment: Mapping[str, str]
) -> "subprocess.CompletedProcess[str]":
    """Run a command line in a folder.

    Raises:
        UnreachableError: no process started, or it took too long.
    """
    try:
        return run(words, cwd=folder, env=for_child(environment), timeout=longest)
    except OSError as error:
        raise UnreachableError(f"{where}: cannot be looked at: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise UnreachableError(f"{where}: takes over {longest:.0f} s; use less") from None


def run(
    words: Sequence[str], *, cwd: str, env: Mapping[str, str], timeout: float
) -> "subprocess.CompletedProcess[str]":
    """As ``subprocess.run``, but the process ends where the service does (:func:`ended_with`)."""
    with subprocess.Popen(  # noqa: S603  # our own command
        words, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        _at_work.add(process)
        try:
            output, said = process.communicate(timeout=timeout)
        finally:
            process.kill()  # which does nothing to one that has ended
            _at_work.discard(process)
    return subprocess.CompletedProcess(words, process.returncode, output, said)


@contextmanager
def ended_with() -> Iterator[None]:
    """End the commands that are at work after the block, as the threads that wait for them are
    waited for.
    """
    try:
        yield
    finally:
        for process in [*_at_work]:
            process.kill()


def _refusal(done: "subprocess.CompletedProcess[str]") -> HpsearchError | None:
    """What a command refused, as it says it; None: it ended in another way."""
    error = _ERRORS.get(done.returncode)
    return None if error is None else error(done.stderr.rpartition("error: ")[2].strip())


def _without_none(value: Any) -> Any:
    """What JSON may say and TOML leaves out."""
    if isinstance(value, Mapping):
        return {key: _without_none(one) for key, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_without_none(one) for one in value]
    return value

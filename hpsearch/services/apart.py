"""Commands on study files that others submit, in a process of their own.

What reads or trains there may take all of its memory, or end it.
"""

import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tomli_w

from hpsearch.data.cache import is_imported
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
from hpsearch.study_file import StudyFile
from hpsearch.workers.child import how

LONGEST = 1800.0
"""Seconds that such a command may take."""

ON_CPU = {"CUDA_VISIBLE_DEVICES": "-1"}
"""The environment of commands beside the searches: GPUs are the workers'."""

_REFUSALS: dict[int, type[HpsearchError]] = {
    EXIT_NO_TRIAL: NoTrialError,
    EXIT_INPUT: InputError,
    EXIT_UNREACHABLE: UnreachableError,
}
"""What a command that ends with a code has refused."""

_running: set[subprocess.Popen[str]] = set()


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


def import_data(file: StudyFile, where: str, home: Home) -> None:
    """Import the data of a study where that was not done yet, or they have changed since.

    Args:
        file: the study file.
        where: what messages call it.
        home: where data sets are kept.

    Raises:
        InputError: data that are wrong, or too large.
        UnreachableError: data that cannot be read, or no process started.
    """
    section = file.dataset
    if not section.reader.takes_path() or is_imported(section, home):
        return
    dataset = section.model_dump(mode="json", exclude_unset=True, exclude_none=True)
    apart("data", {"name": file.name, "dataset": dataset}, where, home)


def ran(
    words: Sequence[str], where: str, what: str, folder: str | Path
) -> subprocess.CompletedProcess[str]:
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
    try:
        done = _run(words, folder)
    except OSError as error:
        raise UnreachableError(f"{where}: cannot be looked at: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise UnreachableError(f"{where}: takes over {LONGEST:.0f} s; use less") from None
    refusal = done.stderr.rpartition("error: ")[2].strip()
    if done.returncode == EXIT_INPUT:
        raise InputError(refusal)
    if done.returncode == EXIT_UNREACHABLE:
        raise UnreachableError(refusal)
    if done.returncode != EXIT_OK:
        raise InputError(f"{where}: {what} ended early; its data may be too large, or damaged")
    return done


def run_command(words: Sequence[str], where: str, longest: float, told: Mapping[str, str]) -> str:
    """Run a command of hpsearch, also one whose results are files.

    Args:
        words: behind ``hpsearch``; paths are absolute.
        where: what messages call what it works on.
        longest: seconds that it may take.
        told: added to its environment.

    Returns:
        What it printed.

    Raises:
        InputError: what the command refuses.
        NoTrialError: no trial completed.
        UnreachableError: what it cannot read or write; no process started; it took too long, or was
            killed.
        ProgramError: a fault of the program.
    """
    what = f"{where}: hpsearch {words[0]}"
    return run_program(python("-m", "hpsearch", *words), what, longest, told)


def run_program(words: Sequence[str], what: str, longest: float, told: Mapping[str, str]) -> str:
    """Run a program of ours; see :func:`run_command`.

    Args:
        words: its command line; paths are absolute.
        what: what messages call it.
        longest: seconds that it may take.
        told: added to its environment.

    Raises:
        HpsearchError: as there.
    """
    try:
        with tempfile.TemporaryDirectory() as folder:
            done = _run(words, folder, longest, told)
    except OSError as error:
        raise UnreachableError(f"{what} cannot be run: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise UnreachableError(f"{what} takes over {longest:.0f} s") from None
    if (refusal := _REFUSALS.get(done.returncode)) is not None:
        raise refusal(done.stderr.rpartition("error: ")[2].strip())
    if done.returncode < 0:
        why = how(done.returncode)
        raise UnreachableError(f"{what} was ended ({why}), perhaps for want of memory; try again")
    if done.returncode != EXIT_OK:
        raise ProgramError(f"{what} ended early")
    return done.stdout


def _run(
    words: Sequence[str],
    folder: str | Path,
    longest: float | None = None,
    told: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program, as ``subprocess.run`` does, where :func:`end_all` can end it."""
    with subprocess.Popen(  # noqa: S603  # our own program
        words, cwd=folder, env=for_child(told), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", errors="replace",
    ) as child:  # fmt: skip
        _running.add(child)
        try:
            out, err = child.communicate(timeout=longest or LONGEST)
        finally:
            child.kill()  # does nothing where it has ended
            _running.discard(child)
    return subprocess.CompletedProcess(words, child.returncode, out, err)


def end_all() -> None:
    """End all programs that run: this process, which waits for them, is about to end."""
    for child in [*_running]:
        child.kill()


def _without_none(value: Any) -> Any:
    """What JSON may say and TOML leaves out."""
    if isinstance(value, Mapping):
        return {key: _without_none(one) for key, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_without_none(one) for one in value]
    return value

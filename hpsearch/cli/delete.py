"""``hpsearch delete``: removes a study and its files."""

from typing import Annotated

import typer

from hpsearch.cli.options import AnyStudyArgument, HomeOption
from hpsearch.cli.output import Screen, say, tell
from hpsearch.cli.served import counts_of
from hpsearch.cli.server import ServerOption, service_of
from hpsearch.cli.workspace import StorageOption, workspace
from hpsearch.errors import InputError
from hpsearch.services.delete import removal
from hpsearch.text import plural


def delete(
    context: typer.Context,
    study: AnyStudyArgument,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    keep_files: Annotated[
        bool,
        typer.Option(
            "--keep-files",
            help="Delete it from the storage only: a copy elsewhere needs the files.",
        ),
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Also where a run or a worker is busy with it.")
    ] = False,
    server: ServerOption = None,
    home: HomeOption = None,
    storage: StorageOption = None,
) -> None:
    """Remove a study: its trials, runs and logs. Data sets and exported files stay."""
    if (client := service_of(context, server, "study", "yes")) is not None:
        with client:
            there = client.study(study)
            ended = plural(counts_of(there.details()).ended, "trial")
            question = f"Remove study {study} with {ended} from {client.url}?"
            if not (yes or _agreed(question, "--yes")):
                tell("Nothing removed.")
                return
            there.delete()
        tell(f"Removed study {study}.")
        return
    where, screen = workspace(home, storage), Screen()
    with removal(study, where, screen, keep_files=keep_files, force=force) as found:
        if found.note:
            tell(found.note)
        is_said, option = (force, "--force") if found.needs_force else (yes, "--yes")
        if not (is_said or _agreed(found.question, option)):
            tell("Nothing removed.")
            return
        removed = found.remove()
        tell(removed.text)
        if removed.advice:
            say(removed.advice)


def _agreed(question: str, option: str) -> bool:
    """Whether the user says yes.

    Args:
        question: what is asked.
        option: says so beforehand.

    Raises:
        InputError: nobody answers, as in a script.
    """
    try:
        return typer.confirm(question)
    except typer.Abort:
        tell()  # ends the line of the question
        raise InputError(
            f"nobody answered; to remove it without a question, give {option}"
        ) from None

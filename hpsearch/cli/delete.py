"""``hpsearch delete``: removes a study and its files."""

from typing import Annotated

import typer

from hpsearch.cli.options import AnyStudyArgument, HomeOption
from hpsearch.cli.output import Screen, say, tell
from hpsearch.cli.workspace import StorageOption, workspace
from hpsearch.services.delete import removal


def delete(
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
    home: HomeOption = None,
    storage: StorageOption = None,
) -> None:
    """Remove a study: its trials, runs and logs. Data sets and exported files stay."""
    where, screen = workspace(home, storage), Screen()
    with removal(study, where, screen, keep_files=keep_files, force=force) as found:
        if found.note:
            tell(found.note)
        is_said = force if found.needs_force else yes
        if not (is_said or typer.confirm(found.question)):
            tell("Nothing removed.")
            return
        removed = found.remove()
        tell(removed.text)
        if removed.advice:
            say(removed.advice)

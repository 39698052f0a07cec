"""``hpsearch storage``: takes studies from one storage to another; backs up a database."""

import dataclasses
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from hpsearch.cli.options import ForceOption, HomeOption, JsonOption, study_name
from hpsearch.cli.output import print_json, progress, say, tell
from hpsearch.cli.workspace import StorageOption, without_password, workspace
from hpsearch.errors import InputError
from hpsearch.search import lookup as studies
from hpsearch.search.database.backup import back_up
from hpsearch.search.database.urls import sqlite_file
from hpsearch.search.storage import LEASE, Storage
from hpsearch.search.study import OpenStudy
from hpsearch.search.transfer import transfer
from hpsearch.text import plural, size


def study_names(typed: list[str] | None) -> list[str]:
    """The names of the studies that were typed."""
    return [study_name(text) for text in typed or ()]


group = typer.Typer(
    name="storage",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@group.callback()
def storage() -> None:
    """Back up a database; move studies between SQLite and PostgreSQL."""


@group.command()
def backup(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The copy; an older one gives way to it.")
    ],
    home: HomeOption = None,
    storage: StorageOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Copy an SQLite database to a file, also while it is in use."""
    where = workspace(home, storage, force=force)
    if sqlite_file(where.url) is not None:
        with where.opened(read_only=True):
            pass  # it says what is wrong
    with progress() as report:
        made = back_up(where.url, file, report)
    if as_json:
        print_json({"file": str(file), **dataclasses.asdict(made)})
        return
    tell(
        f"Backed up {plural(made.trials, 'trial')} in {plural(made.studies, 'study')} to {file}"
        f" ({size(made.bytes)}), read back and compared."
    )
    say(
        f"Curves, weights and checkpoints are files in {where.home.runs}: copy that folder as well."
    )
    if any(where.home.uploads.glob("contents/*")):
        command = shlex.join(["cp", "-a", str(where.home.uploads), "FOLDER"])
        say(f"Data that users sent to the service are files, too; then copy them: {command}")


@group.command()
def copy(  # each is another option of the command line
    source: Annotated[
        str, typer.Argument(metavar="FROM", callback=without_password, help="Storage URL.")
    ],
    target: Annotated[
        str, typer.Argument(metavar="TO", callback=without_password, help="Storage URL.")
    ],
    studies: Annotated[
        list[str] | None,
        typer.Option(
            "--study",
            metavar="NAME",
            callback=study_names,
            help="Only this study, by its name or file (repeatable); else all.",
        ),
    ] = None,
    home: HomeOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Copy studies with their trials and confirmation runs; the first storage stays as it is."""
    copied = {}
    with (
        workspace(home, source, force=force).opened(read_only=True) as old,
        workspace(home, target, force=force).opened(create=True) as new,
        progress() as report,
    ):
        for study in _chosen(old, studies, source):
            copied[study.name] = transfer(study, new, report)
    if as_json:
        print_json(copied)
        return
    for name, trials in copied.items():
        tell(f"Copied {name}: {trials} trials, read back and compared.")
    say("What trials left in the home (curves, weights, checkpoints) stays where it is.")


def _chosen(storage: Storage, names: Sequence[str] | None, url: str) -> list[OpenStudy]:
    """The studies of the storage at ``url`` and, before each, its companions.

    Raises:
        InputError: one is not there, or is running.
    """
    chosen = []
    for name in names or studies.names(storage):
        found = studies.load_study(storage, name)
        for one in studies.with_confirmation(found):
            heartbeats = storage.heartbeats(one.study_id)
            if any(heartbeat.age is not None and heartbeat.age < LEASE for heartbeat in heartbeats):
                raise InputError(
                    f"study {one.name}: trials are running; stop them first: hpsearch stop"
                    f" {one.name} --storage {shlex.quote(url)}"
                )
            chosen.append(one)
    return chosen

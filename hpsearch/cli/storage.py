"""``hpsearch storage``: takes studies from one storage to another; backs up a database."""

import dataclasses
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hpsearch.cli.common import (
    ForceOption,
    HomeOption,
    JsonOption,
    StorageOption,
    opened_storage,
    print_json,
    progress,
    say,
    size,
    study_name,
    tell,
    without_password,
)
from hpsearch.home import Home
from hpsearch.text import plural

if TYPE_CHECKING:
    from hpsearch.search.storage import Storage
    from hpsearch.search.study import OpenStudy


def study_names(typed: list[str] | None) -> list[str]:
    """The names of the studies that were typed."""
    return [study_name(text) for text in typed or ()]


storage = typer.Typer(
    name="storage",
    help="Back up a database; move studies between SQLite and PostgreSQL.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@storage.callback()
def _storage() -> None:
    pass


@storage.command()
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
    from hpsearch.search.database.backup import back_up
    from hpsearch.search.database.urls import sqlite_file

    place = Home.find(home)
    url = place.storage_url(storage)
    if sqlite_file(url) is not None:
        with opened_storage(place, storage, read_only=True, force=force):
            pass  # it says what is wrong
    with progress() as report:
        made = back_up(url, file, report)
    if as_json:
        print_json({"file": str(file), **dataclasses.asdict(made)})
        return
    tell(
        f"Backed up {plural(made.trials, 'trial')} in {plural(made.studies, 'study')} to {file}"
        f" ({size(made.bytes)}), read back and compared."
    )
    say(f"Curves, weights and checkpoints are files in {place.runs}: copy that folder as well.")


@storage.command()
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
    from hpsearch.search.transfer import transfer

    place, copied = Home.find(home), {}
    with (
        opened_storage(place, source, read_only=True, force=force) as old,
        opened_storage(place, target, create=True, force=force) as new,
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


def _chosen(storage: "Storage", names: Sequence[str] | None, url: str) -> "list[OpenStudy]":
    """The studies of the storage at ``url`` and, before each, its confirmation study.

    Raises:
        InputError: one is not there, or is running.
    """
    from hpsearch.errors import InputError
    from hpsearch.search import study as studies
    from hpsearch.search.storage import LEASE

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

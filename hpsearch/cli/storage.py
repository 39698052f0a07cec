"""``hpsearch storage copy``: takes studies from one storage to another."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from hpsearch.cli.common import (
    ForceOption,
    HomeOption,
    JsonOption,
    opened_storage,
    print_json,
    progress,
    say,
    tell,
    without_password,
)
from hpsearch.home import Home

if TYPE_CHECKING:
    from hpsearch.search.storage import Storage
    from hpsearch.search.study import OpenStudy

storage = typer.Typer(
    name="storage",
    help="Move studies between SQLite and PostgreSQL.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@storage.callback()
def _storage() -> None:
    pass


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
        typer.Option("--study", metavar="NAME", help="Only this study (repeatable); else all."),
    ] = None,
    home: HomeOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Copy studies with their trials and confirmation runs; the first storage stays as it is."""
    from hpsearch.search.transfer import transfer

    place, copied = Home.find(home), {}
    with (
        opened_storage(place, source, force=force) as old,
        opened_storage(place, target, create=True, force=force) as new,
        progress() as report,
    ):
        for study in _chosen(old, studies):
            copied[study.name] = transfer(study, new, report)
    if as_json:
        print_json(copied)
        return
    for name, trials in copied.items():
        tell(f"Copied {name}: {trials} trials, read back and compared.")
    say("What trials left in the home (curves, weights, checkpoints) stays where it is.")


def _chosen(storage: "Storage", names: Sequence[str] | None) -> "list[OpenStudy]":
    """The studies and, before each, its companions.

    Raises:
        InputError: one is not there, or is running.
    """
    from hpsearch.errors import InputError
    from hpsearch.search import study as studies
    from hpsearch.workers.lease import LEASE

    chosen = []
    for name in names or studies.names(storage):
        found = studies.load_study(storage, name)
        for one in (*studies.companions(found), found):
            pulses = storage.pulses(one.study_id)
            if any(pulse.age is not None and pulse.age < LEASE for pulse in pulses):
                raise InputError(
                    f"study {one.name}: trials are running; stop them first: hpsearch stop"
                    f" {one.name} --storage FROM"
                )
            chosen.append(one)
    return chosen

"""``hpsearch adopt``: the trials of another program's Optuna study begin a study's history."""

import shlex
from typing import Annotated, Any

import typer

from hpsearch.cli.options import FileArgument, ForceOption, HomeOption, JsonOption, SetOption
from hpsearch.cli.output import Screen, print_json, say, tell
from hpsearch.cli.workspace import StorageOption, without_password, workspace
from hpsearch.errors import InputError
from hpsearch.search.adoption import storage_url
from hpsearch.services import adopt as service
from hpsearch.text import plural, shortened


def _storage_url(param: typer.CallbackParam, text: str) -> str | None:
    """The storage's URL, by :func:`without_password`."""
    return without_password(param, storage_url(text))


def adopt(
    source: Annotated[
        str,
        typer.Argument(
            metavar="OPTUNA_STORAGE",
            callback=_storage_url,
            help="Storage of the Optuna study: an SQLite file, or a URL (postgresql://...).",
        ),
    ],
    file: FileArgument,
    theirs: Annotated[
        str | None,
        typer.Option("--study", metavar="NAME", help="The Optuna study (default: the only one)."),
    ] = None,
    rename: Annotated[
        list[str] | None,
        typer.Option(
            "--rename",
            metavar="THEIRS=OURS",
            help="The space's name of a parameter; THEIRS= if it plays no part (repeatable).",
        ),
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option("--metric", metavar="NAME", help="What the Optuna study calls the metric."),
    ] = None,
    retrain: Annotated[
        int,
        typer.Option("--retrain", min=0, metavar="N", help="How many of the best to train first."),
    ] = service.RETRAIN,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what fits; write no study.")
    ] = False,
    overrides: SetOption = None,
    home: HomeOption = None,
    storage: StorageOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Let a study learn from the trials of another program's Optuna study."""
    where = workspace(home, storage, force=force)
    values = service.adopt(
        source,
        file,
        where,
        Screen(),
        study=theirs,
        rename=dict(_renamed(text) for text in rename or ()),
        metric=metric,
        retrain=retrain,
        dry_run=dry_run,
        overrides=overrides or (),
    ).plain()
    if as_json:
        print_json(values)
        return
    tell("\n".join(_lines(values)))
    again = [str(file), *(word for text in overrides or () for word in ("--set", text))]
    _say_what_next(values, shlex.join(["hpsearch", "run", *again]))


def _renamed(text: str) -> tuple[str, str]:
    theirs, separator, ours = text.partition("=")
    if not (separator and theirs):
        raise InputError(f"--rename {text}: is not THEIRS=OURS; write --rename lr=learning_rate")
    return theirs, ours


def _lines(values: dict[str, Any]) -> list[str]:
    """The counts for a reader."""
    there, left = values["already_there"], values["left"]
    count = values["fitting"] - there if values["dry_run"] else values["adopted"]
    done = "Would adopt" if values["dry_run"] else "Adopted"
    to, of = values["study"], values["adopted_from"]
    lines = [f"{done} {plural(count, 'trial')} of {of} into study {to}."]
    lines += [f"Already there: {there}."] if there else []
    lines += [f"Left out: {sum(left.values())}"] if left else []
    return lines + [f"  {number}: {shortened(reason)}" for reason, number in left.items()]


def _say_what_next(values: dict[str, Any], command: str) -> None:
    """What the trials do, and how to go on."""
    if values["dry_run"]:
        return
    if not values["learns"]:
        say('Only sampler.type = "tpe" learns from adopted trials; this study has another one.')
    say(
        f"They take no place in the budget and are no results; enqueued, to be trained here first:"
        f" {values['enqueued']}. To continue: {command}"
    )

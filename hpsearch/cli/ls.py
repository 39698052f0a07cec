"""``hpsearch ls``: the studies of a storage."""

from typing import Any

import typer

from hpsearch.cli.options import HomeOption, JsonOption
from hpsearch.cli.output import number, print_json, print_table, say
from hpsearch.cli.server import ServerOption, service_of
from hpsearch.cli.workspace import StorageOption, workspace
from hpsearch.errors import InputError
from hpsearch.search.lookup import load_study, names, no_studies
from hpsearch.search.trials import summary
from hpsearch.services.workspace import Workspace


def ls(
    context: typer.Context,
    server: ServerOption = None,
    home: HomeOption = None,
    storage: StorageOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the studies."""
    if (client := service_of(context, server, "as_json")) is not None:
        with client:
            rows = client.studies()
            if not rows:
                say(f"{client.url}: no studies here yet; start one with hpsearch run FILE")
            _print(rows, as_json=as_json, told=("state", "user"))
        return
    _print(_here(workspace(home, storage), as_json=as_json), as_json=as_json)


def _print(rows: list[dict[str, Any]], *, as_json: bool, told: tuple[str, ...] = ()) -> None:
    """Print studies, with more columns of what is told of them."""
    if as_json:
        print_json(rows)
        return
    states = ("complete", "pruned", "failed", "running")
    print_table(
        ("study", *told, "metric", "best", "budget", *states),
        [
            [row["name"], *(row[key] for key in told), row["metric"], number(row["best"])]
            + [str(row[key]) for key in ("trials", *states)]
            for row in rows
        ],
        words=["metric", *told],
    )


def _here(where: Workspace, *, as_json: bool) -> list[dict[str, Any]]:
    """The studies of a storage."""
    if where.url == where.home.own_storage and not where.home.database.exists():
        if as_json:
            return []
        raise InputError(
            f"{where.home.root}: no studies here yet; start one with hpsearch run FILE,"
            " or give another place with --home"
        )
    with where.opened(read_only=True) as opened:
        rows = []
        for name in names(opened):
            try:
                rows.append(summary(load_study(opened, name)))
            except InputError as error:  # one that cannot be read does not hide the others
                say(f"warning: {error}")
        if not rows:
            say(no_studies(opened))
    return rows

"""``hpsearch ls``: the studies of a storage."""

from hpsearch.cli.options import HomeOption, JsonOption
from hpsearch.cli.output import number, print_json, print_table, say
from hpsearch.cli.workspace import StorageOption, workspace
from hpsearch.errors import InputError
from hpsearch.search.study import load_study, names, no_studies
from hpsearch.search.trials import summary


def ls(home: HomeOption = None, storage: StorageOption = None, as_json: JsonOption = False) -> None:
    """List the studies."""
    where = workspace(home, storage)
    if where.url == where.home.own_storage and not where.home.database.exists():
        if as_json:
            print_json([])
            return
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
    if as_json:
        print_json(rows)
        return
    states = ("complete", "pruned", "failed", "running")
    print_table(
        ("study", "metric", "best", "budget", *states),
        [
            [row["name"], row["metric"], number(row["best"]), str(row["trials"])]
            + [str(row[state]) for state in states]
            for row in rows
        ],
        words=["metric"],
    )

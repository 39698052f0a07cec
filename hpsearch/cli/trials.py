"""``hpsearch trials``: the trials of a study, as a table, JSON or CSV."""

import csv
import io
from typing import Annotated, Any

import typer

from hpsearch.cli.options import HomeOption, JsonOption, StudyArgument
from hpsearch.cli.output import cell, number, print_json, print_table, say, tell
from hpsearch.cli.server import ServerOption, service_of
from hpsearch.cli.workspace import StorageOption, workspace
from hpsearch.config import is_whole, summary
from hpsearch.search import trials as rows
from hpsearch.search.leaders import told
from hpsearch.search.shapes import Kind


def trials(
    context: typer.Context,
    study: StudyArgument,
    server: ServerOption = None,
    home: HomeOption = None,
    storage: StorageOption = None,
    as_json: JsonOption = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
) -> None:
    """List the trials of a study."""
    if (client := service_of(context, server, "study", "as_json", "as_csv")) is not None:
        with client:
            _print(client.study(study).trials(), as_json=as_json, as_csv=as_csv)
        return
    with workspace(home, storage).study(study) as found:
        listed = [rows.row(found, trial) for trial in found.trials()]
    _print(listed, as_json=as_json, as_csv=as_csv)


def _print(listed: list[dict[str, Any]], *, as_json: bool, as_csv: bool) -> None:
    """Print trials."""
    if as_json:
        print_json(listed)
    elif as_csv:
        _print_csv(listed)
    else:
        runs = any(row.get("of") for row in listed)
        print_table(
            ("trial", *(["run of"] if runs else []), "state", "value", "epochs", "seconds",
             "parameters", "configuration"),
            [
                [
                    str(row["number"]),
                    *([_run(row)] if runs else []),
                    row["failure"] or row["state"],
                    number(_value(row)),
                    cell(row["epochs"]),
                    "" if row["seconds"] is None else f"{row['seconds']:.1f}",
                    "" if row["parameters"] is None else f"{row['parameters']:,}",
                    setting(row["config"]),
                ]
                for row in listed
            ],
            words=["run of", "state", "configuration"],
        )  # fmt: skip
        if any(row.get("kind") == Kind.REFIT for row in listed):
            say(
                "Refits have no value: they are trained on validation examples, too, so that what"
                " they reach on these says nothing."
            )


def _run(row: dict[str, Any]) -> str:
    """Whose confirmation run a trial is, and of what kind: "trial 12, refit"."""
    kinds = {Kind.SPLIT: ", new split", Kind.REFIT: ", refit"}
    return told(row["of"]) + kinds.get(row["kind"], "") if row.get("of") else ""


def _value(row: dict[str, Any]) -> float | None:
    """A trial's value; of an adopted one that which it has in the other program."""
    if row["values"]:
        return float(row["values"][0])
    return row["adopted"] and float(row["adopted"]["value"])


def _print_csv(listed: list[dict[str, Any]]) -> None:
    """One line a trial; the configuration's fields become columns config.<field>."""
    flat = [rows.in_columns(row) for row in listed]
    columns = list(dict.fromkeys(key for line in flat for key in line))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    tell(text.getvalue().removesuffix("\n"))


def setting(config: dict[str, Any]) -> str:
    """A configuration in one line; of one that is not drawn yet what is fixed of it."""
    if is_whole(config):
        return summary(config)
    return ", ".join(f"{key} {cell(value)}" for key, value in config.items())

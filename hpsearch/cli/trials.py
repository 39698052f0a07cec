"""``hpsearch trials``: the trials of a study, as a table, JSON or CSV."""

import csv
import io
from typing import Annotated, Any

import typer

from hpsearch.cli.options import HomeOption, JsonOption, StudyArgument
from hpsearch.cli.output import cell, number, print_json, print_table, tell
from hpsearch.cli.workspace import StorageOption, workspace
from hpsearch.config import describe
from hpsearch.search import trials as rows


def trials(
    study: StudyArgument,
    home: HomeOption = None,
    storage: StorageOption = None,
    as_json: JsonOption = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
) -> None:
    """List the trials of a study."""
    with workspace(home, storage).study(study) as found:
        all_trials = found.trials()
        listed = [rows.row(found, trial) for trial in all_trials]
        configs = [rows.config(found, trial) for trial in all_trials]
    if as_json:
        print_json(listed)
    elif as_csv:
        _print_csv(listed)
    else:
        print_table(
            ("trial", "state", "value", "epochs", "seconds", "parameters", "configuration"),
            [
                [
                    str(row["number"]),
                    row["failure"] or row["state"],
                    number(_value(row)),
                    cell(row["epochs"]),
                    "" if row["seconds"] is None else f"{row['seconds']:.1f}",
                    "" if row["parameters"] is None else f"{row['parameters']:,}",
                    describe(config) if config else _pairs(row["config"]),
                ]
                for row, config in zip(listed, configs, strict=True)
            ],
            words=["state", "configuration"],
        )


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


def _pairs(params: dict[str, Any]) -> str:
    """What is fixed of a configuration that is not drawn yet."""
    return ", ".join(f"{key} {cell(value)}" for key, value in params.items())

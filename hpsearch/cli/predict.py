"""``hpsearch predict``: what a trained network says of new examples."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hpsearch.cli.options import HomeOption, JsonOption
from hpsearch.cli.output import Screen, number, print_json, print_table, tell
from hpsearch.cli.workspace import StorageOption, say_here, workspace
from hpsearch.errors import InputError
from hpsearch.text import duration, plural, shortened

if TYPE_CHECKING:
    import polars as pl

_COLUMNS = 8
"""Columns of predictions, at most, that are shown on a terminal."""


def predict(
    what: Annotated[
        str,
        typer.Argument(
            metavar="WHAT",
            help="A study (its confirmed winner, else its best trial), a recipe that was trained,"
            " the folder of hpsearch train -o, or an exported model.",
        ),
    ],
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            help="New examples. A table: .csv, .tsv, .parquet, .arrow. Arrays: .npy, or .npz with"
            " x. Images: a folder.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help="File to write, .csv or .parquet (default: the first rows on the terminal).",
        ),
    ] = None,
    keep: Annotated[
        str | None,
        typer.Option(
            "--keep",
            metavar="A,B",
            help="Of a table: columns to copy in front of the predictions, such as its key.",
        ),
    ] = None,
    trial: Annotated[
        int | None,
        typer.Option("--trial", metavar="N", help="Of a study: number of the trial."),
    ] = None,
    ensemble: Annotated[
        bool,
        typer.Option("--ensemble", help="Of a study: predict with what hpsearch ensemble chose."),
    ] = False,
    refit: Annotated[
        bool,
        typer.Option(
            "--refit",
            help="Of a study: predict with what hpsearch refit trained, the winner or (with"
            " --ensemble) the ensemble.",
        ),
    ] = False,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="dataset.KEY=VALUE",
            help="Of a table: delimiter, decimal, encoding, header or missing, if other than in"
            " training. Of images: image_size, image_mode, to resize or convert them (repeatable).",
        ),
    ] = None,
    home: HomeOption = None,
    storage: StorageOption = None,
    as_json: JsonOption = False,
) -> None:
    """Predict new examples with a trained network: a row for each, in their order."""
    # polars, which it needs, is a fifth of the time that --help takes.
    from hpsearch.services import predict as service  # noqa: PLC0415
    from hpsearch.services.predictors import is_trained  # noqa: PLC0415

    if not is_trained(what):
        say_here(home, storage)
    done = service.predict(
        what,
        data,
        workspace(home, storage),
        Screen(),
        output=output,
        trial=trial,
        ensemble=ensemble,
        refit=refit,
        keep=_names(keep),
        overrides=overrides or (),
    )
    if as_json:
        print_json(done.plain())
    elif done.first is not None:
        _print_first(done.first)
    else:
        tell(
            f"Wrote {plural(done.rows, 'prediction')} to {done.output} in {duration(done.seconds)}"
        )


def _names(keep: str | None) -> list[str]:
    """The columns that --keep names."""
    if keep is None:
        return []
    names = [name.strip() for name in keep.split(",")]
    if not all(names):
        raise InputError(f"--keep {keep!r}: has an empty name; write --keep id,name")
    return names


def _print_first(table: "pl.DataFrame") -> None:
    """The first predictions for a reader."""
    shown = table.columns[:_COLUMNS]
    words = [name for name in shown if not table[name].dtype.is_numeric()]
    print_table(
        [shortened(name) for name in shown],
        [[_cell(value) for value in row] for row in table.select(shown).rows()],
        words=[shortened(name) for name in words],
    )
    left = len(table.columns) - len(shown)
    more = f" and {plural(left, 'more column')}" if left else ""
    tell(f"The first {plural(len(table), 'row')}; all of them{more}: -o FILE.csv")


def _cell(value: object) -> str:
    if isinstance(value, float):
        return number(value)
    return "" if value is None else shortened(str(value))

"""``hpsearch data``: shows the data of a study file, or what is imported; removes imports."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from hpsearch.cli.named import is_data, study_of, typed
from hpsearch.cli.options import HomeOption, JsonOption, SetOption, TargetOption
from hpsearch.cli.output import Screen, print_json, print_table, progress, say, stdout, tell
from hpsearch.data.cache import clear as clear_imports
from hpsearch.data.cache import list_datasets
from hpsearch.data.section import DatasetSection
from hpsearch.errors import InputError, UnreachableError
from hpsearch.home import Home
from hpsearch.recipe import Recipe
from hpsearch.services.described import COLUMN_HEADS
from hpsearch.services.inspection import PARTS, Inspection, import_facts, inspect
from hpsearch.services.overwriting import refuse_to_replace
from hpsearch.space import config_at
from hpsearch.study_file import StudyFile, load_either
from hpsearch.text import plural, size

PAGE = "data.html"
"""In a data set's folder: the page about it, where no other name is given."""
_COLUMNS = 50
"""Columns of a table that are shown on a terminal."""
_WIDE = 100
"""Characters a line from which on the columns' first values fit beside the rest."""


def data(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]", parser=typed,
            help="Study file, recipe, or data as hpsearch run takes them (default: list all"
                 " imported data).",
        ),
    ] = None,
    target: TargetOption = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="FILE",
            help="File for the page (.html), or for the sample images alone, augmented where"
                 " training changes them (.png).",
        ),
    ] = None,
    clear: Annotated[
        bool, typer.Option("--clear", help="Remove the imported data of FILE, or all imported"
                                           " data.")
    ] = False,
    overrides: SetOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Inspect data before training: classes, columns, splits, sample images, problems."""
    place = Home.find(home)
    if file is None and (output is not None or overrides or target is not None):
        raise InputError("-o, --set and --target need data; name them: hpsearch data FILE")
    if clear and (output is not None or as_json):
        raise InputError("--clear only removes data; leave out -o and --json")
    if output is not None and output.suffix not in (".html", ".png"):
        raise InputError(f"-o {output}: unknown ending; use a name that ends in .html or .png")
    if output is not None:
        refuse_to_replace(output, "samples" if output.suffix == ".png" else "data")
    found = None if file is None else _found(file, target, overrides or ())
    if clear:
        _clear(place, None if found is None else found.dataset)
    elif found is None:
        _list(place, as_json)
    else:
        _show(found, place, output, as_json)


def _found(file: Path, target: str | None, overrides: Sequence[str]) -> StudyFile | Recipe:
    """The study file or recipe in a file, or the study of data that were named."""
    if target is None and not is_data(file):
        return load_either(file, overrides)
    return study_of(file, target, overrides)


def _clear(home: Home, section: DatasetSection | None) -> None:
    with progress() as report:
        removed = clear_imports(home, section, report)
    tell(f"Removed {plural(removed, 'imported data set')}.")


def _list(home: Home, as_json: bool) -> None:
    """All imported data sets."""
    rows = [import_facts(dataset) for dataset in list_datasets(home)]
    if as_json:
        print_json(rows)
    elif rows:
        print_table(
            ("data set", "from", "train", "test", "size", "imported"),
            [
                [row["source"], row["path"] or "", f"{row['train_split']:,}", f"{row['test']:,}",
                 size(row["bytes"]), row["imported"]]
                for row in rows
            ],
            words=["from", "imported"],
        )  # fmt: skip
    else:
        stdout().print(f"No data are imported in {home.datasets}.")


def _show(found: StudyFile | Recipe, home: Home, output: Path | None, as_json: bool) -> None:
    """The data of one study: facts, classes or columns, warnings, and the page about them."""
    config = found.config if isinstance(found, Recipe) else config_at(found.space, 1.0)
    view = inspect(found.dataset, config.augment, home, Screen())
    if view.augment.is_on:
        say("Augmenting sample images: TensorFlow takes a few seconds to start.")
    page = view.write(output) if output else _kept(view)
    if as_json:
        print_json(view.plain(page))
        return
    out = stdout()
    width = max(len(label) for label in view.facts)
    for label, text in view.facts.items():
        out.print(f"{label:{width}}  {text}")
    if view.classes:
        print_table(
            ("class", *PARTS),
            [[row["name"], *(f"{row[part]:,}" for part in PARTS)] for row in view.classes],
        )
    _print_columns(view)
    for warning in view.warnings:
        say(f"warning: {warning}.")
    if page is not None:
        out.print(f"{'sample images' if page.suffix == '.png' else 'page'}: {page}")


def _print_columns(view: Inspection) -> None:
    """The first columns of a table, a line each; the page and --json have all."""
    rows = view.column_rows()
    if not rows:
        return
    shown = len(COLUMN_HEADS) - (stdout().width < _WIDE)
    print_table(
        COLUMN_HEADS[:shown],
        [row[:shown] for row in rows[:_COLUMNS]],
        cut=[COLUMN_HEADS[0], *COLUMN_HEADS[-2:]],
        words=["kind"],
    )
    if len(rows) > _COLUMNS:
        say(f"{len(rows) - _COLUMNS:,} more columns are on the page, and in --json.")


def _kept(view: Inspection) -> Path | None:
    """The page beside the data set's arrays; None in a home that this user cannot write."""
    try:
        return view.write(view.dataset.folder / PAGE)
    except UnreachableError as error:
        say(f"warning: {error}; -o FILE.html writes the page elsewhere.")
        return None

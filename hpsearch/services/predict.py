"""Predicting: what a trained network says of new examples, as a table with a row for each."""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from hpsearch.data.arrays import Progress as Steps
from hpsearch.data.arrays import silent, throttled
from hpsearch.data.section import DatasetSection
from hpsearch.data.sources.image_folder import ImageFolder
from hpsearch.data.sources.table import Table
from hpsearch.data.tables.dialect import Named
from hpsearch.errors import InputError
from hpsearch.files import check_writable
from hpsearch.parsing import parse
from hpsearch.services.new_arrays import open_new_array, open_new_images
from hpsearch.services.new_rows import NewRows, Takes, Told
from hpsearch.services.new_table import open_new_table
from hpsearch.services.overwriting import refuse_to_replace
from hpsearch.services.predictions import check_ending, names_of, table_of, written
from hpsearch.services.predictors import Answer, Predictor, find_predictor
from hpsearch.services.progress import Progress
from hpsearch.services.workspace import Workspace
from hpsearch.study_file import apply_override
from hpsearch.text import listed, plural, shortened, show

SHOWN = 10
"""Examples that are predicted where no file is asked for."""

_WRITING = ("delimiter", "decimal", "encoding", "header", "missing")
"""Keys of ``[dataset]`` that say how a table of text is written."""
_FORM = ("image_size", "image_mode")
"""Keys of ``[dataset]`` that say what images are brought to."""


@dataclass(frozen=True, kw_only=True)
class Predicted:
    """What came of it."""

    what: str
    """What predicted, in words."""
    data: Path
    output: Path | None
    """None: only the first examples were predicted."""
    rows: int
    columns: tuple[str, ...]
    """Of the output."""
    first: pl.DataFrame | None
    """The first predictions, where no file was written."""
    told: Told
    seconds: float

    def plain(self) -> dict[str, Any]:
        """The results as ``--json`` prints them."""
        told = self.told
        return {
            "model": self.what,
            "data": str(self.data),
            "output": None if self.output is None else str(self.output),
            "rows": self.rows,
            "columns": list(self.columns),
            "ignored": list(told.extra),
            "unread": dict(told.unread),
            "unknown": {
                name: {"rows": count, "example": told.example[name]}
                for name, count in told.unknown.items()
            },
            "skipped": told.skipped,
            "seconds": self.seconds,
            **({} if self.first is None else {"predictions": self.first.to_dicts()}),
        }


def predict(
    what: str,
    data: Path,
    workspace: Workspace,
    progress: Progress,
    *,
    output: Path | None = None,
    trial: int | None = None,
    ensemble: bool = False,
    refit: bool = False,
    keep: Sequence[str] = (),
    overrides: Sequence[str] = (),
    rows: int | None = None,
    called: str | None = None,
) -> Predicted:
    """Predict new examples: classes with their probabilities, or the target of a regression.

    The file may be larger than the memory. Examples keep their order, and each has its row.

    Args:
        what: see :func:`hpsearch.services.predictors.find_predictor`.
        data: of a table a file that source ``table`` reads, with or without the target; of arrays a
            .npy file, or an .npz file with the array x; of images a folder.
        workspace: home and storage.
        progress: counts the examples, and is told what is to be known of them at the end.
        output: a .csv or .parquet file; what predict wrote there before gives way. None: only the
            first examples are predicted.
        trial: of a study another trial than its best one, or than the confirmed winner.
        ensemble: predict with a study's ensemble.
        refit: of a study predict with what ``hpsearch refit`` trained.
        keep: columns of a table that are copied in front of the predictions.
        overrides: ``dataset.KEY=VALUE``, where a table of text is written otherwise than the
            training data were, or images are to be resized or converted that were not then.
        rows: examples that are in memory at once; None: as many as are quick.
        called: what the data are called where progress is told; None: by their path.

    Raises:
        InputError: no such predictor, data that do not fit it, a file that is another's.
        NoTrialError: no trial of the study completed.
        UnreachableError: files that cannot be read or written.
    """
    if output is not None:
        check_ending(output)
        if output.exists() and data.exists() and output.samefile(data):
            raise InputError(f"-o {output}: is the data; choose another name")
        refuse_to_replace(output, "predictions")
    started = time.monotonic()
    predictor = find_predictor(
        what, workspace, progress, trial=trial, ensemble=ensemble, refit=refit
    )
    examples = _open(data, predictor.takes, keep, overrides, SHOWN if output is None else rows)
    _check_names(keep, predictor.class_names)
    if output is not None:
        check_writable(output)
    progress.say(f"Predicting {called or data} with {predictor.what}.")
    answer, first = predictor.load(), None
    if output is None:
        first = _first(predictor, answer, examples)
        columns, count = first.columns, len(first)
    else:
        with progress.steps() as steps:
            tables = _tables(predictor, answer, examples, steps)
            columns, count = _write(tables, output)
    for line in told_of(examples.told):
        progress.say(line)
    return Predicted(
        what=predictor.what,
        data=data,
        output=output,
        rows=count,
        columns=tuple(columns),
        first=first,
        told=examples.told,
        seconds=time.monotonic() - started,
    )


def _open(
    data: Path, takes: Takes, keep: Sequence[str], overrides: Sequence[str], rows: int | None
) -> NewRows:
    """The new examples, whatever they are."""
    if not data.exists():
        raise InputError(f"{data}: no such file or folder; give the new examples")
    if takes.columns:
        return open_new_table(data, takes, _named(takes, overrides), keep=keep, rows=rows)
    if keep:
        raise InputError(f"--keep {keep[0]}: is of tables, and this network takes none")
    if data.is_dir():
        return open_new_images(data, _formed(takes, overrides), rows=rows)
    if overrides:
        raise InputError(f"--set {overrides[0]}: is of tables and images, not of arrays")
    return open_new_array(data, takes, rows=rows)


def _named(takes: Takes, overrides: Sequence[str]) -> Named:
    """How a table of text is written: as the training data were, but for what is said."""
    table = parse(Table, {"path": ".", **_keys(_WRITING, takes, overrides)}, "--set")
    return Named(
        delimiter=table.delimiter,
        decimal=table.decimal,
        encoding=table.encoding,
        header=table.header,
        missing=table.missing or (),
    )


def _keys(known: Sequence[str], takes: Takes, overrides: Sequence[str]) -> dict[str, Any]:
    """The known keys of ``[dataset]``: as the training data were read, but for what is said."""
    given: dict[str, Any] = {}
    for override in overrides:
        apply_override(given, override)
        keys = given["dataset"].keys() if isinstance(given.get("dataset"), dict) else {""}
        if given.keys() != {"dataset"} or not keys <= set(known):
            names = ", ".join(f"dataset.{key}" for key in known)
            raise InputError(f"--set {override}: cannot be set here; known: {names}")
    before = {key: getattr(takes.section, key, None) for key in known}
    return {**before, **given.get("dataset", {})}


def _formed(takes: Takes, overrides: Sequence[str]) -> Takes:
    """What a network takes, with what new images are brought to: as ``--set`` says, too."""
    given = {"source": ImageFolder.name, "path": ".", **_keys(_FORM, takes, overrides)}
    section = parse(DatasetSection, given, "--set")
    wanted = {
        "image_size": takes.shape[:2],
        "image_mode": "rgb" if takes.shape[2:] == (3,) else "grey",
    }
    for key, value in wanted.items():
        asked = getattr(section, key)
        if asked not in (None, value) and overrides:
            raise InputError(
                f"--set dataset.{key}: is {show(asked)}, but the network takes {show(value)};"
                " correct it"
            )
    return replace(takes, section=section)


def _check_names(keep: Sequence[str], class_names: Sequence[str]) -> None:
    """Refuse two columns of one name."""
    names = names_of(class_names)
    for place, name in enumerate(keep):
        if name in names or name in keep[:place]:
            raise InputError(f"--keep {name}: the output has such a column already; leave it out")


def _tables(
    predictor: Predictor, answer: Answer, examples: NewRows, steps: Steps = silent
) -> Iterator[pl.DataFrame]:
    """The predictions, batch by batch, with what stands before them."""
    report, done = throttled(steps), 0
    for batch in examples.batches:
        found = table_of(answer(batch.x), predictor.class_names)
        done += len(found)
        report("predicting", done, max(done, examples.total))
        yield pl.DataFrame([*batch.beside, *found])
    if done != examples.total:
        report("predicting", done, done)


def _first(predictor: Predictor, answer: Answer, examples: NewRows) -> pl.DataFrame:
    """The first predictions."""
    found = pl.DataFrame()
    with closing(examples.batches):
        for table in _tables(predictor, answer, examples):
            found = pl.concat([found, table]) if len(found) else table
            if len(found) >= SHOWN:
                break
    return found[:SHOWN]


def _write(tables: Iterator[pl.DataFrame], output: Path) -> tuple[list[str], int]:
    """Write the predictions; the names of their columns, and how many there are."""
    columns, count = list[str](), 0
    with written(output) as write:
        for table in tables:
            write(table)
            columns, count = table.columns, count + len(table)
    return columns, count


def told_of(told: Told) -> list[str]:
    """What a user should know of the new examples, one line each."""
    lines = []
    if told.extra:
        lines.append(f"Ignored columns: {shortened(', '.join(map(show, told.extra)))}.")
    for name, count in told.unknown.items():
        lines.append(
            f"warning: column {show(name)}: {plural(count, 'row')} with a category that the"
            f" training data do not have, such as {show(told.example[name])}; taken as unknown."
        )
    for name, count in told.unread.items():
        lines.append(
            f"warning: column {show(name)}: {plural(count, 'value')} that cannot be read; taken as"
            " missing."
        )
    if told.skipped:
        more = len(told.skipped) - 3
        named = [*told.skipped[:3], *([f"{more:,} more"] if more > 0 else [])]
        lines.append(
            f"warning: {plural(len(told.skipped), 'file')} without a prediction, as they are no"
            f" readable images: {listed(named)}."
        )
    return lines

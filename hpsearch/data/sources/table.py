"""Source "table": files of columns, CSV, TSV, Parquet or Arrow, one of which is the target."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from hpsearch.data.arrays import Arrays, Progress, TaskName
from hpsearch.data.signature import SourceFiles, source_files
from hpsearch.data.sources.source import DataPath, Look, Source
from hpsearch.data.tables.files import ending, files_of, holds_table
from hpsearch.errors import InputError
from hpsearch.fields import Bool, of_form
from hpsearch.presets.sizes import Sizes

ColumnName = Annotated[str, Field(min_length=1)]


class Table(Source):
    """A table of your own: a row for each example, a column for each input, and the target."""

    name = "table"
    looks = "a .csv, .tsv, .parquet or .arrow file (or a folder with train.csv)"
    given = "val.csv"
    usual = Sizes(rows=10_000)
    usual_scale = "standardize"
    sample = "table.csv"
    path_about = "or a folder with train.csv, and test.csv if you have it"
    more_lines = """\
target = "target"            # the column to predict
# ignore = ["id"]            # columns that are no inputs
# categorical = ["zip"]      # numbers that are names
"""

    path: DataPath
    task: TaskName | None = None
    target: ColumnName | None = None
    """Of a table: the column to predict."""
    ignore: tuple[ColumnName, ...] | None = None
    """Of a table: columns that are no inputs."""
    categorical: tuple[ColumnName, ...] | None = None
    """Of a table: columns that are categories, whatever their values look like."""
    group: ColumnName | None = None
    """Of a table: examples with the same value here stay on one side of every split."""
    time: ColumnName | None = None
    """Of a table: when each example was (dates or numbers): the newest are test and validation."""
    weight: ColumnName | None = None
    """Of a table: how much each example counts (numbers from 0)."""
    delimiter: (
        Annotated[str, of_form(r'[^"\r\n]', 'one character that is no quote, such as ";"')] | None
    ) = None
    """Of a table of text: the character between two fields; left out, it is found out."""
    decimal: Literal[".", ","] | None = None
    """Of a table of text: what stands before a fraction; left out, it is found out."""
    encoding: ColumnName | None = None
    """Of a table of text: its encoding, such as "cp1252"; left out, it is found out."""
    header: Bool | None = None
    """Of a table of text: whether its first row has names; left out, it is found out."""
    missing: tuple[str, ...] | None = None
    """Of a table: texts that stand for a missing value, beside the usual ones."""

    @classmethod
    def looks_like(cls, path: Path) -> bool:
        """Whether its name ends as a table's does, or it is a folder of such a training part."""
        return ending(path) is not None or holds_table(path)

    @classmethod
    def look(cls, path: Path) -> Look:
        """The rows and columns of its training part."""
        # As of ``load``.
        from hpsearch.data.tables.reading import open_table  # noqa: PLC0415

        files = files_of(path)
        opened = open_table(files["train"])
        return Look(
            rows=opened.rows,
            validation=open_table(files["val"]).rows if "val" in files else 0,
            columns=tuple(opened.names),
            notes=tuple(opened.notes),
        )

    @property
    def splits_by_seed(self) -> bool:
        """Whether the table has no times."""
        return self.time is None

    def files(self) -> SourceFiles:
        """That file, or those of the folder."""
        return source_files(Path(self.path), depth=1)

    def load(self, progress: Progress) -> Arrays:
        """Read the table: CSV, TSV or other text (also gzipped), Parquet or Arrow.

        A folder has ``train``, and may have ``val`` and ``test``, with one of these endings. What
        each column is is found by :func:`hpsearch.data.tables.kinds.find`, what is learnt by
        :func:`hpsearch.data.tables.target.find`, how text is written by
        :func:`hpsearch.data.tables.dialect.find`. Inputs have shape (n, sum of the columns'
        widths), type float32, NaN where a value is missing.
        """
        # polars is a tenth of the time that other commands take to start.
        from hpsearch.data.tables.dialect import Named  # noqa: PLC0415
        from hpsearch.data.tables.importing import Roles, load, train_names  # noqa: PLC0415

        named = Named(
            delimiter=self.delimiter,
            decimal=self.decimal,
            encoding=self.encoding,
            header=self.header,
            missing=self.missing or (),
        )
        if self.target is None:
            names = ", ".join(train_names(Path(self.path), named))
            raise InputError(f"{self.path}: add dataset.target, the column to predict: {names}")
        if self.group is not None and self.time is not None:
            raise InputError(
                f"{self.path}: dataset.group and dataset.time both say how to split; leave one out"
            )
        roles = Roles(
            target=self.target,
            ignore=self.ignore or (),
            categorical=self.categorical or (),
            group=self.group,
            time=self.time,
            weight=self.weight,
        )
        return load(Path(self.path), named, roles, self.task, progress)

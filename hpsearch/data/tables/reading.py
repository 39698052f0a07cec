"""Reading: opens a file of columns, of text or typed."""

from pathlib import Path

from hpsearch.data.tables.delimited import Delimited
from hpsearch.data.tables.dialect import Named
from hpsearch.data.tables.files import TEXT, ending, refuse_others
from hpsearch.data.tables.table import Table
from hpsearch.data.tables.typed import Typed


def open_table(path: Path, named: Named | None = None, *, all_named: bool = True) -> Table:
    """Open a file of columns: CSV, TSV, other text (also gzipped), Parquet or Arrow.

    Args:
        path: the file.
        named: what the user says of how a file of text is written.
        all_named: refuse columns without a name, which new rows may have beside the inputs.

    Raises:
        InputError: no such file, an empty one, a binary file with an ending of text, and what
            :func:`hpsearch.data.tables.dialect.find` finds wrong.
        UnreachableError: it cannot be read.
    """
    refuse_others(path)
    named = named or Named()
    kind = Delimited if ending(path) in TEXT else Typed
    return kind(path, named, all_named=all_named)

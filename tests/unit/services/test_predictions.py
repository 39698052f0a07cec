"""The table of predictions, and the file that it is written to."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from hpsearch.errors import InputError, UnreachableError
from hpsearch.services.overwriting import refuse_to_replace
from hpsearch.services.predictions import check_ending, is_predictions, table_of, written

SHARES = np.array([[0.25, 0.75], [0.5, 0.5]])


def test_classes_are_told_by_name_with_the_probability_of_each() -> None:
    table = table_of(SHARES, ["no", "yes"])
    assert table.columns == ["prediction", "probability_no", "probability_yes"]
    assert table.rows() == [("yes", 0.25, 0.75), ("no", 0.5, 0.5)]


def test_of_many_classes_the_greatest_probability_is_told() -> None:
    shares = np.full((2, 101), 0.005)
    shares[0, 100] = 0.5
    table = table_of(shares, [str(number) for number in range(101)])
    assert table.columns == ["prediction", "probability"]
    assert table["prediction"].to_list() == ["100", "0"]
    assert table["probability"].to_list() == pytest.approx([0.5, 0.005])
    assert table_of(shares[:, :100], [str(number) for number in range(100)]).width == 101


def test_a_regression_has_one_column() -> None:
    assert table_of(np.array([[1.5], [2.0]]), ()).to_dict(as_series=False) == {
        "prediction": [1.5, 2.0]
    }


@pytest.mark.parametrize("name", ["a.csv", "new/folder/a.parquet"])
def test_tables_are_written_one_behind_the_other(tmp_path: Path, name: str) -> None:
    table = table_of(SHARES, ["no", "yes"])
    with written(tmp_path / name) as write:
        for _ in range(3):
            write(table)
        assert not (tmp_path / name).exists()
    read = pl.read_csv if name.endswith(".csv") else pl.read_parquet
    found = read(tmp_path / name)
    assert found.rows() == table.rows() * 3
    assert is_predictions(tmp_path / name)
    assert [each.name for each in (tmp_path / name).parent.iterdir()] == [Path(name).name]


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_what_does_not_come_to_its_end_leaves_what_was_there(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("before")
    table = table_of(SHARES, ["no", "yes"])
    damaged = (table if number < 2 else table["none"] for number in range(3))

    def write_all() -> None:
        with written(tmp_path / name) as write:
            for each in damaged:
                write(each)

    with pytest.raises(pl.exceptions.ColumnNotFoundError):
        write_all()
    assert (tmp_path / name).read_text() == "before"
    assert len([*tmp_path.iterdir()]) == 1


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(UnreachableError, match=r"a\.parquet: cannot be written"),
        written(tmp_path / "file" / "a.parquet"),
    ):
        pass


def test_predictions_are_written_over_and_other_tables_are_not(tmp_path: Path) -> None:
    for name, text in (
        ("a.csv", "id,prediction,probability_a\n"),
        ("b.csv", "prediction\n"),
        ("c.csv", '"a,b",prediction,probability\n'),
    ):
        (tmp_path / name).write_text(text)
        refuse_to_replace(tmp_path / name, "predictions")
    pl.DataFrame({"id": [1], "y": [2]}).write_parquet(tmp_path / "other.parquet")
    for name, text in (
        ("d.csv", "id,prediction,other\n"),
        ("e.csv", ""),
        ("f.csv", "probability_a\n"),
        ("g.parquet", "none"),
    ):
        (tmp_path / name).write_text(text)
    for name in ("d.csv", "e.csv", "f.csv", "g.parquet", "other.parquet"):
        with pytest.raises(InputError, match="is not a table of predictions"):
            refuse_to_replace(tmp_path / name, "predictions")


def test_another_ending_is_refused() -> None:
    check_ending(Path("a.csv"))
    with pytest.raises(InputError, match=r"-o a\.xlsx: predictions are a table"):
        check_ending(Path("a.xlsx"))

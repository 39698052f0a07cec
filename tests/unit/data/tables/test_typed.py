from pathlib import Path

import polars as pl
import pytest

from hpsearch.data.tables.dialect import Named
from hpsearch.data.tables.typed import Typed
from hpsearch.errors import InputError, UnreachableError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a[1].parquet"
    pl.DataFrame({"a": [1, 2], "b": ["x", " y "]}).write_parquet(path)
    return path


def test_a_name_with_brackets_is_no_pattern(path: Path) -> None:
    table = Typed(path, Named())
    assert table.rows == 2
    assert table.column("a").dtype == pl.Int64
    assert table.column("b").to_list() == ["x", "y"]


@pytest.mark.parametrize(
    "error",
    [
        OSError("a buffer beyond the end"),
        pl.exceptions.ComputeError("out of\nspec"),
        pl.exceptions.PanicException("unwrap"),
    ],
)
def test_what_polars_raises_on_made_up_bytes_is_a_damaged_file(
    path: Path, error: BaseException
) -> None:
    with pytest.raises(InputError, match=r"damaged or no \.parquet file"):  # noqa: SIM117
        with Typed(path, Named())._explained():
            raise error


def test_a_file_that_the_system_does_not_give_is_unreachable(path: Path) -> None:
    with pytest.raises(UnreachableError, match="Input/output error"):  # noqa: SIM117
        with Typed(path, Named())._explained():
            raise OSError(5, "Input/output error")


def test_a_column_without_a_name_is_refused(tmp_path: Path) -> None:
    pl.DataFrame({"a": [1], " ": [2]}).write_parquet(tmp_path / "a.parquet")
    with pytest.raises(InputError, match="a column without a name"):
        Typed(tmp_path / "a.parquet", Named())

from pathlib import Path

import pytest

from hpsearch.errors import InputError
from hpsearch.services.tables import check_target, columns_of, rows_of


def test_a_table_tells_its_columns_and_rows(tmp_path: Path) -> None:
    table = tmp_path / "houses.csv"
    table.write_text("area,price\n1,2\n3,4\n")
    assert (columns_of(table), rows_of(table)) == (["area", "price"], 2)
    check_target(table, "price")
    with pytest.raises(InputError, match=r"--target prise: .* did you mean price\?"):
        check_target(table, "prise")


def test_where_no_names_were_found_it_is_told_with_the_target(tmp_path: Path) -> None:
    table = tmp_path / "years.csv"
    table.write_text("country,1990,1991\na,1,2\nb,3,4\n")
    with pytest.raises(InputError, match=r"columns are column_1 to column_3 \(header = true"):
        check_target(table, "1991")

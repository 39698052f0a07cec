import csv
import tempfile
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.data.tables import delimited
from hpsearch.data.tables.dialect import Named
from hpsearch.data.tables.reading import open_table
from hpsearch.data.tables.values import MISSING
from hpsearch.errors import InputError, UnreachableError


@pytest.fixture(params=["csv", "csv.gz", "parquet", "arrow"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    frame = pl.DataFrame({"a": [f"0{i}" for i in range(9)], "b": ["x", "-", *["y"] * 7]})
    path = tmp_path / f"a.{request.param}"
    if request.param == "parquet":
        frame.write_parquet(path)
    elif request.param == "arrow":
        frame.write_ipc(path)
    else:
        frame.write_csv(path, compression="gzip" if path.suffix == ".gz" else "uncompressed")
    return path


def test_columns_are_read_as_they_stand(path: Path) -> None:
    table = open_table(path, Named(missing=("-",)))
    assert (table.names, table.rows) == (("a", "b"), 9)
    assert table.column("b").to_list() == ["x", None, *["y"] * 7]
    assert table.column("a").to_list() == [f"0{i}" for i in range(9)]
    assert table.cells("a").decimal == "."


@pytest.mark.parametrize(("rows", "sizes"), [(4, [4, 4, 1]), (1, [1] * 9), (100, [9])])
def test_batches_are_all_rows_in_their_order(path: Path, rows: int, sizes: list[int]) -> None:
    frames = list(open_table(path).batches(["b", "a"], rows))
    assert sum(frame.height for frame in frames) == 9
    if path.suffix in (".parquet", ".arrow"):
        assert [frame.height for frame in frames] == sizes
    assert max(frame.height for frame in frames) <= rows
    assert pl.concat(frames)["a"].to_list() == [f"0{i}" for i in range(9)]
    assert frames[0].columns == ["b", "a"]


def test_columns_that_do_not_fit_together_are_unpacked_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b,c\n" + "1,2,3\n" * 1000)
    whole = {name: open_table(path).column(name).to_list() for name in "abc"}
    monkeypatch.setattr(delimited, "_HELD", 2.5 * 1000 * (16 + 2))
    monkeypatch.setattr(delimited, "_FIELDS", 100)
    table = open_table(path)
    assert isinstance(table, delimited.Delimited)
    for name, held in {"c": ["c"], "b": ["a", "b"], "a": ["a", "b"]}.items():
        assert table.column(name).to_list() == whole[name]
        assert list(table._kept) == held


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b\n1,2\n")
    full = Path("/dev/full").open("r+b", 0)  # noqa: SIM115 - the table closes it
    monkeypatch.setattr(delimited, "TemporaryFile", lambda **_: full)
    with pytest.raises(UnreachableError, match="No space left on device; free space there"):
        open_table(path).column("a")


def test_no_folder_for_temporary_files_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b\n1,2\n")
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: ["/proc/none"])
    monkeypatch.setenv("TMPDIR", "/proc/none")
    with pytest.raises(UnreachableError, match=r"/proc/none: .*set TMPDIR to another folder"):
        open_table(path).column("a")


def test_a_wrong_row_far_down_is_told_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b\n" + "1,2\n" * 100_000 + "1,2,3\n")
    table = open_table(path)
    with pytest.raises(InputError, match="line 100002: the row has 3 fields"):
        table.column("b")
    with pytest.raises(InputError, match="line 100002"):
        list(table.batches(["a"], 1000))


TEXTS = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), include_characters="\n\r\t"), max_size=8
)


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=20), st.sampled_from(",;\t|"))
def test_whatever_is_written_as_csv_is_read_again(
    rows: list[tuple[str, str]], delimiter: str
) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows(
                [("name", "other"), *rows]
            )
        table = open_table(path, Named(delimiter=delimiter, header=True))
        for place, name in enumerate(table.names):
            written = [row[place].strip() for row in rows]
            read = ["" if text is None else text for text in table.column(name)]
            assert read == ["" if text in MISSING else text for text in written]

"""New examples as they are read: what fits a network, and what is told of them."""

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

from hpsearch.data.section import DatasetSection
from hpsearch.data.tables.column import Column
from hpsearch.data.tables.dialect import Named
from hpsearch.errors import InputError
from hpsearch.services.new_arrays import open_new_array, open_new_images
from hpsearch.services.new_rows import NewRows, Takes
from hpsearch.services.new_table import open_new_table

COLUMNS = (
    Column(name="n", kind="number"),
    Column(name="c", kind="category", categories=("a", "b")),
)
TABLE = Takes(columns=COLUMNS)
TEXT = "more,c,id,n\nz,b,1,1.5\nz,,2,x\nz,new,3,\nz,a,4,-2\n"
STORED = np.array([[1.5, 1], [np.nan, np.nan], [np.nan, -1], [-2, 0]], np.float32)


def all_of(examples: NewRows) -> tuple[np.ndarray[Any, Any], list[int]]:
    found = [batch.x for batch in examples.batches]
    return np.concatenate(found), [len(each) for each in found]


@pytest.fixture(params=["rows.csv", "rows.csv.gz", "rows.tsv", "rows.parquet"])
def table(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / str(request.param)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(TEXT.encode()))
    elif path.suffix == ".parquet":
        (tmp_path / "as.csv").write_text(TEXT)
        pl.read_csv(tmp_path / "as.csv").write_parquet(path)
    else:
        path.write_text(TEXT.replace(",", "\t" if path.suffix == ".tsv" else ","))
    return path


@pytest.mark.parametrize("rows", [1, 3, None])
def test_rows_of_a_table_are_stored_as_those_of_the_training_data(
    table: Path, rows: int | None
) -> None:
    examples = open_new_table(table, TABLE, Named(), rows=rows)
    found, sizes = all_of(examples)
    np.testing.assert_array_equal(found, STORED, strict=True)
    assert max(sizes) <= (rows or 4)
    assert examples.total == 4
    told = examples.told
    assert told.extra == ("more", "id")
    assert (dict(told.unread), dict(told.unknown)) == ({"n": 1}, {"c": 1})
    assert told.example == {"c": "new"}


def test_columns_are_kept_as_they_stand(table: Path) -> None:
    examples = open_new_table(table, TABLE, Named(), keep=("id", "c"), rows=2)
    kept = [pl.DataFrame(batch.beside) for batch in examples.batches]
    assert {tuple(each.columns) for each in kept} == {("id", "c")}
    whole = pl.concat(kept)
    assert whole["id"].cast(pl.Int64).to_list() == [1, 2, 3, 4]
    assert whole["c"].to_list() == ["b", None, "new", "a"]
    assert examples.told.extra == ("more",)


def test_columns_that_are_not_there_are_named(table: Path) -> None:
    lacking = Takes(columns=(*COLUMNS, Column(name="mores", kind="number")))
    with pytest.raises(InputError, match='has no column "mores"; did you mean more'):
        open_new_table(table, lacking, Named())
    with pytest.raises(InputError, match=r"--keep ids: .*has no such column; did you mean id"):
        open_new_table(table, TABLE, Named(), keep=("ids",))


@pytest.mark.parametrize("place", [0, 1, 4])
def test_columns_without_a_name_are_passed_over(place: int, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    lines = [line.split(",") for line in TEXT.splitlines()]
    cells = [[*each[:place], str(i) if i else "", *each[place:]] for i, each in enumerate(lines)]
    path.write_text("\n".join(map(",".join, cells)))
    pl.read_csv(path, new_columns=[one or " " for one in cells[0]]).write_parquet(
        tmp_path / "rows.parquet"
    )
    for file in (path, tmp_path / "rows.parquet"):
        examples = open_new_table(file, TABLE, Named())
        np.testing.assert_array_equal(all_of(examples)[0], STORED)
        assert {"more", "id"} < set(examples.told.extra)
        assert len(examples.told.extra) == 3


def test_a_decimal_comma_is_found_out(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("c;n\nb;1,5\n;\na;-2\n")
    found, _ = all_of(open_new_table(tmp_path / "rows.csv", TABLE, Named()))
    np.testing.assert_array_equal(found, STORED[[0, 1, 3]])


@pytest.mark.parametrize("text", ["", "n,c\n"])
def test_a_table_without_rows_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "rows.csv").write_text(text)
    with pytest.raises(InputError, match=r"rows\.csv (is empty|has )"):
        list(open_new_table(tmp_path / "rows.csv", TABLE, Named()).batches)


def test_a_model_that_was_exported_gets_the_columns_themselves(tmp_path: Path) -> None:
    dates = (Column(name="d", kind="date"), Column(name="t", kind="date"))
    frame = pl.DataFrame(
        {
            "n": ["1.5", "x", None],
            "c": ["b", None, "new"],
            "d": ["2024-03-01", None, "2024-12-31"],
            "t": ["2024-03-01 12:30:00.250", None, "2024-12-31 00:00:00.000"],
        }
    )
    times = frame.with_columns(
        pl.col("d").str.to_date(), pl.col("t").str.to_datetime(time_unit="ms")
    )
    frame.write_csv(tmp_path / "rows.csv")
    times.write_parquet(tmp_path / "rows.parquet")
    takes = Takes(columns=(*COLUMNS, *dates), is_raw=True)
    for name in ("rows.csv", "rows.parquet"):
        examples = open_new_table(tmp_path / name, takes, Named())
        (batch,) = examples.batches
        assert isinstance(batch.x, dict)
        np.testing.assert_array_equal(batch.x["n"], np.float32([1.5, np.nan, np.nan]), strict=True)
        assert {key: list(batch.x[key]) for key in "cdt"} == {
            key: frame[key].fill_null("").to_list() for key in "cdt"
        }
        assert dict(examples.told.unread) == {"n": 1}
    (tmp_path / "other.csv").write_text("n,c,d,t\n1,a,1.12.2024,?\n2,a,long ago,2024-12-31\n")
    day_first = Column(name="d", kind="date", date_format="%d.%m.%Y")
    takes = Takes(columns=(*COLUMNS, day_first, dates[1]), is_raw=True)
    examples = open_new_table(tmp_path / "other.csv", takes, Named())
    (batch,) = examples.batches
    assert [list(batch.x[key]) for key in "dt"] == [["2024-12-01", ""], ["", "2024-12-31"]]
    assert dict(examples.told.unread) == {"d": 1}


@pytest.mark.parametrize("form", ["npy", "npz", "single"])
def test_arrays_are_read_in_their_order(tmp_path: Path, form: str) -> None:
    x = np.arange(40).reshape(10, 2, 2)
    path = tmp_path / ("x.npy" if form == "npy" else "x.npz")
    if form == "npy":
        np.save(path, x)
    elif form == "npz":
        np.savez(path, y=x[:, 0, 0], x=x)
    else:
        np.savez(path, images=x)
    takes = Takes(shape=(2, 2), dtype="uint8")
    found, sizes = all_of(open_new_array(path, takes, rows=4))
    np.testing.assert_array_equal(found, x.astype(np.uint8), strict=True)
    assert sizes == [4, 4, 2]


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"x": np.zeros((3, 2))}, r"has shape \(3, 2\), but the network takes \(n, 2, 2\)"),
        ({"x": np.zeros((0, 2, 2))}, "n at least 1"),
        ({"x": np.full((3, 2, 2), 0.5)}, "example 0 holds 0.5, which is no value of uint8"),
        ({"x": np.full((3, 2, 2), 256)}, "example 0 holds 256"),
        ({"x": np.full((3, 2, 2), "a")}, "holds <U1, and the network takes numbers"),
        ({"a": np.zeros(3), "b": np.zeros(3)}, r'arrays \["a", "b"\], and none is called x'),
        ({"x": np.array([None])}, "neither .npy nor .npz"),
        (None, "is no array that can be read"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(
    tmp_path: Path, arrays: dict[str, Any] | None, says: str
) -> None:
    path = tmp_path / "x.npz"
    if arrays is None:
        path.write_bytes(b"PK\x03\x04 nothing")
    else:
        np.savez(path, **arrays)
    with pytest.raises(InputError, match=says):
        list(open_new_array(path, Takes(shape=(2, 2), dtype="uint8")).batches)


def test_numbers_that_are_not_finite_are_named_by_their_example(tmp_path: Path) -> None:
    x = np.zeros((6, 2))
    x[4, 1] = np.nan
    np.save(tmp_path / "x.npy", x)
    with pytest.raises(InputError, match="example 4 holds nan"):
        list(open_new_array(tmp_path / "x.npy", Takes(shape=(2,)), rows=3).batches)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    (folder / "inner").mkdir(parents=True)
    for number, name in enumerate(("c.png", "a.png", "inner/b.png")):
        Image.new("RGB", (5, 4), (number, 0, 0)).save(folder / name)
    (folder / "b.txt").write_text("no image")
    (folder / ".DS_Store").touch()
    return folder


@pytest.mark.parametrize("rows", [1, None])
def test_images_come_in_the_order_of_their_names(images: Path, rows: int | None) -> None:
    examples = open_new_images(images, Takes(shape=(4, 5, 3), dtype="uint8"), rows=rows)
    found = list(examples.batches)
    names = [name for batch in found for name in batch.beside[0]]
    assert names == ["a.png", "c.png", "inner/b.png"]
    x = np.concatenate([batch.x for batch in found])
    assert x.shape == (3, 4, 5, 3)
    assert x[:, 0, 0, 0].tolist() == [1, 0, 2]
    assert examples.told.skipped[0].startswith("b.txt: ")


def test_images_are_resized_and_converted_as_the_training_images_were(images: Path) -> None:
    section = DatasetSection(source="image_folder", path="x", image_size=(2, 3), image_mode="grey")
    takes = Takes(shape=(2, 3), dtype="uint8", section=section)
    assert [batch.x.shape for batch in open_new_images(images, takes).batches] == [(3, 2, 3)]
    with pytest.raises(InputError, match="is 5 x 4, but what the network was trained on is 3 x 2"):
        list(open_new_images(images, Takes(shape=(2, 3), dtype="uint8")).batches)


def test_of_a_single_image_its_folder_is_wanted(images: Path) -> None:
    with pytest.raises(InputError, match="give the folder that the image is in"):
        open_new_array(images / "a.png", Takes(shape=(4, 5, 3), dtype="uint8"))


def test_a_folder_without_images_and_a_network_of_none_are_told(tmp_path: Path) -> None:
    takes = Takes(shape=(4, 5), dtype="uint8")
    with pytest.raises(InputError, match="has no images"):
        open_new_images(tmp_path, takes)
    (tmp_path / "a.txt").write_text("no image")
    with pytest.raises(InputError, match=r"no image that can be read \(a\.txt: "):
        list(open_new_images(tmp_path, takes).batches)
    with pytest.raises(InputError, match="the network takes arrays of float32"):
        open_new_images(tmp_path, Takes(shape=(4, 5)))

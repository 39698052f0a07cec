"""The source "table": whole tables, among them many wrong and odd ones."""

import codecs
import gzip
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from hpsearch.data.arrays import Arrays, silent
from hpsearch.data.sources.table import Table
from hpsearch.errors import InputError

N = 40


class Tasked(Table):
    """With the key that ``[dataset]`` has for all sources."""

    task: str | None = None


def read(path: Path, **keys: Any) -> Arrays:
    return Tasked(path=str(path), **({"target": "y"} | keys)).read(silent)


def rows(line: str = "{i}.5,{k},{y}", header: str | None = "a,k,y", count: int = N) -> str:
    """A table whose lines are filled with numbers i, letters k and targets y."""
    made = [
        line.format(i=i * 3 % 17, k="uvw"[i % 3], y=i * 7 % 11 + 0.25, d=10 + i % 17)
        for i in range(count)
    ]
    return "\n".join([header, *made] if header is not None else made) + "\n"


def frame(**more: Any) -> pl.DataFrame:
    plain = {"a": np.arange(N) * 0.5, "y": np.arange(N) * 7 % 11 + 0.25}
    return pl.DataFrame(plain | more)


WRONG: dict[str, tuple[str | bytes, dict[str, Any], str]] = {
    "an empty file": ("", {}, "is empty"),
    "nothing but empty lines": ("\n\n\n", {}, "has no rows"),
    "names alone": ("a,y\n", {}, "no other rows"),
    "one column": ("y\n1\n2\n", {}, "one column only"),
    "a title above the names": (
        "Prices of 2020\n" + rows(),
        {},
        "the first row has 1 field, but most rows have 3",
    ),
    "row numbers without a name": (
        rows("{i},{i},{k},{y}"),
        {},
        "the first row has 3 fields, but most rows have 4",
    ),
    "two names alike": (rows(header="a,a,y"), {}, 'called "a"'),
    "names alike but for spaces": (rows(header="a, a ,y"), {}, 'called "a"'),
    "a name missing": (rows(header="a,,y"), {}, "column 2 has no name"),
    "a delimiter at the end of lines": (
        rows("{i},{k},{y},", "a,k,y,"),
        {},
        "column 4 has no name",
    ),
    "a row too long": (rows() + "1,u,2,3\n", {}, "line 42: the row has 4 fields"),
    "a row too short": (rows() + "1,u\n", {}, "line 42: the row has 2 fields"),
    "a row too short behind a text of two lines": (
        rows() + '1,"u\nv",2\n\n1,u\n',
        {},
        "line 45: the row has 2 fields",
    ),
    "a quote that does not close": (rows() + '1,"u,2\n1,u,2\n', {}, "line 42: a quote"),
    "text behind a quote": (rows() + '1,"u"x,2\n', {}, "line 42: a quote"),
    "a binary file": (b"\x00\x01\x02" * 100, {}, "binary file"),
    "a page": ("<!doctype html><html></html>", {}, "HTML page"),
    "a pointer": ("version https://git-lfs.github.com/spec/v1\n", {}, "Git LFS"),
    "an unknown encoding": (rows(), {"encoding": "utf-99"}, "unknown encoding: utf-99"),
    "another encoding": (
        rows().replace("u", "ü").encode("cp1252"),
        {"encoding": "utf-8"},
        "is not",
    ),
    "a target that is not there": (rows(), {"target": "z"}, 'column "z", which is not there'),
    "a target that is misspelt": (rows(header="a,k,price"), {"target": "prise"}, "mean price"),
    "no target named": (rows(), {"target": None}, "the column to predict: a, k, y"),
    "a column of two roles": (rows(), {"ignore": ["a"], "group": "a"}, "named by dataset.group"),
    "a group that is the target": (rows(), {"group": "y"}, "named by dataset.target"),
    "an ignored column that is not there": (rows(), {"ignore": ["b"]}, "dataset.ignore names"),
    "no inputs": (rows(), {"ignore": ["a", "k"]}, "no input columns left"),
    "a target of one value": (rows("{i},{k},5.5"), {}, "5.5 everywhere"),
    "a target of one class": (rows("{i},{k},x"), {}, '"x" everywhere'),
    "a target without values": (rows("{i},{k},"), {}, "no value in the train part"),
    "an infinite target": (rows() + "1,u,inf\n", {}, "has the value inf"),
    "texts among a target of numbers": (
        rows("{i},{k},{i}{y}") + "1,u,cheap\n",
        {},
        '1 text such as "cheap"',
    ),
    "a text in a regression": (
        rows() + "1,u,cheap\n",
        {"task": "regression"},
        'the text "cheap", but a regression',
    ),
    "a target of texts in a regression": (
        rows("{i},{i},{k}"),
        {"task": "regression"},
        "a regression needs numbers",
    ),
    "an identifier as the target": (
        "a,y\n" + "".join(f"{i % 7},n{i}\n" for i in range(1200)),
        {},
        "1,200 classes",
    ),
    "a weight below zero": (rows("{i},-1,{y}"), {"weight": "k"}, "weights are 0 or more"),
    "weights of zero": (rows("{i},0,{y}"), {"weight": "k"}, "0 everywhere"),
    "a weight of text": (rows(), {"weight": "k"}, 'the value "u", but needs numbers'),
    "a weight that is missing": (rows() + "1,,2\n", {"weight": "k"}, "missing in 1 row of"),
    "a group that is missing": (rows() + "1,,2\n", {"group": "k"}, "missing in 1 row of"),
    "a time of text": (rows(), {"time": "k"}, "needs dates of one format"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_table_is_one_message_that_says_what_to_do(case: str, tmp_path: Path) -> None:
    content, keys, told = WRONG[case]
    path = tmp_path / "mine.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError) as caught:
        read(path, **keys)
    assert told in str(caught.value)
    assert "mine.csv" in str(caught.value)


UNTYPED = {
    "plain": rows().encode(),
    "with CRLF": rows().replace("\n", "\r\n").encode(),
    "with CR alone": rows().replace("\n", "\r").encode(),
    "without an end of its last line": rows().rstrip().encode(),
    "with a byte order mark": codecs.BOM_UTF8 + rows().encode(),
    "in UTF-16": rows().encode("utf-16"),
    "with tabs": rows("{i}.5\t{k}\t{y}", "a\tk\ty").encode(),
    "with bars": rows("{i}.5|{k}|{y}", "a|k|y").encode(),
    "with semicolons": rows("{i}.5;{k};{y}", "a;k;y").encode(),
    "with decimal commas": rows("{i}.5;{k};{y}", "a;k;y").replace(".", ",").encode(),
    "with quotes": rows('"{i}.5","{k}","{y}"', '"a","k","y"').encode(),
    "with quotes behind spaces": rows('{i}.5, "{k}", {y}').encode(),
    "with spaces": rows(" {i}.5 , {k} ,  {y} ", " a , k , y ").encode(),
    "with empty lines": rows().replace("\n", "\n\n").encode(),
    "with other spellings of numbers": rows("{i}5e-1,{k},+{y}").encode(),
}


@pytest.mark.parametrize("case", UNTYPED)
def test_one_table_however_it_is_written(case: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(UNTYPED[case])
    arrays = read(tmp_path / "a.csv")
    first = [[i * 3 % 17 + 0.5, i % 3] for i in range(N)]
    assert arrays.x_train.dtype == np.float32
    assert arrays.x_train.tolist() == first
    assert arrays.y_train.tolist() == [i * 7 % 11 + 0.25 for i in range(N)]
    assert [(column.name, column.kind) for column in arrays.columns] == [
        ("a", "number"),
        ("k", "category"),
    ]
    assert arrays.columns[1].categories == ("u", "v", "w")
    assert (arrays.target, arrays.class_names) == ("y", ())


def test_a_gzipped_table_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(rows().encode()))
    assert read(tmp_path / "a.csv.gz").x_train.shape == (N, 2)
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(rows().encode())[:-20])
    with pytest.raises(InputError, match="damaged archive"):
        read(tmp_path / "a.csv.gz")


ODD: dict[str, tuple[str, dict[str, Any], str, tuple[str, ...]]] = {
    "one text among numbers": (
        rows("{i},{y}", "a,y", 200) + "oops,2.5\n",
        {},
        "number",
        ('column "a": "oops" (1 row) taken as missing',),
    ),
    "ten texts among numbers": (rows("{i},{y}", "a,y") + "oops,2.5\n" * 10, {}, "category", ()),
    "infinite values": (
        rows("{i},{y}", "a,y") + "inf,2.5\n1e300,2.5\n",
        {},
        "number",
        ("2 infinite values",),
    ),
    "missing values of many spellings": (
        rows("{i},{y}", "a,y") + "NA,1\n?,1\n,1\nnull,1\n#N/A,1\n",
        {},
        "number",
        (),
    ),
    "missing values of one's own": (
        rows("{i},{y}", "a,y") + "none given,1\n",
        {"missing": ["none given"]},
        "number",
        (),
    ),
    "numbers that are names": (
        rows("0{i},{y}", "a,y"),
        {"categorical": ["a"]},
        "category",
        (),
    ),
    "days": (rows("2020-02-{d},{y}", "a,y"), {}, "date", ()),
    "days that no month has": (
        rows("2020-04-{d},{y}", "a,y") + "2020-04-31,1\n",
        {},
        "category",
        (),
    ),
    "dates and times": (rows("2020-02-02T{d}:30:00Z,{y}", "a,y"), {}, "category", ()),
    "times in zones": (rows("2020-02-{d}T01:30:00+02:00,{y}", "a,y"), {}, "date", ()),
    "German dates": (rows("{d}.2.2020,{y}", "a,y"), {}, "date", ()),
    "American dates": (rows("2/{d}/2020 1:00,{y}", "a,y"), {}, "date", ()),
    "days before months": (rows("{d}/2/2020,{y}", "a,y"), {}, "date", ()),
    "days and months in any order": (
        rows("{i}/2/2020,{y}", "a,y", 4).replace("\n0/", "\n1/") + "9/2/2020,1\n" * N,
        {},
        "date",
        ('dates such as "1/2/2020" are read with the day first',),
    ),
    "a year": (rows("20{i:02d},{y}", "a,y"), {}, "number", ()),
    "a few numbers": (rows("{i},{y}", "a,y").replace("1", "0"), {}, "number", ()),
    "letters of all alphabets": (rows("ж{k}日,{y}", "a,y"), {}, "category", ()),
    "texts of two lines": (rows('"{k}\n{k}",{y}', "a,y"), {}, "category", ()),
    "quotes in quotes": (rows('"say ""{k}""",{y}', "a,y"), {}, "category", ()),
    "a quote within a text": (rows('5" {k},{y}', "a,y"), {}, "category", ()),
    "truth values": (rows("{k},{y}", "a,y").replace("u", "True"), {}, "category", ()),
}


@pytest.mark.parametrize("case", ODD)
def test_the_kind_of_an_odd_column(case: str, tmp_path: Path) -> None:
    content, keys, kind, told = ODD[case]
    (tmp_path / "a.csv").write_text(content)
    arrays = read(tmp_path / "a.csv", **keys)
    assert [column.kind for column in arrays.columns] == [kind]
    for each in told:
        assert each in "\n".join(arrays.notes)
    assert len(arrays.x_train) == len(arrays.y_train) >= N


def test_what_counts_the_rows_or_names_them_is_ignored_unless_it_is_wanted(tmp_path: Path) -> None:
    lines = [f"{i},n{i}x,,{i % 5},{i * 7 % 11 + 0.5}" for i in range(1, 101)]
    (tmp_path / "a.csv").write_text("\n".join([",id,none,a,y", *lines]))
    arrays = read(tmp_path / "a.csv")
    assert [column.name for column in arrays.columns] == ["a"]
    told = "\n".join(arrays.notes)
    assert 'column "column_1" is ignored: it counts the rows' in told
    assert 'column "id" is ignored: 100 different texts in 100 rows' in told
    assert 'column "none" is ignored: all its values are missing' in told
    wanted = read(tmp_path / "a.csv", categorical=["id", "column_1"])
    assert [column.name for column in wanted.columns] == ["column_1", "id", "a"]


def test_ten_thousand_categories_are_one_column(tmp_path: Path) -> None:
    lines = [f"c{i % 10_000},{i % 7 + 0.5}" for i in range(20_000)]
    (tmp_path / "a.csv").write_text("\n".join(["a,y", *lines]))
    arrays = read(tmp_path / "a.csv")
    assert len(arrays.columns[0].categories) == 10_000
    codes = arrays.x_train[:, 0].astype(int)
    assert [arrays.columns[0].categories[code] for code in codes[:3]] == ["c0", "c1", "c2"]


def test_a_table_without_names_has_numbered_columns(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(rows(header=None))
    arrays = read(tmp_path / "a.csv", target="column_3")
    assert (len(arrays.y_train), arrays.columns[0].name) == (N, "column_1")
    assert "no names in the first row" in arrays.notes[0]


def test_names_that_are_years_are_names(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(rows("{i},{i},{y}", "2019,2020,y"))
    assert [column.name for column in read(tmp_path / "a.csv").columns] == ["2019", "2020"]


def test_long_and_foreign_names_stand(tmp_path: Path) -> None:
    long = "n" * 100_000
    (tmp_path / "a.csv").write_text(rows("{i},{i}.5,{y}", f"{long},größe 日本,y"))
    assert [column.name for column in read(tmp_path / "a.csv").columns] == [long, "größe 日本"]


def test_latin_1_is_read_and_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(rows("{i},ü{k},{y}").encode("latin-1"))
    arrays = read(tmp_path / "a.csv")
    assert arrays.columns[1].categories == ("üu", "üv", "üw")
    assert "a.csv: read as cp1252, as it is not UTF-8" in arrays.notes


@pytest.mark.parametrize("end", ["parquet", "arrow", "feather", "ipc"])
def test_typed_columns_are_what_their_types_say(end: str, tmp_path: Path) -> None:
    i = list(range(N))
    table = frame(
        whole=pl.Series([None if k == 3 else k % 4 for k in i], dtype=pl.Int64),
        decimal=pl.Series([Decimal(k % 5) / 4 for k in i], dtype=pl.Decimal(10, 2)),
        truth=[k % 2 == 0 for k in i],
        category=pl.Series(["ab"[k % 2] for k in i], dtype=pl.Categorical),
        day=[date(2000, 1, 1) + timedelta(days=k) for k in i],
        moment=[datetime(1999, 12, 31, 6) + timedelta(days=k) for k in i],
        span=[timedelta(minutes=k) for k in i],
        text=pl.Series([None, *["x", "y", "z"] * 13], dtype=pl.String),
        nan=[float("nan"), *[2.0] * (N - 1)],
    )
    path = tmp_path / f"a.{end}"
    _ = table.write_parquet(path) if end == "parquet" else table.write_ipc(path)
    arrays = read(path)
    kinds = {column.name: column.kind for column in arrays.columns}
    assert kinds == {
        "a": "number", "whole": "number", "decimal": "number", "truth": "category",
        "category": "category", "day": "date", "moment": "date", "span": "number",
        "text": "category", "nan": "number",
    }  # fmt: skip
    assert [column.width for column in arrays.columns] == [1, 1, 1, 1, 1, 1, 2, 1, 1, 1]
    second = arrays.x_train[1].tolist()
    assert second == [0.5, 1.0, 0.25, 0.0, 1.0, 1.0, 0.0, 0.25, 60.0, 0.0, 2.0]
    assert np.isnan(arrays.x_train).sum(axis=0).tolist() == [0, 1, *[0] * 7, 1, 1]


def test_a_column_of_lists_is_refused_with_its_cure_and_may_be_ignored(tmp_path: Path) -> None:
    frame(many=[[1, 2]] * N).write_parquet(tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r'holds List\(Int64\).*ignore = \["many"\]'):
        read(tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet", ignore=["many"]).x_train.shape == (N, 1)


def test_whole_floats_that_are_names_are_written_as_whole_numbers(tmp_path: Path) -> None:
    frame(zip=[float(i % 3) for i in range(N)]).write_parquet(tmp_path / "a.parquet")
    arrays = read(tmp_path / "a.parquet", categorical=["zip"])
    assert arrays.columns[1].categories == ("0", "1", "2")


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow"])
def test_a_damaged_typed_table_is_told(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"PAR1 and nothing else that belongs to it")
    with pytest.raises(InputError, match="damaged or no"):
        read(tmp_path / name)


def test_typed_tables_without_rows_or_with_one_column_are_refused(tmp_path: Path) -> None:
    frame().head(0).write_parquet(tmp_path / "a.parquet")
    with pytest.raises(InputError, match="has no rows"):
        read(tmp_path / "a.parquet")
    frame().select("y").write_parquet(tmp_path / "a.parquet")
    with pytest.raises(InputError, match="has 1 column;"):
        read(tmp_path / "a.parquet")


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    for name in ("a.csv", "a.parquet"):
        with pytest.raises(InputError, match="no such file"):
            read(tmp_path / name)


def test_other_endings_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_text(rows())
    with pytest.raises(InputError, match="none of the endings"):
        read(tmp_path / "a.xlsx")


def test_a_folder_has_a_file_for_each_part(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text(rows())
    (tmp_path / "validation.csv").write_text(rows("{y},{k},{i}", "y,k,a", 5))
    frame(k=["v"] * N, more=1).write_parquet(tmp_path / "test.parquet")
    (tmp_path / ".DS_Store").touch()
    arrays = read(tmp_path)
    assert {part: x.shape for part, x, _ in arrays.parts()} == {
        "train": (N, 2),
        "val": (5, 2),
        "test": (N, 2),
    }
    assert arrays.x_test is not None
    assert arrays.x_test[1].tolist() == [0.5, 1.0]
    assert "columns that only the test part has are ignored" in "\n".join(arrays.notes)


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"train.csv": rows(), "train.tsv": rows()}, "are both the train part"),
        ({"train.csv": rows(), "valid.csv": rows(), "val.csv": rows()}, "are both the val part"),
        ({"train.csv": rows(), "notes.txt": "mine"}, "no part of a table"),
        ({"test.csv": rows()}, "has no file train.csv"),
        ({"train.csv": rows(), "test.csv": rows(header="a,b,y")}, 'has no column "k"'),
        ({"train.csv": rows(), "test.csv": rows("1,u,")}, "no value in the test part"),
        (
            {"train.csv": rows("{i},1,{k}"), "test.csv": rows("{i},1,new")},
            'class "new" in the test part',
        ),
        ({"train.csv": rows(), "test.csv": "a,k,y\n1,2\n"}, "test.csv, line 2"),
    ],
)
def test_a_wrong_folder_is_told(files: dict[str, str], told: str, tmp_path: Path) -> None:
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    with pytest.raises(InputError) as caught:
        read(tmp_path)
    assert told in str(caught.value)


def test_rows_without_a_target_are_left_out_in_all_columns(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,k,y\n99,u,\n" + rows(header=None) + "98,u,NA\n")
    arrays = read(tmp_path / "a.csv", group="k")
    assert arrays.x_train[:, 0].max() < 98
    assert len(arrays.x_train) == len(arrays.y_train) == len(arrays.beside["group_train"]) == N
    assert "rows without a target are left out: 2 of train" in arrays.notes


def test_group_time_and_weight_stand_beside_and_time_is_an_input_too(tmp_path: Path) -> None:
    lines = [f"{i % 4}.5,g{i % 3},2000-01-02 06:00,{i % 2},{i % 7}.5" for i in range(N)]
    for name in ("train.csv", "test.csv"):
        (tmp_path / name).write_text("\n".join(["a,g,t,w,y", *lines]))
    arrays = read(tmp_path, time="t", weight="w", ignore=("g",))
    assert [column.name for column in arrays.columns] == ["a", "t"]
    assert arrays.x_train[0].tolist() == [0.5, 1.0, 0.25]
    grouped = read(tmp_path, group="g", weight="w", ignore=("t",))
    assert [column.name for column in grouped.columns] == ["a"]
    beside = {**arrays.beside, **grouped.beside}
    kinds = {name: str(values.dtype) for name, values in beside.items()}
    assert kinds == {
        "group_train": "int64", "group_test": "int64", "time_train": "float64",
        "time_test": "float64", "weight_train": "float32", "weight_test": "float32",
    }  # fmt: skip
    assert beside["group_test"][:4].tolist() == [0, 1, 2, 0]
    assert set(arrays.beside["time_train"].tolist()) == {1.25 * 86_400}
    assert arrays.beside["weight_train"][:2].tolist() == [0.0, 1.0]


def test_a_table_is_known_by_its_ending() -> None:
    for name in ("a.csv", "B.TSV", "c.csv.gz", "d.parquet", "e.feather"):
        assert Table.looks_like(Path(name))
    for name in ("a.npz", "csv", "b.gz", "c.xlsx"):
        assert not Table.looks_like(Path(name))


def test_files_are_those_of_the_folder(tmp_path: Path) -> None:
    for name in ("train.csv", "test.csv"):
        (tmp_path / name).write_text(rows())
    files = Table(path=str(tmp_path), target="y").files()
    assert [name for name, *_ in files.files] == ["/test.csv", "/train.csv"]

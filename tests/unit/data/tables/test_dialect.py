from pathlib import Path

import pytest

from hpsearch.data.tables.dialect import Dialect, Named, find
from hpsearch.errors import InputError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mine.csv"


def dialect(path: Path, text: str, named: Named | None = None) -> Dialect:
    path.write_text(text)
    return find(path, named or Named())


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("a,b\n1,2\n", ","),
        ("a;b\n1,5;2,5\n", ";"),
        ("1,5;2,5\n3,5;4,5\n", ";"),
        ("a\tb\n1,5\t2\n", "\t"),
        ("a|b|c\n1|2|3\n", "|"),
        ('a,b\n"x;y","1;2"\n', ","),
        ("a;b,c\n1,2\n3,4\n5,6\n", ","),
    ],
)
def test_the_delimiter_is_what_gives_all_rows_as_many_fields(
    path: Path, text: str, delimiter: str
) -> None:
    assert dialect(path, text).delimiter == delimiter


@pytest.mark.parametrize(
    ("text", "decimal"),
    [
        ("a;b\n1,5;2\n", ","),
        ("a;b\n1.5;2\n", "."),
        ("a;b\n1.5;2,5\n3.5;1\n", "."),
        ("a,b\n1,5\n", "."),
        ("a\tb\n1,5e-3\t-,5\n", ","),
        ("a;b;c\n9,5;73.000;1.200\n", ","),
        ("a;b;c\n9.5;73,000;1,200\n", "."),
        ("a;b\n1,234;2\n", ","),
        ("a;b;c\n0.123;0.5;1,5\n", "."),
    ],
)
def test_the_decimal_is_a_comma_where_more_numbers_have_one(
    path: Path, text: str, decimal: str
) -> None:
    assert dialect(path, text).decimal == decimal


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a,b\n1,2\n", ("a", "b")),
        ("a,b\nx,y\n", ("a", "b")),
        ("1,2\n3,4\n", None),
        ("M,0.5\nF,0.25\n", None),
        ("x,?\ny,z\n", None),
        ("x,2020-01-01 06:00\ny,z\n", None),
        ("x,day\ny,1.2.2020\n", ("x", "day")),
        ("id,2019\n1,2\n", ("id", "2019")),
        (",x\n1,2\n", ("column_1", "x")),
        ('"",x\n1,2\n', ("column_1", "x")),
        ("a,b\n", ("a", "b")),
    ],
)
def test_the_first_row_is_names_or_none(
    path: Path, text: str, names: tuple[str, ...] | None
) -> None:
    found = dialect(path, text)
    assert found.has_header == (names is not None)
    assert found.names == (names or ("column_1", "column_2"))


def test_what_is_named_is_not_looked_for(path: Path) -> None:
    named = Named(delimiter="x", decimal=",", encoding="latin-1", header=False)
    found = dialect(path, "a,bxc\n1,5x2\n", named)
    assert (found.delimiter, found.decimal, found.encoding) == ("x", ",", "latin-1")
    assert found.names == ("column_1", "column_2")
    with_names = dialect(path, "1,2\n3,4\n", Named(header=True))
    assert with_names.names == ("1", "2")


def test_a_missing_text_of_a_user_is_no_name(path: Path) -> None:
    assert dialect(path, "x,-\ny,z\n").has_header
    assert not dialect(path, "x,-\ny,z\n", Named(missing=("-",))).has_header


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("a,ü\n1,2\n".encode(), "utf-8"),
        ("a,ü\n1,2\n".encode("utf-8-sig"), "utf-8-sig"),
        ("a,ü\n1,2\n".encode("utf-16"), "utf-16"),
        (b"\xfe\xff" + "a,ü\n1,2\n".encode("utf-16-be"), "utf-16"),
        ("a,ü\n1,2\n".encode("cp1252"), "cp1252"),
        (b"a,\x81\n1,2\n", "latin-1"),
        (("a,b\n" + "1,2\n" * 600_000 + "ü,1\n").encode("cp1252"), "cp1252"),
    ],
)
def test_the_encoding_is_found_from_all_bytes(path: Path, content: bytes, encoding: str) -> None:
    path.write_bytes(content)
    assert find(path, Named()).encoding == encoding


def test_a_row_longer_than_what_is_read_first_is_read_whole(path: Path) -> None:
    names = ",".join(f"name{i}" for i in range(40_000))
    values = ",".join("1" for _ in range(40_000))
    assert len(dialect(path, f"{names}\n{values}\n{values}\n").names) == 40_000


def test_tsv_means_tabs(tmp_path: Path) -> None:
    path = tmp_path / "mine.tsv"
    assert dialect(path, "a,b\tc;d\n1,2\t3\n").names == ("a,b", "c;d")
    with pytest.raises(InputError, match="one column only"):
        dialect(path, "a,b\n1,2\n")

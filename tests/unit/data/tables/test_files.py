from pathlib import Path

import pytest

from hpsearch.data.tables.files import ending, files_of, refuse_others
from hpsearch.errors import InputError, UnreachableError


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("a.csv", ".csv"), ("A.CSV.GZ", ".csv.gz"), ("a.b.tsv", ".tsv"), ("a.parquet", ".parquet"),
        ("a.gz", None), ("csv", None), ("a.csv.zip", None), ("a.csv.zst", None),
    ],
)  # fmt: skip
def test_a_table_is_known_by_its_ending(name: str, end: str | None) -> None:
    assert ending(Path(name)) == end


def test_one_file_is_the_training_part(tmp_path: Path) -> None:
    assert files_of(tmp_path / "a.csv") == {"train": tmp_path / "a.csv"}


@pytest.mark.parametrize("name", ["val.csv", "VALID.tsv", "validation.parquet"])
def test_the_parts_of_a_folder_have_any_of_their_names(name: str, tmp_path: Path) -> None:
    for each in ("Train.csv.gz", name, "test.txt", ".ipynb_checkpoints", "desktop.ini", "a.toml"):
        (tmp_path / each).touch()
    assert files_of(tmp_path) == {
        "train": tmp_path / "Train.csv.gz",
        "val": tmp_path / name,
        "test": tmp_path / "test.txt",
    }


@pytest.mark.parametrize("name", ["a.zip.csv", "a.xlsx.csv"])
def test_an_archive_called_csv_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"PK\3\4 and so on")
    with pytest.raises(InputError, match="is a zip archive, not the data; unpack it"):
        refuse_others(tmp_path / name)


def test_a_parquet_file_called_csv_is_refused_with_its_cure(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"PAR1\0\0")
    with pytest.raises(InputError, match=r"binary file; call it \.parquet"):
        refuse_others(tmp_path / "a.csv")


def test_a_folder_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        refuse_others(tmp_path / "a.csv")


def test_a_file_that_cannot_be_read_is_unreachable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(UnreachableError, match="Permission denied; check its permissions"):
        refuse_others(tmp_path / "a.csv")

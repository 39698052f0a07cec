"""Data as somebody names them: public sets, files, folders, and what is none of these."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hpsearch.data.sources.source import Look
from hpsearch.errors import InputError, UnreachableError
from hpsearch.services.named import Named, Spelling, named, place, public_sets


def spelling(data: object, target: str | None = None) -> Spelling:
    return Spelling(
        data=str(data), target=f"--target {target}", ask_target="--target C", ask_source="SAY"
    )


def of(data: object, target: str | None = None) -> Named:
    told = spelling(data, target)
    return named(*place(str(data), told), target, told)


def test_public_sets_have_no_path() -> None:
    assert public_sets() == ["digits", "mnist", "fashion_mnist", "cifar10", "cifar100"]
    assert of("mnist") == Named(source="mnist")
    assert of("mnist").table() == {"source": "mnist"}


def test_a_table_tells_its_columns_and_rows(tmp_path: Path) -> None:
    table = tmp_path / "houses.csv"
    table.write_text("area,price\n1,2\n3,4\n")
    found = of(table, "price")
    assert found.look == Look(rows=2, columns=("area", "price"))
    assert found.table() == {"source": "table", "path": str(table), "target": "price"}
    with pytest.raises(InputError, match=r"--target prise: .* did you mean price\?"):
        of(table, "prise")
    with pytest.raises(InputError, match="name the column to predict: --target C, one of area and"):
        of(table)


def test_a_table_may_be_a_folder_with_a_validation_part(tmp_path: Path) -> None:
    for part in ("train", "val"):
        (tmp_path / f"{part}.csv").write_text("area,price\n1,2\n3,4\n")
    found = of(tmp_path, "price")
    assert found.source == "table"
    assert found.look is not None
    assert found.look.validation == 2


def test_where_no_names_were_found_it_is_told_with_the_target(tmp_path: Path) -> None:
    table = tmp_path / "years.csv"
    table.write_text("country,1990,1991\na,1,2\nb,3,4\n")
    with pytest.raises(InputError, match=r"columns are column_1 to column_3 \(header = true"):
        of(table, "1991")


def test_a_folder_of_images_is_counted(tmp_path: Path) -> None:
    for name in ("train/cat/1.png", "train/cat/2.png", "train/dog/1.png", "val/cat/1.png"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    assert of(tmp_path).look == Look(rows=3, validation=1)
    with pytest.raises(
        InputError, match="a table's column to predict, and image_folder data have none"
    ):
        of(tmp_path, "price")


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ("minst", "no such file or folder, and no public data set; did you mean mnist?"),
        ("./mnist", "no such file or folder; check the path"),
        ("a/b", "no such file or folder; check the path"),
        ("photos/", "no such file or folder; check the path"),
        ("", "is empty; name a file, a folder or a public data set"),
        ("mouses.csv", "no such file or folder; check the path"),
        ("a\0b", "no such file or folder"),
        ("~nobody-here/x", "no such file or folder; check the path"),
        ("x" * 300, "no such file or folder"),
        ("photos.ZIP", "is packed; unpack it, and name the folder or file that comes out"),
        ("houses.xlsx", "is a spreadsheet; save it as CSV, and name that"),
        ("notes.pdf", "is neither .* nor a folder, nor an .npz file; SAY"),
    ],
)
def test_what_is_no_data_is_refused(
    data: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("notes.pdf", "photos.ZIP", "houses.xlsx"):
        Path(name).touch()
    with pytest.raises(InputError, match=f"^{re.escape(data)}: {told}"):
        of(data)


def test_a_folder_without_permission_is_unreachable(tmp_path: Path, forbidden: Any) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    np.savez(inner / "mine.npz", x_train=np.eye(2), y_train=[0, 1])
    with forbidden(inner), pytest.raises(UnreachableError, match="check its permissions"):
        of(inner / "mine.npz")

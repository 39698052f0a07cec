"""Looking at uploads: what is known of each kind, and what is refused."""

import gzip
import io
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from hpsearch.errors import InputError, UnreachableError
from hpsearch.services import received
from hpsearch.services.received import look

MOST = 2**24


@pytest.fixture
def seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, object]]:
    """Looks at an upload of a content."""
    monkeypatch.setattr(os, "sync", lambda: None)

    def seen_as(
        kind: str, content: bytes, most: int = MOST, keep_free: int = 0
    ) -> dict[str, object]:
        folder = tmp_path / str(len([*tmp_path.iterdir()]))
        folder.mkdir()
        (folder / f"data.{kind}").write_bytes(content)
        return look(folder, kind, most, keep_free)

    return seen_as


def arrays(**given: object) -> bytes:
    made = io.BytesIO()
    np.savez_compressed(made, **given)  # type: ignore[arg-type]
    return made.getvalue()


def picture(shade: int, side: int) -> bytes:
    made = io.BytesIO()
    Image.new("RGB", (side, side), (shade, 0, 0)).save(made, "PNG")
    return made.getvalue()


def archive(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as opened:
        for name, content in files.items():
            opened.writestr(name, content)
    return made.getvalue()


CSV = b"a,b,price\n" + b"".join(b"%d,%s,%d.5\n" % (i, b"x" if i % 2 else b"", i) for i in range(9))


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "parquet", "arrow"])
def test_a_table_is_read_whole_and_its_columns_are_told(
    seen: Callable[..., dict[str, object]], kind: str
) -> None:
    content, made = CSV, io.BytesIO()
    if kind == "csv.gz":
        content = gzip.compress(CSV)
    elif kind != "csv":
        frame = pl.read_csv(CSV)
        frame.write_parquet(made) if kind == "parquet" else frame.write_ipc(made)
        content = made.getvalue()
    found = seen(kind, content)
    assert (found["source"], found["stored"]) == ("table", len(content))
    assert (found["train_split"], found["test"]) == (9, 0)
    assert found["columns"] == [
        {"name": "a", "missing": 0},
        {"name": "b", "missing": 5},
        {"name": "price", "missing": 0},
    ]


def test_arrays_and_folders_of_images_are_told_as_hpsearch_data_does(
    seen: Callable[..., dict[str, object]],
) -> None:
    x, y = np.zeros((6, 3), np.float32), np.array(["a", "b"] * 3)
    found = seen("npz", arrays(x_train=x, y_train=y, x_test=x[:2], y_test=y[:2]))
    assert (found["source"], found["task"], found["input_shape"]) == ("npz", "classification", [3])
    assert (found["train_split"], found["validation_split"], found["test"]) == (6, 0, 2)
    assert found["per_class"] == [
        {"name": "a", "train": 3, "test": 1},
        {"name": "b", "train": 3, "test": 1},
    ]
    files = {f"pets/train/{name}/{i}.png": picture(i, 8 + i) for name in "ab" for i in range(3)}
    found = seen("zip", archive(files | {"pets/train/a/none.png": b"no image"}))
    assert (found["source"], found["train_split"], found["skipped"]) == ("image_folder", 6, 1)
    assert found["stored"] == 11 * 4096
    found = seen("zip", archive({"train.csv": CSV, "test.csv": CSV}))
    assert (found["source"], found["train_split"], found["test"]) == ("table", 9, 9)


@pytest.mark.parametrize(
    ("kind", "content", "why"),
    [
        ("csv", b"price\n1\n2\n", "one column only"),
        ("csv", b"", "is empty"),
        ("csv", b"a,b\n1,2\n1\n", "line 3: the row has 1 field"),
        ("csv", b"a,b\n" + b"x" * 2**23 + b"y\n", "a line of over"),
        ("csv", b"," * 100_001, "more than 100,000 columns"),
        ("csv.gz", gzip.compress(CSV, mtime=0)[:-9], "damaged archive"),
        ("csv.gz", gzip.compress(b"1,2\n" * (MOST // 4 + 1), mtime=0), "over 16.8 MB unpacked"),
        ("parquet", b"PAR1" + bytes(90) + b"PAR1", "damaged"),
        ("npz", arrays(x_train=np.array([{}, None]), y_train=np.array([0, 1])), "Python objects"),
        ("npz", arrays(x_train=np.zeros(MOST, np.int8), y_train=np.zeros(1)), "16.8 MB unpacked"),
        ("npz", b"PK", "damaged or not from numpy.savez"),
        ("zip", archive({}), "no class folders"),
        ("zip", archive({"../x": b""}), "data.zip: .*leads out"),
        ("zip", archive({"train/a/1.png": b"x", "train/b/1.png": b"y"}), "are not readable"),
    ],
)
def test_what_is_wrong_is_named(
    seen: Callable[..., dict[str, object]], kind: str, content: bytes, why: str
) -> None:
    with pytest.raises(InputError, match=why):
        seen(kind, content)


def test_more_values_than_may_be_stored_are_refused_before_they_are_read(
    seen: Callable[..., dict[str, object]],
) -> None:
    made = io.BytesIO()
    pl.select(a=pl.repeat(1, 10**6), b=pl.repeat(2, 10**6)).write_parquet(made)
    assert len(made.getvalue()) < 10**5
    with pytest.raises(InputError, match=r"over 1\.0 MB of values"):
        seen("parquet", made.getvalue(), most=10**6)


def test_the_disk_is_not_filled(
    seen: Callable[..., dict[str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(received, "_EVERY", 4096)
    with pytest.raises(UnreachableError, match="nearly full"):
        seen("zip", archive({"a/1": b"", "a/2": b""}), keep_free=2**60)


def test_a_full_disk_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "data.zip").write_bytes(archive({"a/1": bytes(2**20)}))
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, 2**16));"
        "from pathlib import Path; from hpsearch.services.received import main;"
        f"sys.exit(main(Path({str(tmp_path)!r}), 'zip', {MOST}, 0))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert done.stderr.startswith("error: ")
    assert "File too large" in done.stderr

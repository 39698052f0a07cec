"""Sources: the files and labels that a script is told of."""

from pathlib import Path
from typing import Any

import numpy as np
import official
import pytest

from hpsearch.data.cache import open_dataset
from hpsearch.data.section import DatasetSection
from hpsearch.home import Home
from hpsearch.script.sources import _file, reader


def facts(tmp_path: Path, **section: Any) -> dict[str, Any]:
    chosen = DatasetSection.model_validate(section)
    return reader(chosen, open_dataset(chosen, Home(tmp_path / "home")))


def test_what_is_built_in_or_downloaded_has_no_path(tmp_path: Path) -> None:
    found = facts(tmp_path, source="digits")
    assert (found["kind"], found["data"]) == ("digits", None)
    downloaded = DatasetSection(source="cifar10")
    assert reader(downloaded, None)["kind"] == "keras"  # type: ignore[arg-type]  # not looked at


def test_official_files_are_named_as_they_lie_there(tmp_path: Path) -> None:
    files = official.idx_files(official.parts("mnist"), dot=True)
    path = official.write_folder(tmp_path / "data" / "raw", files).parent
    found = facts(tmp_path, source="mnist", path=str(path))
    assert (found["kind"], found["data"], found["archive"]) == ("idx", path, False)
    assert found["files"] == {
        "train": ["raw/train-images.idx3-ubyte.gz", "raw/train-labels.idx1-ubyte.gz"],
        "test": ["raw/t10k-images.idx3-ubyte.gz", "raw/t10k-labels.idx1-ubyte.gz"],
    }


def test_an_archive_in_a_folder_is_found(tmp_path: Path) -> None:
    files = official.cifar10_files(official.parts("cifar10"))
    path = official.write_tar(tmp_path / "data" / "cifar-10-python.tar.gz", files, inside="c")
    found = facts(tmp_path, source="cifar10", path=str(path.parent))
    assert (found["kind"], found["data"], found["archive"]) == ("cifar", path, True)
    assert found["files"]["train"] == [f"c/data_batch_{number}" for number in range(1, 6)]
    assert found["files"]["test"] == ["c/test_batch"]


@pytest.mark.parametrize(
    ("y", "names", "values"),
    [
        ([0, 1], None, "labels"), ([1, 2], None, "any"), (["a", "b"], None, "any"),
        (["a", "b"], ["b", "a"], "named"), ([0, 1], ["b", "a"], "labels"),
    ],
)  # fmt: skip
def test_labels_of_npz(tmp_path: Path, y: list[Any], names: list[str] | None, values: str) -> None:
    more = {} if names is None else {"class_names": np.array(names)}
    np.savez(tmp_path / "a.npz", x_train=np.ones((40, 3)), y_train=np.array(y * 20), **more)
    found = facts(tmp_path, source="npz", path=str(tmp_path / "a.npz"))
    assert (found["values"], found["cast"]) == (values, "float32")


def test_a_file_that_was_passed_over_may_have_a_colon(tmp_path: Path) -> None:
    (tmp_path / "a: b.png").write_text("")
    assert _file(tmp_path, "a: b.png: cut off: here") == "a: b.png"

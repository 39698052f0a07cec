"""Layouts of image folders: the names that people give, and what is refused."""

from pathlib import Path

import pytest

from hpsearch.data.images.layout import find, part_of
from hpsearch.errors import InputError

NAMES = {
    "train": ("train", "Train", "TRAINING", "training_set", "trainset", "seg_train", "train2017"),
    "val": ("val", "valid", "Validation", "Valid", "validation-set", "seg_val", "dev"),
    "test": ("test", "Testing", "test_set", "seg_test", "Test Images", "test1"),
    None: ("trains", "cat", "testimony", "invalid", "extra", "seg", "devil", "2017"),
}


def make(root: Path, *classes: str, flat: tuple[str, ...] = ()) -> Path:
    """Folders of classes with an image each, and folders that hold images only."""
    for name in (*(f"{each}/{c}" for each in classes for c in ("cat", "dog")), *flat):
        (root / name).mkdir(parents=True)
        (root / name / "1.png").touch()
    return root


@pytest.mark.parametrize(("part", "name"), [(p, n) for p, names in NAMES.items() for n in names])
def test_names_of_parts_are_understood(part: str | None, name: str) -> None:
    assert part_of(name) == part


@pytest.mark.parametrize(
    ("folders", "parts", "notes"),
    [
        (("train", "val", "test"), "train val test", ()),
        ((".",), "", ()),
        (("Training", "Testing"), "Training Testing",
         ("Training/ is the training part, Testing/ is the test part",)),
        (("train", "valid"), "train valid",
         ("train/ is the training part, valid/ is the validation part",)),
        (("C/train",), "C/train", ("C/train/ is the training part",)),
        (("a/b",), "a/b", ("a/b/ is the training part",)),
        (("seg_train/seg_train", "seg_test/seg_test"), "seg_train/seg_train seg_test/seg_test",
         ("seg_train/seg_train/ is the training part, seg_test/seg_test/ is the test part",)),
        (("a/seg_train/seg_train", "a/seg_test/seg_test"),
         "a/seg_train/seg_train a/seg_test/seg_test",
         ("a/seg_train/seg_train/ is the training part, a/seg_test/seg_test/ is the test part",)),
    ],
)  # fmt: skip
def test_parts_are_found_and_told(
    folders: tuple[str, ...], parts: str, notes: tuple[str, ...], tmp_path: Path
) -> None:
    found = find(make(tmp_path / "set", *folders))
    below = [found.below(folder) for folder in found.parts.values()]
    assert below == (parts.split() or [""])
    assert found.notes == notes


def test_folders_without_labels_are_told_and_passed_over(tmp_path: Path) -> None:
    found = find(make(tmp_path, "seg_train", "seg_test", flat=("seg_pred/seg_pred",)))
    assert list(found.parts) == ["train", "test"]
    assert found.notes[-1] == "seg_pred/ has no labels: passed over"


@pytest.mark.parametrize("names", [("train", "car", "bus"), ("valid", "invalid"), ("test", "rest")])
def test_classes_may_have_the_names_of_parts(names: tuple[str, ...], tmp_path: Path) -> None:
    assert find(make(tmp_path, flat=names)).parts == {"train": tmp_path}


@pytest.mark.parametrize(
    ("folders", "flat", "says"),
    [
        (
            ("valid", "other"),
            (),
            'has valid/, but no train/; add train/<class>/, or rename "other"',
        ),
        (("train", "Train"), (), 'has both "Train" and "train", which mean the same part'),
        (("train", "extra"), (), 'has a folder "extra" beside train/'),
        (("Training",), ("extra",), 'has a folder "extra" beside Training/'),
        (("a", "b"), (), 'has folders of folders ("a", "b"), but none is called train/'),
        (("a/b/c/d",), (), "but none is called train/"),
    ],
)
def test_what_is_not_understood_is_named(
    folders: tuple[str, ...], flat: tuple[str, ...], says: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as caught:
        find(make(tmp_path, *folders, flat=flat))
    assert says in str(caught.value)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"PK\3\4rest", "is a zip archive; unpack it, and give the folder that holds train/"),
        (b"\x1f\x8brest", "is a gzipped file; unpack it, and give the folder"),
        (b"name,label\n1.png,cat\n", "is a CSV table; give the folder that holds train/"),
        (b"anything", "is a file; give the folder that holds train/"),
    ],
)
def test_a_file_is_named_as_what_it_is(content: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / "images").write_bytes(content)
    with pytest.raises(InputError) as caught:
        find(tmp_path / "images")
    assert says in str(caught.value)

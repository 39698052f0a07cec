import json
import os
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hpsearch.data.cache import clear, clear_gone, list_datasets, open_dataset
from hpsearch.data.dataset import Dataset, find, open_test
from hpsearch.data.drawing import split
from hpsearch.data.record import Access
from hpsearch.data.section import DatasetSection
from hpsearch.errors import InputError, UnreachableError
from hpsearch.home import Home

Write = Callable[..., DatasetSection]
Call = tuple[str, int, int]
IGNORED = (".lock", "test_opened.jsonl")


def kept(home: Home) -> list[str]:
    return sorted(path.name for path in home.datasets.iterdir() if path.name not in IGNORED)


def imports(section: DatasetSection, home: Home) -> bool:
    """Whether opening the data set reads its source."""
    calls: list[Call] = []
    open_dataset(section, home, lambda *call: calls.append(call))
    return bool(calls)


def test_digits_are_imported_once(home: Home) -> None:
    section = DatasetSection(source="digits")
    assert imports(section, home)
    assert not imports(section, home)
    dataset = open_dataset(section, home)
    assert (dataset.input_shape, dataset.dtype, dataset.maximum) == ((8, 8), "uint8", 16.0)
    assert (dataset.train_size, dataset.val_size, dataset.test_size) == (1438, 0, 359)
    assert dataset.class_names == tuple("0123456789")
    assert kept(home) == [dataset.folder.name]


def test_arrays_come_back_as_they_were(npz: Write, home: Home) -> None:
    x = np.random.default_rng(0).integers(0, 255, (12, 2, 3), np.uint8)
    y = np.arange(12) % 3
    section = npz(x_train=x, y_train=y, x_val=x[:6], y_val=y[:6], x_test=x[6:], y_test=y[6:])
    dataset = open_dataset(section, home)
    for part, (rows, pair) in {
        "train": (slice(None), dataset.train()),
        "val": (slice(6), dataset.validation()),
        "test": (slice(6, None), open_test(dataset, Access(opened_by="a test"))),
    }.items():
        assert pair is not None, part
        assert pair[0].tolist() == x[rows].tolist(), part
        assert pair[1].tolist() == y[rows].tolist(), part
        assert pair[0].dtype == np.uint8
        assert pair[1].dtype == np.int64
        assert isinstance(pair[0].base, np.memmap)
        with pytest.raises(ValueError, match="read-only"):
            pair[0][0] = 0


def test_a_dataset_without_validation_has_none(npz: Write, home: Home) -> None:
    assert open_dataset(npz(), home).validation() is None


def test_floats_are_kept_as_float32(npz: Write, home: Home) -> None:
    assert open_dataset(npz(), home).dtype == "float32"


def test_the_fingerprint_does_not_depend_on_the_place(
    npz: Write, home: Home, tmp_path: Path
) -> None:
    section = npz()
    moved = section.model_copy(update={"path": str(tmp_path / "moved.npz")})
    shutil.copyfile(str(section.path), str(moved.path))
    first, second = open_dataset(section, home), open_dataset(moved, home)
    assert first.folder != second.folder
    assert first.fingerprint == second.fingerprint


def test_changed_files_are_imported_anew(npz: Write, home: Home) -> None:
    before = open_dataset(npz(), home)
    x, _ = before.train()
    after = open_dataset(npz(x_train=np.ones((90, 5))), home)
    assert (before.train_size, after.train_size) == (48, 72)
    assert before.fingerprint != after.fingerprint
    assert x.shape == (48, 5)
    assert np.isfinite(x).all()  # whoever has it open keeps it
    assert kept(home) == [after.folder.name]
    with pytest.raises(InputError, match="changed meanwhile; run the command again"):
        open_test(before, Access(opened_by="a test"))


def test_files_that_were_only_touched_are_compared_once(npz: Write, home: Home) -> None:
    section = npz()
    before = open_dataset(section, home)
    os.utime(str(section.path), ns=(1, 1))
    calls: list[Call] = []
    after = open_dataset(section, home, lambda *call: calls.append(call))
    assert {what for what, *_ in calls} == {"hashing the files of the source"}
    assert after.model_copy(update={"signature": before.signature}) == before
    assert not imports(section, home)


def test_how_a_source_is_read_makes_another_import(images: Write, home: Home) -> None:
    section = images()
    resized = section.model_copy(update={"image_size": (2, 2)})
    first, second = open_dataset(section, home), open_dataset(resized, home)
    assert (first.input_shape, second.input_shape) == ((3, 4, 3), (2, 2, 3))
    assert open_dataset(section, home) == first


def test_what_was_imported_is_told(images: Write, home: Home) -> None:
    section = images()
    dataset = open_dataset(section, home)
    assert dataset.path == section.path
    assert not dataset.test_taken
    assert dataset.summary.counts == {"train": (10, 10), "test": (10, 10)}
    assert dataset.summary.copies["test"] == 20
    assert dataset.skipped == ()
    digits = open_dataset(DatasetSection(source="digits"), home)
    assert (digits.path, digits.test_taken) == (None, True)
    assert list_datasets(home) == [digits, dataset]


def test_imports_are_cleared_and_their_openings_stay_on_record(
    npz: Write, images: Write, home: Home
) -> None:
    sections = [npz(), images(), DatasetSection(source="digits")]
    datasets = [open_dataset(section, home) for section in sections]
    open_test(datasets[0], Access(opened_by="a test"))
    (datasets[2].folder / "meta.json").write_text("damaged")
    x, _ = datasets[0].train()
    assert clear(home, sections[0]) == 1
    assert kept(home) == sorted(d.folder.name for d in datasets[1:])
    assert np.isfinite(x).all()
    assert clear(home, sections[0]) == 0
    (home.datasets / ".partial").mkdir()
    (home.datasets / "mine").mkdir()
    assert clear(home) == 2
    assert kept(home) == ["mine"]
    assert "a test" in (home.datasets / "test_opened.jsonl").read_text()
    assert clear(Home(home.root / "none")) == 0


def test_openings_of_the_test_split_are_recorded(npz: Write, home: Home) -> None:
    dataset = open_dataset(npz(), home)
    record = home.datasets / "test_opened.jsonl"
    assert not record.exists()
    open_test(dataset, Access(opened_by="evaluate a"))
    open_test(dataset, Access(opened_by="train b"))
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    assert [line["opened_by"] for line in lines] == ["evaluate a", "train b"]
    assert all(line["date"].endswith("+00:00") for line in lines)
    assert all(line["fingerprint"] == dataset.fingerprint for line in lines)


@pytest.mark.parametrize("part", ["x_test", "y_train"])
def test_arrays_that_are_not_what_was_imported_are_not_judged_by(
    npz: Write, home: Home, part: str
) -> None:
    dataset = open_dataset(npz(), home)
    array = np.load(dataset.folder / f"{part}.npy")
    array.flat[0] = 1 if array.flat[0] != 1 else 2
    np.save(dataset.folder / f"{part}.npy", array)
    with pytest.raises(InputError, match="is damaged or missing; remove its folder"):
        open_test(dataset, Access(opened_by="a test"))


def _garbage(file: Path) -> None:
    file.write_bytes(b"garbage")


def _folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


@pytest.mark.parametrize("damage", [_garbage, _folder, Path.unlink])
def test_search_never_touches_the_test_arrays(
    npz: Write, home: Home, damage: Callable[[Path], None]
) -> None:
    section = npz()
    before = split(open_dataset(section, home), section.model_copy(update={"scale": "none"}))
    for name in ("x_test.npy", "y_test.npy"):
        damage(open_dataset(section, home).folder / name)
    assert not imports(section, home)
    dataset = open_dataset(section, home)
    after = split(dataset, section.model_copy(update={"scale": "none"}))
    assert after.fingerprint == before.fingerprint
    assert after.train.rows.tolist() == before.train.rows.tolist()
    with pytest.raises(InputError, match=r"x_test\.npy is damaged"):
        open_test(dataset, Access(opened_by="a test"))


def _cut_off(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-8])


def _unclosed(file: Path) -> None:
    file.write_bytes(file.read_bytes().replace(b")", b"!", 1))


def _no_type(file: Path) -> None:
    file.write_bytes(file.read_bytes().replace(b"'<f4'", b"()   ").replace(b"'<i8'", b"()   "))


def _other_array(file: Path) -> None:
    np.save(file, np.zeros((3, 5), np.float32))


def _other_format(file: Path) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), "format": 99}))


def _no_sizes(file: Path) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), "sizes": {}}))


def _fewer_classes(file: Path) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), "class_names": ["0", "1"]}))


def _no_maximum(file: Path) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), "maximum": 0}))


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("meta.json", _garbage),
        ("meta.json", Path.unlink),
        ("meta.json", _cut_off),
        ("meta.json", _other_format),
        ("meta.json", _no_sizes),
        ("meta.json", _fewer_classes),
        ("meta.json", _no_maximum),
        ("x_train.npy", _garbage),
        ("x_train.npy", _cut_off),
        ("x_train.npy", _folder),
        ("x_train.npy", _unclosed),
        ("y_train.npy", _no_type),
        ("x_train.npy", _other_array),
        ("y_train.npy", Path.unlink),
        ("y_train.npy", _other_array),
        ("x_val.npy", _cut_off),
        ("y_val.npy", _garbage),
    ],
)
def test_a_damaged_import_is_made_anew(
    npz: Write, home: Home, name: str, damage: Callable[[Path], None]
) -> None:
    x, y = np.ones((30, 5)), np.arange(30) % 3
    section = npz(x_val=x, y_val=y)
    before = open_dataset(section, home)
    open_test(before, Access(opened_by="a test"))
    damage(before.folder / name)
    assert imports(section, home)
    after = open_dataset(section, home)
    assert after.model_copy(update={"imported": before.imported}) == before
    assert "a test" in (home.datasets / "test_opened.jsonl").read_text()
    assert kept(home) == [after.folder.name]


def test_an_import_that_cannot_be_removed_is_named(
    npz: Write, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = open_dataset(npz(), home).folder

    def refuse(path: Path) -> None:
        path.stat()
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("hpsearch.data.cache.shutil.rmtree", refuse)
    with pytest.raises(UnreachableError, match="cannot be removed: Permission denied") as caught:
        clear(home)
    assert str(folder) in str(caught.value)
    assert "space" not in str(caught.value)
    assert kept(home) == [folder.name]


def test_a_link_in_the_place_of_an_import_is_not_followed(npz: Write, home: Home) -> None:
    precious = home.root / "precious"
    precious.mkdir(parents=True)
    (precious / "x_train.npy").write_bytes(b"all that I have")
    home.datasets.mkdir()
    (home.datasets / ".partial").symlink_to(precious)
    dataset = open_dataset(npz(), home)
    assert kept(home) == [dataset.folder.name]
    assert (precious / "x_train.npy").read_bytes() == b"all that I have"


def test_a_killed_import_is_cleared_away(npz: Write, home: Home) -> None:
    (home.datasets / ".partial").mkdir(parents=True)
    (home.datasets / ".partial" / "x_train.npy").write_bytes(b"half")
    dataset = open_dataset(npz(), home)
    assert kept(home) == [dataset.folder.name]
    assert sorted(path.name for path in dataset.folder.iterdir()) == [
        "meta.json",
        "x_test.npy",
        "x_train.npy",
        "y_test.npy",
        "y_train.npy",
    ]


def test_wrong_data_leave_no_data_set(npz: Write, home: Home) -> None:
    section = npz(y_train=[0] * 60)
    with pytest.raises(InputError, match="at least two"):
        open_dataset(section, home)
    assert kept(home) == []


@pytest.mark.parametrize("source", ["npz", "image_folder"])
def test_nothing_at_the_path(home: Home, tmp_path: Path, source: str) -> None:
    section = DatasetSection.model_validate({"source": source, "path": str(tmp_path / "none")})
    with pytest.raises(InputError, match="no such"):
        open_dataset(section, home)


@contextmanager
def largest_file(limit: int) -> Iterator[None]:
    """Let no file grow over ``limit`` bytes, as a full disk would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_unreachable_and_leaves_nothing(npz: Write, home: Home) -> None:
    section = npz(x_train=np.ones((3000, 200)))
    with largest_file(500_000), pytest.raises(UnreachableError, match="free space") as caught:
        open_dataset(section, home)
    assert caught.value.exit_code == 3
    assert kept(home) == []
    assert open_dataset(section, home).train_size == 2400


def test_a_home_that_cannot_be_written_is_unreachable(npz: Write, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UnreachableError, match="--home"):
        open_dataset(npz(), Home(tmp_path / "file" / "home"))


def test_a_data_set_that_cannot_be_read_is_unreachable(
    npz: Write, home: Home, forbidden: Any
) -> None:
    dataset = open_dataset(npz(), home)
    with forbidden(dataset.folder):
        with pytest.raises(UnreachableError, match="Permission denied"):
            dataset.train()
        with pytest.raises(UnreachableError, match="Permission denied"):
            open_test(dataset, Access(opened_by="a test"))
        with pytest.raises(UnreachableError, match="Permission denied"):
            find(dataset.folder)


def test_files_that_change_while_they_are_read(npz: Write, home: Home) -> None:
    section = npz()

    def change(what: str, done: int, total: int) -> None:
        if what.startswith("reading") and done == total:
            npz(x_train=np.ones((90, 5)))

    with pytest.raises(InputError, match="was changed while it was read"):
        open_dataset(section, home, change)
    assert kept(home) == []


def test_an_import_that_is_stopped_leaves_nothing(npz: Write, home: Home) -> None:
    def stop(what: str, done: int, _total: int) -> None:
        if what.startswith("storing") and done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_dataset(npz(), home, stop)
    assert kept(home) == []
    assert isinstance(open_dataset(npz(), home), Dataset)


def test_data_that_do_not_fit_into_memory(
    npz: Write, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise MemoryError("Unable to allocate 9.4 GiB")

    section = npz()
    with monkeypatch.context() as patched:
        patched.setattr("hpsearch.data.cache.hold_out", full)
        with pytest.raises(InputError, match="does not fit into memory"):
            open_dataset(section, home)
    assert kept(home) == []
    assert open_dataset(section, home).train_size == 48


def test_an_import_of_an_older_version_gives_way_to_a_new_one(images: Write, home: Home) -> None:
    """Until format 3 images lay on their side; what they were imported as is not served."""
    section = images()
    dataset = open_dataset(section, home)
    meta = json.loads((dataset.folder / "meta.json").read_text())
    (dataset.folder / "meta.json").write_text(json.dumps(meta | {"format": 2}))
    assert list_datasets(home) == []
    assert imports(section, home)
    assert open_dataset(section, home).fingerprint == dataset.fingerprint
    assert kept(home) == [dataset.folder.name]


def test_what_a_source_was_read_as_is_kept(images: Write, home: Home) -> None:
    section = images()
    root = Path(str(section.path))
    (root / "train").rename(root / "Training")
    (root / "__MACOSX").mkdir()
    (root / "test" / "cat" / "Thumbs.db").touch()
    assert open_dataset(section, home).notes == (
        "Training/ is the training part, test/ is the test part",
        "passed over: __MACOSX, Thumbs.db",
    )


def test_imports_of_what_is_gone_below_a_folder_are_removed(
    npz: Write, home: Home, tmp_path: Path
) -> None:
    x, y = np.zeros((30, 2), np.uint8), np.arange(30) % 3
    section = npz(x_train=x, y_train=y)
    path = Path(str(section.path))
    kept_one = open_dataset(DatasetSection(source="digits"), home)
    imported = open_dataset(section, home)
    clear_gone(home, path.parent)
    assert kept(home) == sorted([kept_one.folder.name, imported.folder.name])
    path.rename(tmp_path / "moved.npz")
    clear_gone(home, tmp_path / "elsewhere")
    assert kept(home) == sorted([kept_one.folder.name, imported.folder.name])
    clear_gone(home, path.parent)
    assert kept(home) == [kept_one.folder.name]

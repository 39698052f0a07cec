import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hpsearch.data.arrays import silent
from hpsearch.data.section import DatasetSection
from hpsearch.data.signature import SourceFiles, source_files
from hpsearch.errors import UnreachableError

Write = Callable[..., DatasetSection]


def root(section: DatasetSection) -> Path:
    return Path(str(section.path))


def _touch(path: Path) -> None:
    os.utime(path, ns=(1, 1))


def _grow(path: Path) -> None:
    status = path.stat()
    path.write_bytes(path.read_bytes() + b"x")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def _alter(path: Path) -> None:
    """Another content of the same size; the time changes with it."""
    path.write_bytes(bytes(path.stat().st_size))
    os.utime(path, ns=(1, 1))


def _rename(path: Path) -> None:
    path.rename(path.with_name("z"))


@pytest.mark.parametrize("change", [_touch, _grow, _alter, Path.unlink, _rename])
def test_the_signature_changes_with_names_sizes_and_times(
    images: Write, change: Callable[[Path], Any]
) -> None:
    folder = root(images())
    before = source_files(folder)
    assert source_files(folder) == before
    change(folder / "train" / "cat" / "003.png")
    assert source_files(folder).signature != before.signature


@pytest.mark.parametrize("change", [_grow, _alter, Path.unlink, _rename])
def test_the_hash_changes_with_what_is_in_the_files(
    images: Write, change: Callable[[Path], Any]
) -> None:
    folder = root(images())
    before = source_files(folder).contents(silent)
    change(folder / "train" / "cat" / "003.png")
    assert source_files(folder).contents(silent) != before


def test_the_hash_of_files_that_were_touched_stays(images: Write) -> None:
    folder = root(images())
    before = source_files(folder).contents(silent)
    _touch(folder / "train" / "cat" / "003.png")
    calls: list[tuple[str, int, int]] = []
    assert source_files(folder).contents(lambda *call: calls.append(call)) == before
    assert calls[-1][1:] == (40, 40)


def test_hidden_files_do_not_count(images: Write) -> None:
    folder = root(images())
    before = source_files(folder)
    (folder / "train" / ".DS_Store").write_text("x")
    assert source_files(folder) == before


def test_a_file_is_its_own_source(npz: Write) -> None:
    path = root(npz())
    files = source_files(path)
    assert files.files == (("", path.stat().st_size, path.stat().st_mtime_ns),)
    before = files.contents(silent)
    path.write_bytes(b"other")
    assert source_files(path).contents(silent) != before


def test_nothing_has_no_files(tmp_path: Path) -> None:
    assert source_files(tmp_path / "gone") == SourceFiles(tmp_path / "gone", ())


def test_loops_dead_links_and_pipes_are_no_trap(images: Write) -> None:
    folder = root(images())
    (folder / "train" / "cat" / "self").symlink_to("self")
    (folder / "train" / "cat" / "nowhere").symlink_to("gone")
    (folder / "up").symlink_to(folder)
    os.mkfifo(folder / "train" / "cat" / "pipe")
    files = source_files(folder)
    assert source_files(folder) == files
    assert files.contents(silent) == files.contents(silent)


def test_what_may_not_be_read_is_unreachable(images: Write, forbidden: Any) -> None:
    folder = root(images()) / "train"
    files = source_files(folder)
    with forbidden(folder), pytest.raises(UnreachableError, match="Permission denied"):
        source_files(folder.parent)
    file = folder / "cat" / "000.png"
    with forbidden(file), pytest.raises(UnreachableError, match=r"000\.png: Permission denied"):
        files.contents(silent)

import gzip
import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

import pytest
from official import write_folder, write_tar

from hpsearch.data.official import container
from hpsearch.data.official.container import read_files
from hpsearch.errors import HpsearchError, InputError, UnreachableError

FILES = {"a": b"first", "b": b"second", "readme": b"text"}


def role(name: str) -> str | None:
    own = name.rpartition("/")[2].removesuffix(".gz")
    return own if own in ("a", "b") else None


def read(path: Path) -> dict[str, bytes]:
    contents: dict[str, bytes] = {}

    def use(wanted: str, _where: str, stream: IO[bytes]) -> None:
        contents[wanted] = stream.read()

    read_files(path, role, use, "a folder with a and b")
    return contents


@pytest.mark.parametrize(
    "write",
    [
        write_folder,
        lambda folder, files: write_folder(folder / "x" / "y", files).parents[1],
        lambda folder, files: write_tar(folder / "x.tar", files),
        lambda folder, files: write_tar(folder / "x.tar.gz", files, inside="some/where"),
        lambda folder, files: write_tar(folder / "x.tar", {f"./{n}": c for n, c in files.items()}),
    ],
    ids=["folder", "folder-in-folders", "tar", "tar.gz", "tar-of-dot"],
)
def test_wanted_files_are_handed_over(write: Callable[..., Path], tmp_path: Path) -> None:
    path = write(tmp_path, FILES)
    names = read_files(path, role, lambda *_: None, "")
    assert sorted(name.rpartition("/")[2] for name in names) == ["a", "b", "readme"]
    assert read(path) == {"a": b"first", "b": b"second"}


def test_a_file_may_be_left_half_read(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "x.tar.gz", {"a": bytes(10**6), "b": b"second"})
    started: list[bytes] = []
    read_files(path, role, lambda *call: started.append(call[2].read(2)), "")
    assert started == [b"\0\0", b"se"]


def test_the_nearest_file_of_a_folder_is_taken(tmp_path: Path) -> None:
    """Some copies hold a file twice: gzipped beside unpacked, or again in a folder below."""
    write_folder(tmp_path, {"a": b"near", "a.gz": b"zipped"})
    write_folder(tmp_path / "a-folder", {"a": b"far"})
    assert read(tmp_path) == {"a": b"near"}


def test_two_files_alike_near_are_refused(tmp_path: Path) -> None:
    for name in ("x", "y"):
        write_folder(tmp_path / name, FILES)
    with pytest.raises(InputError, match='both "x/a" and "y/a"; give the folder'):
        read(tmp_path)


def test_hidden_files_are_passed_over(tmp_path: Path) -> None:
    files = {"._a": b"of macOS", "a": b"first"}
    assert read(write_tar(tmp_path / "x.tar", files, inside="x")) == {"a": b"first"}
    write_folder(tmp_path / "f" / ".old", {"a": b"old"})
    assert read(write_folder(tmp_path / "f", files)) == {"a": b"first"}


def entry(name: str, **fields: Any) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    for field, value in fields.items():
        setattr(info, field, value)
    return info


def tar(*entries: tarfile.TarInfo | bytes) -> bytes:
    """An archive from headers and raw blocks, ended as archives are."""
    blocks = [e if isinstance(e, bytes) else e.tobuf(tarfile.USTAR_FORMAT) for e in entries]
    return b"".join(blocks) + bytes(1024)


def sized(size: bytes, kind: bytes = b"0") -> bytes:
    """A header whose size is written as these twelve bytes, with a fitting checksum."""
    header = bytearray(entry("a").tobuf(tarfile.USTAR_FORMAT))
    header[124:136], header[156:157] = size, kind
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


NEGATIVE = (-1024).to_bytes(12, "big", signed=True)
HUGE = b"\x80" + (2**43).to_bytes(11, "big")
BODY = b"first".ljust(512, b"\0")
ZIPPED = gzip.compress(tar(entry("a", size=5), BODY))
WRONG = {
    "empty": (b"", "not a tar archive (empty file)"),
    "html": (b"<html>404</html>" * 100, "is an HTML page, not the data; download it again"),
    "gzip of text": (gzip.compress(b"text" * 1000), "not a tar archive"),
    "cut-off gzip": (ZIPPED[:-30], "damaged"),
    "gzip without checksum": (ZIPPED[:-8] + bytes(8), "CRC"),
    "cut in a file": (tar(entry("a", size=5000), BODY)[:1100], '"a"'),
    "cut after a file": (entry("b", size=5).tobuf() + b"x" * 5, "damaged"),
    "a link": (tar(entry("a", type=tarfile.SYMTYPE, linkname="/etc/passwd")), "is a link"),
    "a hard link": (tar(entry("a", type=tarfile.LNKTYPE, linkname="b")), "is a link"),
    "a pipe": (tar(entry("a", type=tarfile.FIFOTYPE)), "not a plain file"),
    "a device": (tar(entry("a", type=tarfile.CHRTYPE)), "not a plain file"),
    "twice": (tar(entry("a"), entry("a")), 'both "a" and "a"'),
    "twice in folders": (tar(entry("x/a"), entry("y/a")), 'both "x/a" and "y/a"'),
    "huge": (tar(sized(HUGE)), "declares 8796.1 GB"),
    "huge and unwanted": (tar(entry("readme"), sized(HUGE, b"7")), "declares 8796.1 GB"),
    "below nothing": (tar(sized(NEGATIVE)), "not the official archive"),
    "a huge name": (tar(sized(HUGE, b"L")), "a header of"),
    "a name below nothing": (tar(sized(NEGATIVE, b"L")), "a header of"),
    "huge properties": (tar(sized(HUGE, b"x")), "a header of"),
    "endless properties": (tar(*[sized(b"0" * 11 + b"\0", b"x")] * 2000), "damaged"),
    "sparse": (tar(sized(b"0" * 11 + b"\0", b"S")), "not a plain file"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_archives_are_refused(name: str, tmp_path: Path) -> None:
    content, says = WRONG[name]
    (tmp_path / "x.tar").write_bytes(content)
    with pytest.raises(InputError) as caught:
        read(tmp_path / "x.tar")
    assert says in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "x.tar"))
    assert [path.name for path in tmp_path.iterdir()] == ["x.tar"]


def test_archives_of_very_many_entries_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(container, "_MOST_MEMBERS", 20)
    (tmp_path / "x.tar").write_bytes(tar(*[entry("x")] * 22))
    with pytest.raises(InputError, match="not the official archive"):
        read(tmp_path / "x.tar")


def test_a_file_larger_than_the_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = SimpleNamespace(virtual_memory=lambda: SimpleNamespace(available=4))
    monkeypatch.setattr(container, "psutil", free)
    for path in (write_folder(tmp_path, {"a": b"first"}), write_tar(tmp_path / "x.tar", FILES)):
        with pytest.raises(InputError, match=r"declares 0\.0 GB, but only"):
            read(path)


def test_what_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path / "none", tmp_path / "file" / "below"):
        with pytest.raises(InputError, match="no such file or folder; give a folder with a and b"):
            read(path)


def test_pipes_and_links_in_circles_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a")
    with pytest.raises(InputError, match="not a file that can be read"):
        read(tmp_path)
    (tmp_path / "a").unlink()
    (tmp_path / "a").symlink_to("a")
    with pytest.raises(UnreachableError, match="for a link, its target"):
        read(tmp_path)
    with pytest.raises(UnreachableError, match="for a link, its target"):
        read(tmp_path / "a")
    (tmp_path / "a").unlink()
    (tmp_path / "around").symlink_to(tmp_path)
    assert read(tmp_path) == {}


def test_without_permission(tmp_path: Path, forbidden: Any) -> None:
    folder = write_folder(tmp_path / "x", FILES)
    archive = write_tar(tmp_path / "x.tar", FILES)
    for closed, given in ((folder / "a", folder), (folder, folder), (archive, archive)):
        with forbidden(closed), pytest.raises(HpsearchError) as caught:
            read(given)
        assert caught.value.exit_code == 3
        assert "Permission denied; check its permissions" in str(caught.value)


def test_streams_that_are_gzipped_are_unzipped() -> None:
    for content in (b"text", b"", b"\x1f"):
        assert container.unzipped(io.BytesIO(content)).read() == content
        assert container.unzipped(io.BytesIO(gzip.compress(content))).read() == content

"""Unpacking archives of any kind: what is refused, and that nothing is written elsewhere."""

import gzip
import io
import struct
import tarfile
import tempfile
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpsearch.data import unpacking
from hpsearch.data.unpacking import unpack
from hpsearch.errors import InputError

MOST = 2**24
Members = Sequence[tuple[str | tarfile.TarInfo, bytes]]


def tarred(members: Members, form: int = tarfile.PAX_FORMAT) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=form, errors="surrogateescape") as archive:
        for name, content in members:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return made.getvalue()


def zipped(members: Sequence[tuple[str | zipfile.ZipInfo, bytes]], method: int = 8) -> bytes:
    made = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(made, "w", method) as archive:
        warnings.simplefilter("ignore")  # of names that are there twice
        for name, content in members:
            archive.writestr(name, content)
    return made.getvalue()


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def link_in_zip(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, 0o120777 << 16
    return info


def unpacked(folder: Path, content: bytes, ending: str = ".tar", most: int = MOST) -> set[str]:
    """The files that an archive is unpacked to, beside which there is nothing new."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        archive, made = Path(place) / f"data{ending}", Path(place) / "made"
        archive.write_bytes(content)
        try:
            unpack(archive, made, most)
        finally:
            assert {*Path(place).iterdir()} <= {archive, made}
        found = [one for one in made.rglob("*") if one.is_file()]
        assert not any(one.is_symlink() for one in made.rglob("*"))
        return {str(one.relative_to(made)) for one in found}


FILES = [("train/a/1.png", b"x" * 512), ("train/b/2.png", b"y" * 5000), ("train/b/3.png", b"")]


@pytest.mark.parametrize(
    ("content", "ending"),
    [
        (zipped(FILES), ".zip"),
        (tarred(FILES), ".tar"),
        (tarred(FILES, tarfile.GNU_FORMAT), ".tar"),
        (gzip.compress(tarred(FILES), mtime=0), ".tar.gz"),
    ],
)
def test_archives_of_every_kind_are_unpacked(tmp_path: Path, content: bytes, ending: str) -> None:
    assert unpacked(tmp_path, content, ending) == {name for name, _ in FILES}


REFUSED: list[tuple[bytes, str, str]] = [
    *((tarred([(name, b"x")]), ".tar", "leads out") for name in ("../x", "a/../../x", "/x", "..")),
    *((zipped([(name, b"x")]), ".zip", "leads out") for name in ("../x", "a\\..\\..\\x", ".")),
    (zipped([("/x", b"x")]), ".zip", "leads out"),
    (tarred([(special("l", tarfile.SYMTYPE, "/etc"), b""), ("l/passwd", b"x")]), ".tar", "a link"),
    (tarred([(special("l", tarfile.LNKTYPE, "/etc/passwd"), b"")]), ".tar", "a link"),
    (zipped([(link_in_zip("l"), b"/etc"), ("l/passwd", b"x")]), ".zip", "a link"),
    (tarred([(special("d", tarfile.CHRTYPE), b"")]), ".tar", "a device"),
    (tarred([(special("d", tarfile.FIFOTYPE), b"")]), ".tar", "a device"),
    (tarred([("a", b"x"), ("a", b"y")]), ".tar", "two members of the name"),
    (tarred([("a", b"x"), ("a/b", b"y")]), ".tar", "two members of the name"),
    (tarred([("a/b", b"x"), ("a", b"y")]), ".tar", "two members of the name"),
    (tarred([("x" * 300, b"x")]), ".tar", "no file can have"),
    (zipped([("x" * 300, b"x")]), ".zip", "no file can have"),
    (tarred([("d/" * 40 + "x", b"x")]), ".tar", "pack it flatter"),
    (zipped([("a", b"x")], zipfile.ZIP_LZMA), ".zip", "another method"),
    (zipped([("a", b"x" * 10**6)])[:-40], ".zip", "damaged"),
    (tarred([("a", b"x" * 10**5)])[:10**4], ".tar", "damaged"),
    (gzip.compress(tarred([("a", b"x" * 10**5)]), mtime=0)[:-100], ".tar.gz", "damaged"),
    *((b"", end, "damaged") for end in (".zip", ".tar", ".tar.gz")),
    *((b"abc", end, "damaged") for end in (".zip", ".tar", ".tar.gz")),
]  # fmt: skip


@pytest.mark.parametrize(("content", "ending", "why"), REFUSED)
def test_what_is_refused_is_named(tmp_path: Path, content: bytes, ending: str, why: str) -> None:
    with pytest.raises(InputError, match=why):
        unpacked(tmp_path, content, ending)


def test_a_bomb_is_refused_before_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking, "ALWAYS", 2**16)
    bomb = [("a", bytes(2**23))]
    for content, ending in ((zipped(bomb), ".zip"), (gzip.compress(tarred(bomb)), ".tar.gz")):
        with pytest.raises(InputError, match="unpacks to more than"):
            unpacked(tmp_path, content, ending)
    with pytest.raises(InputError, match="unpacks to more than"):
        unpacked(tmp_path, tarred([(f"{i}", b"") for i in range(100)]), most=99 * 4096)
    with pytest.raises(InputError, match="unpacks to more than"):
        unpacked(tmp_path, tarred([("d/" * 20 + "x", b"")]), most=20 * 4096)
    monkeypatch.setattr(unpacking, "MOST_MEMBERS", 10)
    with pytest.raises(InputError, match="more than 10 members"):
        unpacked(tmp_path, tarred([(f".{i}", b"") for i in range(20)]))


def test_tables_of_an_archive_that_are_too_large_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking, "_MOST_READ", 2**16)
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 2**30
    content = gzip.compress(header.tobuf(tarfile.GNU_FORMAT) + bytes(2**17))
    with pytest.raises(InputError, match="tables are too large"):
        unpacked(tmp_path, content, ".tar.gz")
    with pytest.raises(InputError, match="tables are too large"):
        unpacked(tmp_path, zipped([(f"{i:0200}", b"") for i in range(400)]), ".zip")


def test_a_negative_size_does_not_go_round_in_circles(tmp_path: Path) -> None:
    header = bytearray(tarfile.TarInfo("a").tobuf(tarfile.GNU_FORMAT))
    header[124:136] = b"\xff" * 8 + struct.pack(">i", -2048)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    with pytest.raises(InputError, match="damaged"):
        unpacked(tmp_path, tarred([("b", b"x")])[:1024] + bytes(header) + bytes(5120))


def test_litter_is_passed_over_and_names_stay_as_they_are(tmp_path: Path) -> None:
    members: Members = [
        ("__MACOSX/._a", b"x"), (special(".git", tarfile.SYMTYPE, "/"), b""), ("A/1", b"x"),
        ("a/1", b"x"), ("caf\udce9/1", b"x"), ("\u732b/1", b"x"), ("./b/./1", b"x"),
    ]  # fmt: skip
    names = {"A/1", "a/1", "caf\udce9/1", "\u732b/1", "b/1"}
    assert unpacked(tmp_path, tarred(members)) == names
    named = zipfile.ZipInfo("\u732b/1".encode().decode("cp437"))
    named.flag_bits = 0
    content = zipped([("dos\\1", b"x"), ("\u732b/2", b"x")])
    assert unpacked(tmp_path, content, ".zip") == {"dos/1", "\u732b/2"}


@settings(max_examples=40)
@given(data=st.data())
def test_no_change_of_an_archive_makes_it_write_elsewhere_or_fail_otherwise(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    parts = st.lists(st.sampled_from(["a", "..", ".", "", "b" * 200, "\u732b", "c\\d"]), max_size=4)
    names = parts.map(lambda some: "/".join([*some, "a"]))
    members = data.draw(st.lists(st.tuples(names, st.binary(max_size=700)), max_size=4))
    ending = data.draw(st.sampled_from([".zip", ".tar", ".tar.gz"]))
    content = bytearray(zipped(members) if ending == ".zip" else tarred(members))
    for place, byte in data.draw(
        st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), max_size=8)
    ):
        content[place] = byte
    packed = gzip.compress(bytes(content)) if ending == ".tar.gz" else bytes(content)
    cut = data.draw(st.integers(0, len(packed)) | st.none())
    try:
        unpacked(tmp_path_factory.getbasetemp(), packed[:cut], ending)
    except InputError:
        return

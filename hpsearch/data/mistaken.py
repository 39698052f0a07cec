"""Mistaken files: what was given in place of data, known by its first bytes, and what to do.

Imports little, because every process that decodes images imports it anew.
"""

import re
from dataclasses import dataclass

from hpsearch.errors import InputError

HEAD = 2048
"""Bytes that are enough to tell."""


@dataclass(frozen=True, kw_only=True)
class Mistaken:
    """What a file is in place of the data it was given for."""

    kind: str
    """With its article: "a Git LFS pointer"."""
    cure: str
    """What to do: "run git lfs pull"."""
    source: str | None = None
    """The source of data that reads it, if one does."""


_AS_ARRAYS = 'read it with its own library, then save numpy.savez("mine.npz", x_train=x, y_train=y)'
_LFS = Mistaken(kind="a Git LFS pointer", cure="run git lfs pull")
_PAGE = "download it again, signed in where the page asks for it"
_HTML = Mistaken(kind="an HTML page", cure=_PAGE)
_XML = Mistaken(kind="an XML page", cure=_PAGE)
_AS_TABLE = 'use it with dataset.source = "table" and dataset.target = "COLUMN"'
_CSV = Mistaken(kind="a CSV table", cure=_AS_TABLE, source="table")
_NPZ = Mistaken(kind="an .npz file", cure='use it with dataset.source = "npz"', source="npz")
_TABLES = ((b"PAR1", "a Parquet table"), (b"ARROW1", "an Arrow table"))
_IMAGES = {
    b"heic": "HEIC", b"heix": "HEIC", b"hevc": "HEIC", b"mif1": "HEIC", b"msf1": "HEIC",
    b"avif": "AVIF",
}  # fmt: skip
"""Images of phones by the brand in their first bytes."""
_OTHERS = (
    (b"GIF8", "a GIF image", "convert it to PNG"),
    (b"II*\0", "a TIFF image", "convert it to PNG"),
    (b"MM\0*", "a TIFF image", "convert it to PNG"),
    (b"PK\3\4", "a zip archive", "unpack it"),
    (b"\x1f\x8b", "a gzipped file", "unpack it"),
    (b"7z\xbc\xaf", "a 7-Zip archive", "unpack it"),
    (b"Rar!", "a RAR archive", "unpack it"),
    (b"\x89HDF", "an HDF5 file", _AS_ARRAYS),
    (b"\x80\4\x95", "a pickle", _AS_ARRAYS),
)
_PAGE_START = re.compile(
    rb"\s*(?:<!--.*?-->\s*)*<(!doctype html|html|head|body|\?xml)", re.I | re.S
)
_MEMBER = re.compile(rb"PK\x03\x04.{26}[^\0/]{1,99}?\.npy", re.S)
"""How an archive begins whose first member is an array (4 + 26 bytes, then its name)."""
_DELIMITERS = ",;\t"


def mistaken(head: bytes) -> Mistaken | None:
    """What a file is that can be no array and no image that is read; None: that is not known.

    Args:
        head: its first bytes, :data:`HEAD` of them where there are so many.
    """
    if head.startswith(b"version https://git-lfs"):
        return _LFS
    if page := _PAGE_START.match(head.removeprefix(b"\xef\xbb\xbf")):
        return _XML if page[1].startswith(b"?") else _HTML
    if head[4:8] == b"ftyp" and (name := _IMAGES.get(head[8:12])):
        return Mistaken(kind=f"a {name} image", cure="convert it to JPEG")
    if _MEMBER.match(head):
        return _NPZ
    for start, kind in _TABLES:
        if head.startswith(start):
            return Mistaken(kind=kind, cure=_AS_TABLE, source="table")
    for start, kind, cure in _OTHERS:
        if head.startswith(start):
            return Mistaken(kind=kind, cure=cure)
    return _CSV if _is_csv(head) else None


def refuse(where: str, head: bytes, allowed: tuple[bytes, ...]) -> None:
    """Refuse what is known to be no data.

    Args:
        where: the file, for the message.
        head: see :func:`mistaken`.
        allowed: how a file may begin all the same.

    Raises:
        InputError: a Git LFS pointer, an HTML page, a CSV table and the like.
    """
    other = mistaken(head)
    if other is not None and not head.startswith(allowed):
        raise InputError(f"{where}: is {other.kind}, not the data; {other.cure}")


def _is_csv(head: bytes) -> bool:
    """Whether the first bytes are lines of text with as many delimiters in each, at least one."""
    text = head.decode("utf-8-sig", errors="ignore")
    lines = text.splitlines()
    lines = lines[:-1] if len(head) >= HEAD else lines  # the last one may be cut off
    if len(lines) < 2 or not all(line.replace("\t", "").isprintable() for line in lines):
        return False
    counts = ({line.count(delimiter) for line in lines} for delimiter in _DELIMITERS)
    return any(len(each) == 1 and each != {0} for each in counts)

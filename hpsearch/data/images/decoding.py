"""Decoding of image files: what one image becomes, and what is refused.

Imports little, because every process that decodes imports it anew.
"""

import os
import stat
import struct
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, NoReturn

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from hpsearch.data.mistaken import HEAD, mistaken
from hpsearch.errors import InputError, UnreachableError

Pixels = npt.NDArray[np.uint8]
Mode = Literal["L", "RGB"]
"""Pillow's names for grey and colour."""

_FORMATS = ("PNG", "JPEG", "BMP", "WEBP")
_MODES: dict[str, Mode] = {"1": "L", "L": "L", "LA": "L", "P": "RGB", "RGB": "RGB", "RGBA": "RGB"}
"""What an image of each of Pillow's modes is when it is taken as it is, transparency aside."""

_ORIENTATION = 0x0112
"""Number of the EXIF tag that says how an image is to be turned to stand upright."""
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What is done for each of its values; at 1, and at any other, nothing."""
_ON_ITS_SIDE = 5
"""From this value on width and height change places."""
_BROKEN_EXIF = (
    AssertionError, LookupError, OSError, OverflowError, SyntaxError, TypeError, ValueError,
    struct.error,
)  # fmt: skip
"""What Pillow raises on metadata that are cut off or made up; the image may be sound."""

# What Pillow raises on files that are cut off, changed, or meant to exhaust memory.
_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    TypeError,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


class UnreadableError(Exception):
    """A file that is no readable image; the text says why."""


@dataclass(frozen=True, kw_only=True)
class Form:
    """What all images are brought to; None leaves that as it is in the file."""

    size: tuple[int, int] | None = None
    """Width and height in pixels, as Pillow has them."""
    mode: Mode | None = None


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What decoded images have in common, and the file that it was seen in first."""

    size: tuple[int, int]
    """Width and height in pixels."""
    mode: Mode
    file: str

    def __str__(self) -> str:
        colour = "grey" if self.mode == "L" else "colour"
        return f"{self.size[0]} x {self.size[1]} {colour}"

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one image as an array: (height, width) or (height, width, 3)."""
        grey = (self.size[1], self.size[0])
        return grey if self.mode == "L" else (*grey, 3)


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """Some files, decoded in their order."""

    pixels: Pixels
    """The images that could be read, shape (readable files, *shape of one)."""
    reasons: tuple[str | None, ...]
    """For each file why it is no readable image; None where it is one."""
    turned: int
    """How many of the images an orientation tag has turned."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One image, decoded."""

    kind: Kind
    pixels: Pixels
    """Shape ``kind.shape``."""
    turned: bool
    """Whether an orientation tag has turned it."""


def decode(file: str, form: Form, kind: Kind | None) -> Picture:
    """One image, upright and brought to a form.

    It is turned as its EXIF orientation says, which cameras write and viewers heed. Transparent
    pixels are put on white, 16-bit grey values lose their lower byte, CMYK becomes RGB as Pillow
    does it: all of these only where the form has a mode. An alpha channel that hides nothing is
    dropped in any case.

    Args:
        file: its path.
        form: what it is brought to.
        kind: what it must be in the end; None: of any kind.

    Raises:
        UnreadableError: no readable PNG, JPEG, BMP or WebP image of one frame.
        InputError: of another kind, or of a mode that only a form with a mode allows.
        UnreachableError: the file cannot be read.
    """
    try:
        _check_file(file)
        with (
            open(file, "rb") as stream,  # noqa: PTH123 - a Path for each file takes longer
            _strict(),
            Image.open(stream, formats=_FORMATS) as image,
        ):
            return _decode(file, image, form, kind)
    except UnidentifiedImageError:
        raise UnreadableError(_other_kind(file)) from None
    except _BROKEN as error:
        # Errors of the system have a number, those that Pillow makes up have none.
        if isinstance(error, OSError) and error.errno is not None:
            raise UnreachableError(f"{file}: {error.strerror}; check that it can be read") from None
        raise UnreadableError(" ".join(str(error).split()) or type(error).__name__) from None


def _check_file(file: str) -> None:
    """Only regular files that hold something: a pipe would be waited for without end."""
    status = os.stat(file)  # noqa: PTH116 - see above
    if stat.S_ISDIR(status.st_mode):
        raise InputError(f"{file} is a folder; put images directly below their class")
    if not stat.S_ISREG(status.st_mode):
        raise UnreadableError("no regular file")
    if status.st_size == 0:
        raise UnreadableError("empty")


def _other_kind(file: str) -> str:
    """What a file is that Pillow does not know."""
    with open(file, "rb") as stream:  # noqa: PTH123 - see above
        other = mistaken(stream.read(HEAD))
    return f"{other.kind}, not an image that is read ({other.cure})" if other else "unknown format"


@contextmanager
def _strict() -> Iterator[None]:
    """Take an image so large that Pillow warns for broken; pass over warnings of odd metadata."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def orientation(image: Image.Image) -> int:
    """The EXIF orientation of an image, 1 (upright) to 8; 1 where it has none that can be read.

    Args:
        image: opened; a PNG file also loaded, whose metadata may stand behind its pixels.
    """
    try:
        value = image.getexif().get(_ORIENTATION, 1)
        return int(value) if value in _TURNS else 1
    except _BROKEN_EXIF:
        return 1


def _decode(file: str, image: Image.Image, form: Form, kind: Kind | None) -> Picture:
    """An image whose header was read, brought to a form."""
    if image.format in ("PNG", "WEBP") and getattr(image, "is_animated", False):
        raise UnreadableError("animated")
    if kind is not None and form.size is None and sorted(image.size) != sorted(kind.size):
        _refuse_kind(Kind(size=image.size, mode=kind.mode, file=file), kind)  # before it is decoded
    if image.format == "PNG":
        image.load()
    value = orientation(image)
    size = form.size or _turned(image.size, value)
    if kind is not None and size != kind.size:
        _refuse_kind(Kind(size=size, mode=kind.mode, file=file), kind)
    if form.size is not None:  # a JPEG can be decoded at half its size, a quarter, or an eighth
        width, height = _turned(form.size, value)
        image.draft(None, (2 * width, 2 * height))
    upright = image.transpose(_TURNS[value]) if value in _TURNS else image
    plain, mode = _plain(file, upright, form.mode)
    seen = Kind(size=size, mode=mode, file=file)
    if kind is not None and mode != kind.mode:
        _refuse_kind(seen, kind)
    if plain.size != size:
        plain = plain.resize(size, Image.Resampling.BILINEAR)
    return Picture(kind=seen, pixels=np.asarray(plain), turned=value in _TURNS)


def _turned(size: tuple[int, int], value: int) -> tuple[int, int]:
    """Width and height of an image once it is turned upright, or of such a one before it was."""
    width, height = size
    return (height, width) if value >= _ON_ITS_SIDE else (width, height)


def _refuse_kind(seen: Kind, kind: Kind) -> NoReturn:
    if seen.size != kind.size:
        width, height = kind.size
        cure = f"set dataset.image_size = [{height}, {width}] to resize all"
        raise InputError(
            f"{seen.file} is {seen.size[0]} x {seen.size[1]}, but {kind.file} is"
            f" {width} x {height} (width x height); {cure}"
        )
    raise InputError(
        f"{seen.file} is {seen}, but {kind.file} is {kind};"
        ' set dataset.image_mode = "rgb" to convert all (or "grey")'
    )


def _plain(file: str, image: Image.Image, mode: Mode | None) -> tuple[Image.Image, Mode]:
    """An image without transparency, 8 bits a channel, decoded; in the mode if one is given."""
    transparent = "transparency" in image.info
    if image.mode == "I;16" and mode is not None and not transparent:
        # Pillow would cut values off at 255. It takes the higher byte of 16-bit colour as well.
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    elif image.mode == "CMYK" and mode is not None:
        image = image.convert("RGB")
    base = _MODES.get(image.mode)
    if base is None:
        wanted = "rgb" if image.mode == "CMYK" else "grey"
        cure = f', or set dataset.image_mode = "{wanted}"' if mode is None else ""
        raise InputError(f"{file} has the mode {image.mode}; convert it to 8-bit grey or RGB{cure}")
    if transparent or image.mode in ("LA", "RGBA"):
        image = _on_white(file, image, seen=mode is None)
    target = mode or base
    return image if image.mode == target else image.convert(target), target


def _on_white(file: str, image: Image.Image, *, seen: bool) -> Image.Image:
    """A transparent image on white; refused where anything of the white would be ``seen``."""
    whole = image.convert("RGBA")
    if whole.getchannel("A").getextrema() == (255, 255):
        return whole.convert("RGB")
    if seen:
        raise InputError(
            f"{file} is transparent in places; save it without transparency, or set"
            ' dataset.image_mode = "rgb" (or "grey") to put all images on white'
        )
    white = Image.new("RGBA", whole.size, "white")
    white.alpha_composite(whole)
    return white.convert("RGB")


def decode_some(files: Sequence[str], form: Form, kind: Kind) -> Decoded:
    """Several images of one kind; see :func:`decode`, which says what is raised.

    Files that are no readable image are passed over.
    """
    pixels = np.empty((len(files), *kind.shape), dtype=np.uint8)
    reasons: list[str | None] = []
    count = turned = 0
    for file in files:
        try:
            picture = decode(file, form, kind)
        except UnreadableError as error:
            reasons.append(str(error))
            continue
        pixels[count] = picture.pixels
        count += 1
        turned += picture.turned
        reasons.append(None)
    return Decoded(pixels=pixels[:count], reasons=tuple(reasons), turned=turned)

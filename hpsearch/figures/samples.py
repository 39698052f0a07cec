"""The contact sheet of a data set: some images of each class, a class a row."""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

Images = npt.NDArray[np.generic]

MOST_CLASSES = 120
"""Classes that are shown; the sheet says how many there are."""
_INK, _QUIET, _PAPER, _EMPTY = "#1b1b1b", "#6b6b6b", "#ffffff", "#f0f0f0"
_MARGIN, _GAP, _LABEL = 20, 4, 150
"""Pixels around the sheet, between pictures, and for a class's name."""
_LONGEST = 80
"""Letters of a name that are measured at all; fewer fit in its place."""


@dataclass(frozen=True, kw_only=True)
class _Layout:
    """Sizes in pixels, chosen so that the sheet stays of a size to be looked at."""

    tile: int
    """Width and height that a picture may take."""
    columns: int
    """Pictures of a class."""
    blocks: int
    """Classes side by side."""
    rows: int
    """Classes below each other."""

    @property
    def block(self) -> int:
        """Width of one block: a name and the pictures of a class."""
        return _LABEL + self.columns * (self.tile + _GAP)

    @property
    def size(self) -> tuple[int, int]:
        """Of the whole sheet."""
        width = 2 * _MARGIN + self.blocks * self.block + (self.blocks - 1) * _MARGIN
        return width, 2 * _MARGIN + self.rows * self.row

    @property
    def row(self) -> int:
        """Height of a class: its pictures, or at least its name and count."""
        return max(self.tile, 34) + 2 * _GAP

    def corner(self, index: int) -> tuple[int, int]:
        """Left upper corner of a class: down the first block, then down the next."""
        block, row = divmod(index, self.rows)
        left = _MARGIN + block * (self.block + _MARGIN)
        return left, _MARGIN + row * self.row


def displayable(shape: tuple[int, ...]) -> bool:
    """Whether an example of this shape can be shown: (height, width), perhaps with 1 or 3 colours,
    and at least two pixels high and wide.
    """
    flat = len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3))
    return flat and min(shape[:2]) > 1


def contact_sheet(
    images: Images,
    labels: npt.NDArray[np.int64],
    class_names: Sequence[str],
    *,
    counts: Sequence[int],
    low: float,
    high: float,
    columns: int = 10,
) -> Image.Image:
    """A sheet with the first images of each class.

    Args:
        images: shape (n, *shape) with a displayable shape, any numbers.
        labels: the class of each image, shape (n,).
        class_names: by label.
        counts: how many examples each class has, for the reader.
        low: value that is shown as black.
        high: value that is shown as white.
        columns: at most so many images of each class; fewer where there are many classes.
    """
    shown = min(len(class_names), MOST_CLASSES)
    layout = _layout(shown, columns, max(images.shape[1:3]))
    note = "" if shown == len(class_names) else f"the first {shown} of {len(class_names):,} classes"
    width, height = layout.size
    sheet = Image.new("RGB", (width, height + (30 if note else 0)), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for label in range(shown):
        left, top = layout.corner(label)
        _write_label(draw, (left, top), layout.tile, class_names[label], counts[label])
        chosen = images[labels == label][: layout.columns]
        for column in range(layout.columns):
            place = left + _LABEL + column * (layout.tile + _GAP), top
            if column < len(chosen):
                _paste(sheet, _picture(chosen[column], low, high), place, layout.tile)
            else:
                draw.rectangle((*place, place[0] + layout.tile - 1, top + layout.tile - 1), _EMPTY)
    if note:
        draw.text((_MARGIN, height - 4), note, _QUIET, _font(13))
    return sheet


def png(sheet: Image.Image) -> bytes:
    """A sheet as a PNG file, which says of itself that it is one of ours."""
    file, about = io.BytesIO(), PngInfo()
    about.add_text("Software", "hpsearch data")
    sheet.save(file, "PNG", optimize=True, pnginfo=about)
    return file.getvalue()


def _layout(classes: int, columns: int, side: int) -> _Layout:
    """One block of large pictures for few classes; two to four blocks of small ones for many.

    Args:
        classes: how many are shown.
        columns: at most so many pictures of each.
        side: the longer side of an image in pixels; small ones are enlarged by a whole factor.
    """
    few = classes <= 20
    wanted = 64 if few else 40
    tile = side * round(wanted / side) if side <= wanted else wanted
    if few:
        return _Layout(tile=tile, columns=columns, blocks=1, rows=classes)
    blocks = max(2, math.ceil(classes / 30))
    columns = min(8 if blocks == 2 else 5, columns)
    return _Layout(tile=tile, columns=columns, blocks=blocks, rows=math.ceil(classes / blocks))


def _write_label(
    draw: ImageDraw.ImageDraw, corner: tuple[int, int], tile: int, name: str, count: int
) -> None:
    """A class's name, cut where it is too long, and its count below."""
    left, top = corner
    large, small = _font(15), _font(12)
    text = " ".join(name.split())
    text = text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
    while draw.textlength(text, large) > _LABEL - 10:
        text = text.rstrip("…")[:-1] + "…"
    middle = top + tile // 2
    draw.text((left, middle), text, _INK, large, anchor="ls")
    draw.text((left, middle + 16), f"{count:,}", _QUIET, small, anchor="ls")


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """A font of the system that knows most letters, else Pillow's own, which has no accents."""
    for name in ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "LiberationSans-Regular.ttf"):
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return ImageFont.load_default(size)


def _picture(image: Images, low: float, high: float) -> Image.Image:
    """An example as a picture, its values spread from black to white."""
    values = np.asarray(image, dtype=np.float64)
    spread = (values - low) / (high - low) if high > low else np.zeros_like(values)
    pixels = (spread.clip(0, 1) * 255).round().astype(np.uint8)
    return Image.fromarray(pixels[..., 0] if pixels.shape[2:] == (1,) else pixels).convert("RGB")


def _paste(sheet: Image.Image, picture: Image.Image, place: tuple[int, int], tile: int) -> None:
    """Put a picture in the middle of its place: whole pixels enlarged, large ones made to fit."""
    longest = max(picture.size)
    if longest <= tile:
        factor = tile // longest
        size = (picture.width * factor, picture.height * factor)
        picture = picture.resize(size, Image.Resampling.NEAREST)
    else:
        picture.thumbnail((tile, tile), Image.Resampling.LANCZOS)
    left = place[0] + (tile - picture.width) // 2
    sheet.paste(picture, (left, place[1] + (tile - picture.height) // 2))

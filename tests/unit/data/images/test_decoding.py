"""One image file: what it becomes, and what is refused."""

import io
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFile

from hpsearch.data.images.decoding import Form, Kind, UnreadableError, decode, decode_some
from hpsearch.errors import InputError, UnreachableError

GREY = Form(mode="L")
RGB = Form(mode="RGB")
NOISE = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)


def saved(folder: Path, image: Image.Image, ending: str = "png", **options: Any) -> str:
    file = folder / f"image.{ending}"
    image.save(file, **options)
    return str(file)


def written(folder: Path, data: bytes) -> str:
    (folder / "image").write_bytes(data)
    return str(folder / "image")


def pixel(file: str, form: Form) -> list[int]:
    """The first pixel of a decoded file: one value or three."""
    pixels = decode(file, form, None).pixels
    return np.atleast_1d(pixels[0, 0]).tolist()


@pytest.mark.parametrize(
    ("mode", "colour", "plain", "grey", "rgb"),
    [
        ("1", 1, [255], [255], [255, 255, 255]),
        ("L", 7, [7], [7], [7, 7, 7]),
        ("P", 7, [7, 7, 7], [7], [7, 7, 7]),
        ("RGB", (200, 100, 0), [200, 100, 0], [118], [200, 100, 0]),
        ("LA", (7, 255), [7], [7], [7, 7, 7]),
        ("RGBA", (200, 100, 0, 255), [200, 100, 0], [118], [200, 100, 0]),
    ],
)
def test_an_image_is_taken_as_it_is_or_converted(  # noqa: PLR0917 - each is another thing
    tmp_path: Path, mode: str, colour: Any, plain: list[int], grey: list[int], rgb: list[int]
) -> None:
    image = Image.new(mode, (4, 3), colour)
    if mode == "P":
        image = Image.new("L", (4, 3), colour).convert("P")
    file = saved(tmp_path, image)
    assert [pixel(file, form) for form in (Form(), GREY, RGB)] == [plain, grey, rgb]


@pytest.mark.parametrize(
    ("mode", "colour", "options", "grey", "rgb"),
    [
        ("LA", (100, 0), {}, [255], [255, 255, 255]),
        ("RGBA", (0, 0, 0, 51), {}, [204], [204, 204, 204]),
        ("L", 9, {"transparency": 9}, [255], [255, 255, 255]),
        ("RGB", (9, 9, 9), {"transparency": (9, 9, 9)}, [255], [255, 255, 255]),
        ("P", 0, {"transparency": 0}, [255], [255, 255, 255]),
        ("P", 0, {"transparency": b"\x00\x10"}, [255], [255, 255, 255]),
    ],
)
def test_transparency_is_refused_or_put_on_white(  # noqa: PLR0917 - each is another thing
    tmp_path: Path,
    mode: str,
    colour: Any,
    options: dict[str, Any],
    grey: list[int],
    rgb: list[int],
) -> None:
    file = saved(tmp_path, Image.new(mode, (4, 3), colour), **options)
    with pytest.raises(InputError, match=r'image\.png is transparent .*image_mode = "rgb"'):
        decode(file, Form(), None)
    assert [pixel(file, form) for form in (GREY, RGB)] == [grey, rgb]


def test_a_palette_whose_colours_are_all_seen_is_taken(tmp_path: Path) -> None:
    file = saved(tmp_path, Image.new("P", (4, 3), 0), transparency=b"\xff\x00")
    assert decode(file, Form(), None).pixels.shape == (3, 4, 3)


def test_sixteen_bit_grey_is_refused_or_loses_its_lower_byte(tmp_path: Path) -> None:
    wide = np.array([[0, 255, 256, 65535]], np.uint16)
    file = saved(tmp_path, Image.fromarray(wide))
    with pytest.raises(InputError, match=r'mode I;16; .* or set dataset\.image_mode = "grey"'):
        decode(file, Form(), None)
    assert decode(file, GREY, None).pixels.tolist() == [[0, 0, 1, 255]]
    file = saved(tmp_path, Image.fromarray(wide), transparency=0)
    with pytest.raises(InputError, match=r"mode I;16; convert it to 8-bit grey or RGB$"):
        decode(file, GREY, None)


def test_cmyk_is_refused_or_converted(tmp_path: Path) -> None:
    file = saved(tmp_path, Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "jpg", quality=100)
    with pytest.raises(InputError, match=r'mode CMYK; .* or set dataset\.image_mode = "rgb"'):
        decode(file, Form(), None)
    assert np.abs(np.subtract(pixel(file, RGB), [255, 0, 0])).max() <= 3


def test_resizing_is_bilinear_with_antialiasing(tmp_path: Path) -> None:
    image = Image.fromarray(NOISE)
    picture = decode(saved(tmp_path, image), Form(size=(5, 3)), None)
    assert picture.kind.size == (5, 3)
    pixels = picture.pixels
    assert pixels.tolist() == np.asarray(image.resize((5, 3), Image.Resampling.BILINEAR)).tolist()
    blocks = NOISE[:, :, 0].reshape(3, 10, 5, 8).mean(axis=(1, 3))
    assert np.abs(pixels[:, :, 0] - blocks).max() < 40, "pixels in between count as well"
    assert decode(saved(tmp_path, image), Form(size=(80, 90)), None).pixels.shape == (90, 80, 3)


def test_a_palette_is_resized_in_its_colours(tmp_path: Path) -> None:
    image = Image.new("RGB", (4, 4), "red")
    image.paste("blue", (2, 0, 4, 4))
    file = saved(tmp_path, image.convert("P", palette=Image.Palette.ADAPTIVE))
    red, green, blue = pixel(file, Form(size=(1, 1)))
    assert (abs(red - 127) <= 1, green, abs(blue - 127) <= 1) == (True, 0, True)


def test_a_large_jpeg_is_decoded_small_at_no_less_than_twice_the_target(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    smooth = Image.fromarray(NOISE).resize((800, 600), Image.Resampling.BICUBIC)
    file = saved(tmp_path, smooth, "jpg", quality=95)
    sizes: list[tuple[int, int]] = []
    resize = Image.Image.resize

    def noting(image: Image.Image, *args: Any, **options: Any) -> Image.Image:
        sizes.append(image.size)
        return resize(image, *args, **options)

    monkeypatch.setattr(Image.Image, "resize", noting)
    pixels = decode(file, Form(size=(80, 60)), None).pixels
    assert sizes == [(200, 150)]
    whole = np.asarray(resize(smooth, (80, 60), Image.Resampling.BILINEAR)).astype(int)
    assert np.abs(pixels - whole).mean() < 6


def test_other_sizes_and_modes_are_refused_with_the_cure(tmp_path: Path) -> None:
    kind = Kind(size=(4, 3), mode="RGB", file="first.png")
    assert kind.shape == (3, 4, 3)
    file = saved(tmp_path, Image.new("RGB", (4, 5)))
    with pytest.raises(InputError, match=r"is 4 x 5, but first\.png is 4 x 3 .* = \[3, 4\] to"):
        decode(file, Form(), kind)
    file = saved(tmp_path, Image.new("L", (4, 3)))
    with pytest.raises(InputError, match=r'grey, but first\.png is 4 x 3 colour; .* = "rgb"'):
        decode(file, Form(), kind)
    assert decode(file, RGB, kind).kind.mode == "RGB"


def chunk(name: bytes, data: bytes) -> bytes:
    crc = zlib.crc32(name + data)
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", crc)


def png(*chunks: bytes, side: int = 4) -> bytes:
    """A PNG of ``side`` x ``side`` grey pixels (their data stop at 1,000), more chunks inside."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(b"\0" * min(1000, side * (side + 1))))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + body + chunk(b"IEND", b"")


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


NOISY = Image.fromarray(NOISE)
FRAMES = {"save_all": True, "append_images": [NOISY.rotate(180)]}
MEGABYTES = zlib.compress(b"x" * 2_000_000)
HUGE_BMP = b"BM" + struct.pack("<IHHI", 54, 0, 0, 54)
HUGE_BMP += struct.pack("<IiiHHIIiiII", 40, 60000, 60000, 1, 24, 0, 0, 0, 0, 0, 0)
UNREADABLE = {
    "empty": (b"", "empty"),
    "text": (b"no image at all", "unknown format"),
    "another format": (
        encoded(NOISY, "GIF"),
        "a GIF image, not an image that is read (convert it to PNG)",
    ),
    "a Git LFS pointer": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
        "a Git LFS pointer, not an image that is read (run git lfs pull)",
    ),
    "half a PNG": (encoded(NOISY, "PNG")[:1500], "truncated"),
    "half a JPEG": (encoded(NOISY, "JPEG")[:700], "truncated"),
    "half a BMP": (encoded(NOISY, "BMP")[:1500], "truncated"),
    "half a WebP": (encoded(NOISY, "WEBP")[:700], ""),
    "head of a PNG": (encoded(NOISY, "PNG")[:20], ""),
    "head of a JPEG": (encoded(NOISY, "JPEG")[:20], ""),
    "animated PNG": (encoded(NOISY, "PNG", **FRAMES), "animated"),
    "animated WebP": (encoded(NOISY, "WEBP", **FRAMES), "animated"),
    "text bomb": (png(chunk(b"zTXt", b"a\0\0" + MEGABYTES)), "too large"),
    "profile bomb": (png(chunk(b"iCCP", b"a\0\0" + MEGABYTES)), "too large"),
    "60000 x 60000 PNG": (png(side=60_000), "exceeds limit"),
    "10000 x 10000 PNG": (png(side=10_000), "exceeds limit"),
    "60000 x 60000 BMP": (HUGE_BMP, "exceeds limit"),
}


@pytest.mark.parametrize("name", UNREADABLE)
@pytest.mark.parametrize("form", [Form(), Form(size=(2, 2), mode="L")])
def test_what_is_no_readable_image_says_why(name: str, form: Form, tmp_path: Path) -> None:
    data, reason = UNREADABLE[name]
    with pytest.raises(UnreadableError) as caught:
        decode(written(tmp_path, data), form, None)
    assert reason in str(caught.value)
    assert str(caught.value).isprintable()
    assert str(caught.value)


@pytest.mark.parametrize("name", ["60000 x 60000 PNG", "10000 x 10000 PNG", "60000 x 60000 BMP"])
def test_a_bomb_is_refused_before_memory_is_taken(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImageFile.ImageFile, "load", None)
    with pytest.raises(UnreadableError, match="exceeds limit"):
        decode(written(tmp_path, UNREADABLE[name][0]), Form(), None)


def test_an_image_of_another_size_is_refused_before_it_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImageFile.ImageFile, "load", None)
    with pytest.raises(InputError, match="9000 x 9000, but"):
        decode(written(tmp_path, png(side=9000)), Form(), Kind(size=(4, 4), mode="L", file="f"))


def test_odd_metadata_warn_of_nothing(tmp_path: Path) -> None:
    file = saved(tmp_path, NOISY, "jpg", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\x01" * 40)
    assert decode(file, Form(), None).pixels.shape == (30, 40, 3)


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(UnreadableError, match="no regular file"):
        decode(str(tmp_path / "pipe.png"), Form(), None)
    with pytest.raises(InputError, match="is a folder"):
        decode(str(tmp_path), Form(), None)
    with pytest.raises(UnreachableError, match=r"gone\.png: No such file"):
        decode(str(tmp_path / "gone.png"), Form(), None)


def test_some_images_are_decoded_without_the_unreadable_ones(tmp_path: Path) -> None:
    good = saved(tmp_path, Image.new("L", (4, 3), 7))
    decoded = decode_some(
        [good, written(tmp_path, b""), good], Form(), decode(good, Form(), None).kind
    )
    assert decoded.reasons == (None, "empty", None)
    assert decoded.pixels.shape == (2, 3, 4)
    assert (decoded.pixels == 7).all()


def test_decoding_imports_little() -> None:
    heavy = "pydantic", "sklearn", "pandas", "keras", "tensorflow", "optuna", "typer"
    child = "hpsearch.data.images.parallel"
    code = f"import sys, {child}; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"

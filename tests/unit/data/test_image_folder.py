import zlib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hpsearch.data import image_folder
from hpsearch.data.image_folder import load
from hpsearch.data.source import silent
from hpsearch.errors import InputError, UnreachableError
from hpsearch.recipe import DatasetSection

Write = Callable[..., DatasetSection]


def root(section: DatasetSection) -> Path:
    return Path(str(section.path))


@pytest.mark.parametrize("ending", ["png", "bmp", "jpg", "webp"])
@pytest.mark.parametrize(("mode", "shape"), [("RGB", (3, 4, 3)), ("L", (3, 4))])
def test_images_are_read_in_order(
    images: Write, ending: str, mode: str, shape: tuple[int, ...]
) -> None:
    if (ending, mode) == ("webp", "L"):
        shape = (3, 4, 3)  # WebP knows colour only
    arrays = load(images(("train", "val", "test"), mode=mode, ending=ending), silent)
    assert arrays.class_names == ("cat", "dog")
    assert arrays.maximum == 255.0
    for part, x, y in arrays.parts():
        assert x.shape == (20, *shape), part
        assert x.dtype == np.uint8
        assert y.tolist() == [0] * 10 + [1] * 10
        first = x.reshape(20, -1)[:, 0].astype(int)
        assert np.abs(first - [*range(10), *range(100, 110)]).max() <= 3  # JPEG, WebP: lossy


def test_without_train_the_folders_are_the_classes(images: Write) -> None:
    section = images(("train",))
    flat = section.model_copy(update={"path": str(root(section) / "train")})
    arrays = load(flat, silent)
    assert arrays.x_test is None
    assert arrays.x_train.tolist() == load(section, silent).x_train.tolist()


def test_hidden_names_and_loose_files_are_passed_over(images: Write) -> None:
    section = images()
    (root(section) / "train" / "cat" / ".DS_Store").write_bytes(b"x")
    (root(section) / "train" / ".cache").mkdir()
    (root(section) / "train" / "README.txt").write_text("about")
    assert len(load(section, silent).x_train) == 20


def test_palettes_and_bitmaps_are_converted(images: Write) -> None:
    section = images(mode="P")
    assert load(section, silent).x_train.shape == (20, 3, 4, 3)
    section = images(mode="1")
    arrays = load(section, silent)
    assert arrays.x_train.shape == (20, 3, 4)
    assert set(np.unique(arrays.x_train)) <= {0, 255}


def test_a_loop_of_links_ends(images: Write) -> None:
    section = images(("train",))
    (root(section) / "train" / "cat" / "loop.png").symlink_to("loop.png")
    with pytest.raises(UnreachableError, match=r"loop\.png"):
        load(section, silent)
    (root(section) / "train" / "cat" / "loop.png").unlink()
    (root(section) / "train" / "cat" / "up").symlink_to(root(section))
    with pytest.raises(InputError, match="put images directly below their class"):
        load(section, silent)


def _first(folder: Path) -> Path:
    return folder / "train" / "cat" / "000.png"


def _cut_off(folder: Path) -> None:
    big = Image.fromarray(np.random.default_rng(0).integers(0, 255, (3, 4, 3), np.uint8))
    big.save(folder / "train" / "cat" / "005.png")
    data = (folder / "train" / "cat" / "005.png").read_bytes()
    (folder / "train" / "cat" / "005.png").write_bytes(data[: len(data) // 2])


def _garbage(folder: Path) -> None:
    (folder / "train" / "dog" / "003.png").write_bytes(b"no image at all")


def _empty_file(folder: Path) -> None:
    (folder / "test" / "dog" / "003.png").write_bytes(b"")


def _other_size(folder: Path) -> None:
    Image.new("RGB", (5, 3)).save(folder / "test" / "dog" / "009.png")


def _other_mode(folder: Path) -> None:
    Image.new("L", (4, 3)).save(folder / "train" / "dog" / "009.png")


def _alpha(folder: Path) -> None:
    Image.new("RGBA", (4, 3)).save(_first(folder))


def _transparent(folder: Path) -> None:
    Image.new("P", (4, 3)).save(_first(folder), transparency=0)


def _sixteen_bits(folder: Path) -> None:
    Image.new("I;16", (4, 3)).save(_first(folder))


def _animated(folder: Path) -> None:
    frames = [Image.new("RGB", (4, 3), colour) for colour in ("red", "blue")]
    frames[0].save(_first(folder), save_all=True, append_images=frames[1:])


def _no_classes(folder: Path) -> None:
    (folder / "train").rename(folder / "val")
    (folder / "train").mkdir()


def _no_train(folder: Path) -> None:
    (folder / "train").rename(folder / "extra")


def _empty_part(folder: Path) -> None:
    for file in (folder / "test").glob("*/*"):
        file.unlink()


def _new_class(folder: Path) -> None:
    (folder / "test" / "bird").mkdir()


def _strange_part(folder: Path) -> None:
    (folder / "test").rename(folder / "testing")


def _nested(folder: Path) -> None:
    (folder / "train" / "cat" / "more").mkdir()


def _bomb(folder: Path) -> None:
    data = bytearray(_first(folder).read_bytes())
    data[16:24] = (60000).to_bytes(4, "big") * 2  # the header's width and height
    chunk = bytes(data[12:29])
    data[29:33] = zlib.crc32(chunk).to_bytes(4, "big")
    _first(folder).write_bytes(bytes(data))


DAMAGED: list[tuple[Callable[[Path], None], str]] = [
    (_cut_off, "005.png is not a readable"),
    (_garbage, "003.png is not a readable PNG, JPEG, BMP or WebP image (unknown format)"),
    (_empty_file, "003.png is not a readable"),
    (_other_size, "009.png is 5 x 3 colour"),
    (_other_mode, "009.png is 4 x 3 grey"),
    (_alpha, "mode RGBA"),
    (_transparent, "with transparency"),
    (_sixteen_bits, "mode I;16"),
    (_animated, "animated"),
    (_no_classes, "no class folders"),
    (_no_train, "no train/"),
    (_empty_part, "no images"),
    (_new_class, 'no class "bird"'),
    (_strange_part, '"testing"'),
    (_nested, "is a folder"),
    (_bomb, "000.png is not a readable"),
]


@pytest.mark.parametrize(("damage", "says"), DAMAGED)
def test_damaged_folders_are_wrong_input(
    images: Write, damage: Callable[[Path], None], says: str
) -> None:
    section = images()
    damage(root(section))
    with pytest.raises(InputError) as caught:
        load(section, silent)
    assert says in str(caught.value)
    assert str(root(section)) in str(caught.value)


def test_no_folder_and_a_file_are_wrong_input(images: Write, tmp_path: Path) -> None:
    section = images()
    for path, says in (
        (tmp_path / "none", "no such folder"),
        (_first(root(section)), "is a file"),
    ):
        with pytest.raises(InputError, match=says):
            load(section.model_copy(update={"path": str(path)}), silent)


@pytest.mark.parametrize("below", ["", "train/cat", "train/cat/000.png"])
def test_what_may_not_be_read_is_unreachable(images: Write, forbidden: Any, below: str) -> None:
    section = images()
    with forbidden(root(section) / below), pytest.raises(UnreachableError, match="Permission"):
        load(section, silent)


def test_images_beyond_memory_are_refused_before_they_are_read(
    images: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = SimpleNamespace(virtual_memory=lambda: SimpleNamespace(available=100))
    monkeypatch.setattr(image_folder, "psutil", memory)
    with pytest.raises(InputError, match="40 images of 4 x 3 colour need"):
        load(images(), silent)


def test_progress_ends_at_the_number_of_images(images: Write) -> None:
    calls: list[tuple[str, int, int]] = []
    load(images(), lambda *call: calls.append(call))
    assert calls[0] == ("reading images", 1, 40)
    assert calls[-1] == ("reading images", 40, 40)

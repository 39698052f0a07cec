import os
import shutil
import unicodedata
import zlib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hpsearch.data.arrays import check, silent
from hpsearch.data.importing import fingerprint
from hpsearch.data.section import DatasetSection
from hpsearch.errors import InputError, UnreachableError

Write = Callable[..., DatasetSection]

BACK = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""How an upright image is stored for each orientation."""


def root(section: DatasetSection) -> Path:
    return Path(str(section.path))


@pytest.mark.parametrize("ending", ["png", "bmp", "jpg", "webp"])
@pytest.mark.parametrize(("mode", "shape"), [("RGB", (3, 4, 3)), ("L", (3, 4))])
def test_images_are_read_in_order(
    images: Write, ending: str, mode: str, shape: tuple[int, ...]
) -> None:
    if (ending, mode) == ("webp", "L"):
        shape = (3, 4, 3)  # WebP knows colour only
    arrays = images(("train", "val", "test"), mode=mode, ending=ending).reader.load(silent)
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
    arrays = flat.reader.load(silent)
    assert arrays.x_test is None
    assert arrays.x_train.tolist() == section.reader.load(silent).x_train.tolist()


def test_hidden_names_and_loose_files_are_passed_over(images: Write) -> None:
    section = images()
    (root(section) / "train" / "cat" / ".DS_Store").write_bytes(b"x")
    (root(section) / "train" / ".cache").mkdir()
    (root(section) / "train" / "README.txt").write_text("about")
    assert len(section.reader.load(silent).x_train) == 20


def test_litter_is_passed_over_wherever_it_lies(images: Write) -> None:
    section = images()
    plain = section.reader.load(silent)
    for folder in (root(section), root(section) / "train", root(section) / "test" / "dog"):
        shutil.copytree(root(section) / "train", folder / "__MACOSX")
        (folder / "@eaDir").mkdir()
        (folder / ".ipynb_checkpoints").mkdir()
        for name in ("Thumbs.db", "desktop.ini", "._000.png", "000.png:Zone.Identifier"):
            (folder / name).write_bytes(b"litter")
    found = section.reader.load(silent)
    assert found.class_names == ("cat", "dog")
    assert found.skipped == ()
    assert fingerprint(found) == fingerprint(plain)


@pytest.mark.parametrize(
    ("ending", "options"), [("jpg", {"quality": 100}), ("png", {}), ("webp", {"lossless": True})]
)
def test_images_are_turned_as_they_are_looked_at(
    images: Write, ending: str, options: dict[str, Any]
) -> None:
    section = images(("train",), size=(6, 4), ending=ending)
    grey = np.arange(24, dtype=np.uint8).reshape(4, 6) * 10
    upright = Image.fromarray(np.stack([grey] * 3, axis=-1))
    files = sorted((root(section) / "train").rglob(f"*.{ending}"))
    for index, file in enumerate(files):
        value = index % 10  # 0 and 9 mean nothing
        exif = Image.Exif()
        exif[0x112] = value
        upright.transpose(BACK[value]).save(file, exif=exif, **options) if value in BACK else (
            upright.save(file, exif=exif, **options)
        )
    arrays = section.reader.load(silent)
    assert arrays.x_train.shape == (20, 4, 6, 3)
    assert arrays.turned == 14
    assert np.abs(arrays.x_train.astype(int) - np.asarray(upright)).max() <= 3
    resized = section.model_copy(update={"image_size": (2, 3)}).reader.load(silent)
    assert resized.x_train.shape[1:3] == (2, 3)


def test_images_without_tags_have_the_fingerprint_that_they_always_had(images: Write) -> None:
    told = "b81d1c21031466434da20c0c856058fa"
    assert fingerprint(images(("train", "val", "test")).reader.load(silent))[:32] == told


def test_palettes_and_bitmaps_are_converted(images: Write) -> None:
    section = images(mode="P")
    assert section.reader.load(silent).x_train.shape == (20, 3, 4, 3)
    section = images(mode="1")
    arrays = section.reader.load(silent)
    assert arrays.x_train.shape == (20, 3, 4)
    assert set(np.unique(arrays.x_train)) <= {0, 255}


def test_a_loop_of_links_ends(images: Write) -> None:
    section = images(("train",))
    (root(section) / "train" / "cat" / "loop.png").symlink_to("loop.png")
    with pytest.raises(UnreachableError, match=r"loop\.png"):
        section.reader.load(silent)
    (root(section) / "train" / "cat" / "loop.png").unlink()
    (root(section) / "train" / "cat" / "up").symlink_to(root(section))
    with pytest.raises(InputError, match="put images directly below their class"):
        section.reader.load(silent)


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


def _sixteen_bits(folder: Path) -> None:
    Image.new("I;16", (4, 3)).save(_first(folder))


def _animated(folder: Path) -> None:
    frames = [Image.new("RGB", (4, 3), colour) for colour in ("red", "blue")]
    frames[0].save(_first(folder), save_all=True, append_images=frames[1:])


def _all_garbage(folder: Path) -> None:
    for file in folder.glob("*/*/*"):
        file.write_bytes(b"no image at all")


def _not_utf8(folder: Path) -> None:
    (folder / "train" / os.fsdecode(b"caf\xe9")).mkdir()


def _file_not_utf8(folder: Path) -> None:
    _first(folder).rename(folder / "train" / "cat" / os.fsdecode(b"caf\xe9.png"))


def _shown_alike(folder: Path) -> None:
    for form in ("NFC", "NFD"):
        (folder / "train" / unicodedata.normalize(form, "café")).mkdir()


def _empty_class(folder: Path) -> None:
    (folder / "train" / "bird").mkdir()


def _loop_of_folders(folder: Path) -> None:
    (folder / "train" / "loop").symlink_to(folder)


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
    (folder / "test").rename(folder / "extra")


def _flat_part(folder: Path) -> None:
    for file in (folder / "test").glob("*/*"):
        file.rename(folder / "test" / f"{file.parent.name}{file.name}")
    for empty in ("cat", "dog"):
        (folder / "test" / empty).rmdir()


def _flat_train(folder: Path) -> None:
    _flat_part(folder)
    shutil.rmtree(folder / "train")
    (folder / "test").rename(folder / "train")
    (folder / "test1").mkdir()


def _idx_files(folder: Path) -> None:
    for part in ("train", "test"):
        shutil.rmtree(folder / part)
    (folder / "train-images-idx3-ubyte.gz").write_bytes(b"0")


def _a_table(folder: Path) -> None:
    for part in ("train", "test"):
        shutil.rmtree(folder / part)
    (folder / "houses.csv").write_text("a,b\n1,2\n")


def _two_parts(folder: Path) -> None:
    shutil.copytree(folder / "test", folder / "Testing")


def _no_part_names(folder: Path) -> None:
    (folder / "train").rename(folder / "one")
    (folder / "test").rename(folder / "two")


def _pointers(folder: Path) -> None:
    for file in folder.glob("*/*/*"):
        file.write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{file.name}\n")


def _nested(folder: Path) -> None:
    (folder / "train" / "cat" / "more").mkdir()


def _bomb(folder: Path) -> None:
    data = bytearray(_first(folder).read_bytes())
    data[16:24] = (60000).to_bytes(4, "big") * 2  # the header's width and height
    chunk = bytes(data[12:29])
    data[29:33] = zlib.crc32(chunk).to_bytes(4, "big")
    _first(folder).write_bytes(bytes(data))


DAMAGED: list[tuple[Callable[[Path], None], str]] = [
    (_cut_off, "1 of 40 files (2.50%) are not readable PNG, JPEG, BMP or WebP images"),
    (_garbage, "allows 1.00%: train/dog/003.png: unknown format; fix or remove them, or raise"),
    (_empty_file, ": test/dog/003.png: empty; fix"),
    (_all_garbage, "40 of 40 files (100.00%)"),
    (_all_garbage, ": unknown format, train/cat/002.png: unknown format and 37 more; fix"),
    (_other_size, "009.png is 5 x 3, but"),
    (_other_size, "set dataset.image_size = [3, 4] to resize all"),
    (_other_mode, "009.png is 4 x 3 grey, but"),
    (_other_mode, 'set dataset.image_mode = "rgb" to convert all'),
    (_alpha, "000.png is transparent in places"),
    (_sixteen_bits, "000.png has the mode I;16"),
    (_animated, "train/cat/000.png: animated"),
    (_no_classes, "no class folders"),
    (_idx_files, 'make one for each class (these are idx files: source = "mnist" or "fashion_'),
    (_a_table, "make one for each class (a table is named by its own file: source ="),
    (_no_train, "no train/"),
    (_empty_part, "no images"),
    (_new_class, 'no class "bird"'),
    (
        _strange_part,
        'has a folder "extra" beside train/; only train/, val/ and test/ (or Training,',
    ),
    (_flat_part, "test has images but no class folders, so their classes are unknown; sort"),
    (_flat_train, "train has images, but no class folders; make one for each class"),
    (_two_parts, 'both "Testing" and "test", which mean the same part; merge them'),
    (_no_part_names, 'has folders of folders ("one", "two"), but none is called train/'),
    (
        _pointers,
        "train/cat/000.png: a Git LFS pointer, not an image that is read (run git lfs pull)",
    ),
    (_nested, "is a folder"),
    (_bomb, "train/cat/000.png: Image size (3600000000 pixels) exceeds"),
    (_not_utf8, 'the name "caf\\udce9" is not UTF-8; rename it'),
    (_file_not_utf8, 'the name "caf\\udce9.png" is not UTF-8; rename it'),
    (_shown_alike, 'two folders that both read "café"'),
    (_empty_class, 'class "bird" has no training example'),
    (_loop_of_folders, "train/loop/test is a folder; put images directly below their class"),
]


@pytest.mark.parametrize(("damage", "says"), DAMAGED)
def test_damaged_folders_are_wrong_input(
    images: Write, damage: Callable[[Path], None], says: str
) -> None:
    section = images()
    damage(root(section))
    with pytest.raises(InputError) as caught:
        check(section.reader.load(silent), str(section.path))
    assert says in str(caught.value)
    assert str(root(section)) in str(caught.value)


def test_no_folder_and_a_file_are_wrong_input(images: Write, tmp_path: Path) -> None:
    section = images()
    for path, says in (
        (tmp_path / "none", "no such folder"),
        (_first(root(section)), "is a file"),
    ):
        with pytest.raises(InputError, match=says):
            section.model_copy(update={"path": str(path)}).reader.load(silent)


@pytest.mark.parametrize("below", ["", "train", "train/cat", "train/cat/000.png"])
def test_what_may_not_be_read_is_unreachable(images: Write, forbidden: Any, below: str) -> None:
    section = images()
    with forbidden(root(section) / below), pytest.raises(UnreachableError, match="Permission"):
        section.reader.load(silent)


def test_a_folder_that_may_be_listed_but_not_entered_is_unreachable(
    images: Write, forbidden: Any
) -> None:
    section = images()
    with forbidden(root(section), 0o444), pytest.raises(UnreachableError, match="Permission"):
        section.reader.load(silent)


@pytest.mark.parametrize("target", ["nowhere", "dog"])
def test_a_class_that_is_a_link_to_nowhere_is_not_left_out(images: Write, target: str) -> None:
    section = images()
    (root(section) / "train" / "dog").rename(root(section) / "train" / "bird")
    (root(section) / "train" / "dog").symlink_to(target)
    with pytest.raises(UnreachableError, match=r"train/dog: .*check its permissions and, for"):
        section.reader.load(silent)


def test_names_may_be_any_text(images: Write) -> None:
    composed, decomposed = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
    section = images(classes=(composed, "🐈 ", "train", "a\nb"))
    (root(section) / "test" / composed).rename(root(section) / "test" / decomposed)
    (root(section) / "train" / "a\nb" / "000.png").rename(root(section) / "train/a\nb/naïve\n.png")
    arrays = section.reader.load(silent)
    assert arrays.class_names == ("a\nb", "café", "train", "🐈 ")
    assert arrays.y_test is not None
    assert np.bincount(arrays.y_test).tolist() == [10, 10, 10, 10]
    (root(section) / "train" / "a\nb" / "naïve\n.png").write_bytes(b"")
    allowed = section.model_copy(update={"max_unreadable": 0.5})
    assert allowed.reader.load(silent).skipped == ('"train/a\\nb/naïve\\n.png": empty',)


def test_unreadable_files_are_passed_over_and_named(images: Write) -> None:
    section = images(("train", "val", "test"))
    whole = section.reader.load(silent)
    (root(section) / "test" / "cat" / "004.png").write_bytes(b"")
    (root(section) / "test" / "dog" / "notes.txt").write_bytes(b"notes")
    (root(section) / "train" / "cat" / "000.png").write_bytes(b"x")
    arrays = section.model_copy(update={"max_unreadable": 0.05}).reader.load(silent)
    assert arrays.skipped == (
        "train/cat/000.png: unknown format",
        "test/cat/004.png: empty",
        "test/dog/notes.txt: unknown format",
    )
    assert arrays.x_train.tolist() == whole.x_train[1:].tolist()
    assert arrays.y_train.tolist() == [0] * 9 + [1] * 10
    assert arrays.x_val is not None
    assert whole.x_val is not None
    assert arrays.x_val.tolist() == whole.x_val.tolist()
    assert arrays.x_test is not None
    assert whole.x_test is not None
    assert arrays.x_test.tolist() == np.delete(whole.x_test, 4, axis=0).tolist()
    assert arrays.y_test is not None
    assert arrays.y_test.tolist() == [0] * 9 + [1] * 10


def test_one_unreadable_file_in_a_hundred_is_allowed(images: Write) -> None:
    section = images(("train",), count=50)
    _garbage(root(section))
    assert len(section.reader.load(silent).skipped) == 1
    with pytest.raises(InputError, match=r"1 of 100 files .*max_unreadable = 0\.0 allows 0\.00%"):
        section.model_copy(update={"max_unreadable": 0.0}).reader.load(silent)
    (root(section) / "train" / "dog" / "000.png").write_bytes(b"")
    with pytest.raises(InputError, match="2 of 100 files"):
        section.reader.load(silent)


def test_images_of_all_sizes_and_modes_are_brought_to_one(images: Write) -> None:
    section = images()
    _other_size(root(section))
    _other_mode(root(section))
    with pytest.raises(InputError, match="image_size = "):
        section.model_copy(update={"image_mode": "rgb"}).reader.load(silent)
    with pytest.raises(InputError, match="image_mode = "):
        section.model_copy(update={"image_size": (2, 6)}).reader.load(silent)
    both = {"image_size": (2, 6), "image_mode": "rgb"}
    assert section.model_copy(update=both).reader.load(silent).x_train.shape == (20, 2, 6, 3)
    both["image_mode"] = "grey"
    assert section.model_copy(update=both).reader.load(silent).x_train.shape == (20, 2, 6)


def test_images_beyond_memory_are_refused_before_they_are_read(
    images: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = SimpleNamespace(virtual_memory=lambda: SimpleNamespace(available=100))
    monkeypatch.setattr("hpsearch.data.images.folder.psutil", memory)
    with pytest.raises(InputError, match="40 images of 4 x 3 colour need"):
        images().reader.load(silent)


def test_progress_ends_at_the_number_of_images(images: Write) -> None:
    calls: list[tuple[str, int, int]] = []
    images().reader.load(lambda *call: calls.append(call))
    assert calls[-1] == ("reading images", 40, 40)

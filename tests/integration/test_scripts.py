"""Scripts read what hpsearch reads: the same rows, the same values, from every kind of file."""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import official
import pytest
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st
from PIL import Image

from hpsearch.data import stratify
from hpsearch.data.cache import open_dataset
from hpsearch.data.dataset import open_test
from hpsearch.data.parts import split
from hpsearch.data.record import Opening
from hpsearch.home import Home
from hpsearch.recipe import Recipe
from hpsearch.script.names import check_names
from hpsearch.script.script import script

Write = Callable[[Path], dict[str, Any]]
"""Writes files into an empty folder; gives the data section."""


def run(text: str) -> dict[str, Any]:
    """All that a script defines. It needs no Keras for that, which takes seconds to import."""
    names: dict[str, Any] = {"__name__": "script"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "keras", ModuleType("keras"))
        exec(compile(text, "script.py", "exec"), names)  # noqa: S102  # our own text
    return names


def _draw() -> Callable[..., tuple[Any, Any]]:
    """What draws rows in a script."""
    with tempfile.TemporaryDirectory() as folder:
        recipe = Recipe(seed=1, config={}, dataset={"source": "digits"})
        dataset = open_dataset(recipe.dataset, Home(Path(folder)))
        draw: Callable[..., tuple[Any, Any]] = run(
            script(recipe, dataset, split(dataset, recipe.dataset))
        )["draw"]
        return draw


DRAW = _draw()


def compare(
    section: dict[str, Any], folder: Path, remove: Callable[[], None] | None = None
) -> None:
    """A script's parts and hpsearch's are equal; ``remove`` takes the files of the test part away
    before the script reads training and validation examples.
    """
    recipe = Recipe(seed=1, config={}, dataset=section)
    dataset = open_dataset(recipe.dataset, Home(folder / "home"))
    parts = split(dataset, recipe.dataset)
    text = script(recipe, dataset, parts)
    assert check_names(text, "script.py") == []
    names = run(text)
    own = {"train": parts.train, "val": parts.validation}

    constants = ()
    if remove is None:
        x, y = names["load"]("test")
        expected = open_test(dataset, Opening(opened_by="a test"))
        assert np.array_equal(x, expected[0])
        assert np.array_equal(y, expected[1])
    else:
        remove()
    x_train, y_train, x_val, y_val = names["split"]()
    if recipe.dataset.scale == "standardize":
        constants = names["scaling"](x_train)
    for part, x, y in (("train", x_train, y_train), ("val", x_val, y_val)):
        wanted = own[part].x[own[part].rows]
        assert np.array_equal(y, own[part].y[own[part].rows])
        assert y.dtype == np.int64
        assert np.array_equal(x, wanted)
        scaled = names["scale"](x, *constants)
        assert scaled.dtype == np.float32
        assert np.array_equal(
            scaled, wanted.astype(np.float32) * parts.transform.multiplier + parts.transform.offset
        )


# ---------------------------------------------------------------------- how data are split, scaled


@pytest.mark.parametrize(
    "section", [
        {"scale": "none"}, {"scale": "unit"}, {"scale": "symmetric"}, {"scale": "standardize"},
        {"validation": 0.33, "split_seed": 7, "scale": "unit"},
        {"limit": 500, "scale": "standardize"}, {"limit": 1290, "scale": "symmetric"},
        {"include_validation": True, "scale": "standardize"},
        {"include_validation": True, "limit": 500, "scale": "standardize"},
        {"include_validation": True, "limit": 500, "scale": "none"},
    ],
    ids=str,
)  # fmt: skip
def test_digits(section: dict[str, Any], tmp_path: Path) -> None:
    """Every way to split, and to scale what was split: only standardizing looks at the rows."""
    compare({"source": "digits"} | section, tmp_path)


@settings(deadline=None, max_examples=60)
@given(
    sizes=st.lists(st.integers(2, 40), min_size=2, max_size=12),
    share=st.floats(0.01, 0.99),
    seed=st.integers(0, 2**31 - 1),
)
def test_rows_are_those_that_hpsearch_draws(sizes: list[int], share: float, seed: int) -> None:
    y = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))
    rows = np.flatnonzero(np.arange(len(y)) % 7)
    count = round(share * len(rows))
    try:
        expected = stratify.draw(rows, y, count, seed, [str(name) for name in range(len(sizes))])
    except ValueError:
        reject()
    assume(len(rows) - count >= len(sizes))  # else hpsearch does without proportion
    drawn = DRAW(rows, y, count, seed)
    assert all(map(np.array_equal, drawn, expected))


# ---------------------------------------------------------------------- copies of official files

MNIST, CIFAR10, CIFAR100 = (official.parts(name) for name in ("mnist", "cifar10", "cifar100"))
BATCHES = official.cifar10_files(CIFAR10)


def both(folder: Path) -> Path:
    official.write_folder(folder / "MNIST" / "raw", official.idx_files(MNIST))
    official.write_folder(folder / "MNIST" / "raw", official.idx_files(MNIST, gzipped=False))
    return folder


COPIES: dict[str, tuple[str, Callable[[Path], Path]]] = {
    "idx.gz": ("mnist", lambda f: official.write_folder(f, official.idx_files(MNIST))),
    "idx": (
        "mnist",
        lambda f: official.write_folder(f, official.idx_files(MNIST, gzipped=False, dot=True)),
    ),
    "idx twice": ("mnist", both),
    "idx tar": (
        "fashion_mnist",
        lambda f: official.write_tar(f / "m.tar.gz", official.idx_files(MNIST), inside="m"),
    ),
    "npz": ("mnist", lambda f: official.keras_npz(f / "mnist.npz", MNIST).parent),
    "batches": ("cifar10", lambda f: official.write_folder(f / "c", BATCHES).parent),
    "batches tar": ("cifar10", lambda f: official.write_tar(f / "c.tar", BATCHES, inside=".")),
    "cifar100": (
        "cifar100",
        lambda f: official.write_folder(
            f / "cifar-100-python", official.cifar100_files(CIFAR100)
        ),
    ),
    "cifar100 tar": (
        "cifar100",
        lambda f: official.write_tar(
            f / "c.tar.gz", official.cifar100_files(CIFAR100), inside="cifar-100-python"
        ),
    ),
} | {
    f"protocol {protocol}": (
        "cifar10",
        lambda f, protocol=protocol: official.write_folder(
            f, official.cifar10_files(CIFAR10, dump=official.python3_pickle(protocol))
        ),
    )
    for protocol in (2, 4, 5)
}  # fmt: skip


@pytest.mark.parametrize("kind", COPIES)
def test_copies_of_official_files(kind: str, tmp_path: Path) -> None:
    source, write = COPIES[kind]
    path = write(tmp_path / "data")
    share = 0.5 if source == "cifar100" else 0.2
    compare(
        {"source": source, "path": str(path), "validation": share, "scale": "standardize"}, tmp_path
    )


@pytest.mark.parametrize("kind", ["idx.gz", "batches", "cifar100"])
def test_test_files_are_not_read_before_they_are_asked_for(kind: str, tmp_path: Path) -> None:
    source, write = COPIES[kind]
    path = write(tmp_path / "data")

    def remove() -> None:
        removed = [file.unlink() for p in ("t10k*", "test*") for file in path.rglob(p)]
        assert removed

    share = 0.5 if source == "cifar100" else 0.2
    compare({"source": source, "path": str(path), "validation": share}, tmp_path, remove)


def test_a_pickle_that_asks_for_code_is_refused(tmp_path: Path) -> None:
    path = official.write_folder(tmp_path / "data", BATCHES)

    def spoil() -> None:
        (path / "data_batch_1").write_bytes(b"cos\nsystem\n(S'true'\ntR.")

    with pytest.raises(Exception, match=r"not the official file: it asks for \w+\.system"):
        compare({"source": "cifar10", "path": str(path), "validation": 0.2}, tmp_path, spoil)


# ---------------------------------------------------------------------- npz

RANDOM = np.random.default_rng(3)
PIXELS = RANDOM.integers(0, 256, (90, 6, 5, 3), np.uint8)
VOLUMES = RANDOM.integers(0, 200, (90, 2, 3, 4, 3)) * np.array([1, 5, 25]) + 7
VECTORS = RANDOM.normal(3, 2, (90, 7))
LABELS = np.arange(90) % 3
TEXTS = np.array(["cat", "dog", "ant"])
NPZ: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "images": ({"x_train": PIXELS, "y_train": LABELS}, {}),
    "column of labels": ({"x_train": PIXELS, "y_train": LABELS[:, None].astype(np.uint8)}, {}),
    "images, standardized": (
        {"x_train": PIXELS, "y_train": LABELS}, {"scale": "standardize"}
    ),
    "float64": ({"x_train": VECTORS, "y_train": LABELS}, {"scale": "standardize"}),
    "float32, a constant feature": (
        {"x_train": (VECTORS * [1, 1, 0, 1, 1, 1, 1] + 5).astype(np.float32), "y_train": LABELS},
        {"scale": "standardize"},
    ),
    "big-endian": ({"x_train": VECTORS.astype(">f4"), "y_train": LABELS}, {"scale": "none"}),
    "booleans": ({"x_train": VECTORS > 3, "y_train": LABELS == 1}, {"scale": "unit"}),
    "whole numbers": (
        {"x_train": (VECTORS * 1000).astype(np.int32), "y_train": LABELS},
        {"scale": "standardize"},
    ),
    "other labels": ({"x_train": PIXELS, "y_train": LABELS * 5 - 3}, {}),
    "labels as floats": ({"x_train": PIXELS, "y_train": LABELS.astype(np.float32)}, {}),
    "other labels as floats": ({"x_train": PIXELS, "y_train": LABELS * 2.0 - 1}, {}),
    "texts": ({"x_train": PIXELS, "y_train": TEXTS[LABELS]}, {}),
    "named": ({"x_train": PIXELS, "y_train": TEXTS[LABELS], "class_names": TEXTS}, {}),
    "named numbers": ({"x_train": PIXELS, "y_train": LABELS + 1, "class_names": TEXTS}, {}),
    "parts": (
        {
            "x_train": PIXELS, "y_train": TEXTS[LABELS], "x_val": PIXELS[:9] // 2,
            "y_val": TEXTS[LABELS[:9]], "x_test": PIXELS[:12] // 3, "y_test": TEXTS[LABELS[:12]],
        },
        {"validation": "given", "limit": 40},
    ),
    "trained on both parts": (
        {"x_train": PIXELS, "y_train": LABELS, "x_val": PIXELS[:9] // 2, "y_val": LABELS[:9]},
        {"validation": "given", "include_validation": True, "scale": "standardize"},
    ),
    "trained on both parts, limited": (
        {"x_train": PIXELS, "y_train": LABELS, "x_val": PIXELS[:9] // 2, "y_val": LABELS[:9]},
        {"validation": "given", "include_validation": True, "limit": 40, "scale": "standardize"},
    ),
    "four dimensions, standardized": (
        {
            "x_train": VOLUMES, "y_train": LABELS, "x_test": VOLUMES[:9], "y_test": LABELS[:9],
        },
        {"scale": "standardize"},
    ),
    "five dimensions, standardized": (
        {"x_train": VOLUMES[:, None], "y_train": LABELS}, {"scale": "standardize"}
    ),
    "validation without a test part": (
        {"x_train": PIXELS, "y_train": LABELS, "x_val": PIXELS[:9], "y_val": LABELS[:9]},
        {"validation": "given"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", NPZ)
def test_npz(kind: str, tmp_path: Path) -> None:
    arrays, section = NPZ[kind]
    np.savez(tmp_path / "data.npz", **arrays)
    path = str(tmp_path / "data.npz")
    compare({"source": "npz", "path": path, "validation": 0.2} | section, tmp_path)


# ---------------------------------------------------------------------- folders of images


def images(folder: Path, kind: str = "png", mode: str = "RGB", **options: Any) -> None:
    """Ten images in each of three classes; an accent is stored in two ways."""
    for part, name in (("train", "Affe"), ("train", "Ba\u0308r"), ("train", "Zebra")):
        for index in range(10):
            file = folder / part / name / f"{index}.{kind}"
            file.parent.mkdir(parents=True, exist_ok=True)
            size = options.get("size") or (20, 16)
            bands = len(Image.new(mode, (1, 1)).getbands())
            values = RANDOM.integers(0, 256, (size[1], size[0], bands), np.uint8).squeeze()
            Image.fromarray(values, mode=None if bands < 4 else mode).save(file)


def test_images(tmp_path: Path) -> None:
    path = tmp_path / "data"
    images(path)
    (path / "test" / "B\u00e4r").mkdir(parents=True)
    (path / "train" / "Affe" / "0.png").rename(path / "test" / "B\u00e4r" / "7.png")
    (path / "train" / "Affe" / ".hidden.png").write_bytes(b"no image")
    (path / "train" / "notes.txt").write_text("no class")
    compare({"source": "image_folder", "path": str(path), "validation": 0.2}, tmp_path)


def test_images_without_parts_some_of_them_broken(tmp_path: Path) -> None:
    images(tmp_path / "data", mode="L")
    path = tmp_path / "data" / "train"
    (path / "Affe" / "00: broken.png").write_bytes(b"no image")
    section = {"validation": 0.2, "max_unreadable": 0.1, "scale": "standardize"}
    compare({"source": "image_folder", "path": str(path)} | section, tmp_path)


def turned(folder: Path) -> None:
    """Images as a phone stores them, upright by their orientation only, and one with bad EXIF."""
    files = sorted(folder.rglob("*.jpg"))
    for value, file in enumerate(files):
        exif = Image.Exif()
        exif[0x112] = value % 10
        image = Image.open(file)
        image.load()
        lies = value % 10 in (5, 6, 7, 8)
        image.resize((90, 120) if lies else (120, 90)).save(file, exif=exif)
    broken = b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\x01" * 40
    Image.new("RGB", (120, 90), "red").save(files[0], exif=broken)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("size", [None, [24, 32]])
def test_images_that_lie_on_their_side(size: list[int] | None, tmp_path: Path) -> None:
    images(tmp_path / "data", "jpg", size=(120, 90))
    turned(tmp_path / "data")
    section = {"validation": 0.2} | ({"image_size": size} if size else {})
    compare({"source": "image_folder", "path": str(tmp_path / "data")} | section, tmp_path)


def test_images_as_people_have_them(tmp_path: Path) -> None:
    path = tmp_path / "data"
    images(path / "Set")
    (path / "Set" / "train").rename(path / "Set" / "seg_train")
    (path / "Set" / "Testing" / "Affe").mkdir(parents=True)
    (path / "Set" / "seg_train/Affe/0.png").rename(path / "Set" / "Testing/Affe/7.png")
    (path / "Set" / "__MACOSX" / "seg_train").mkdir(parents=True)
    (path / "Set" / "seg_train" / "Affe" / "Thumbs.db").write_bytes(b"litter")
    (path / "Set" / "seg_train" / "@eaDir").mkdir()
    (path / "Set" / "seg_train" / "Zebra" / "00 broken.png").write_bytes(b"no image")
    section = {"source": "image_folder", "path": str(path), "max_unreadable": 0.1}
    compare(section | {"validation": 0.2}, tmp_path)


def test_classes_in_a_folder_in_a_folder(tmp_path: Path) -> None:
    images(tmp_path / "data")
    (tmp_path / "data" / "train").rename(tmp_path / "data" / "pictures")
    path = str(tmp_path / "data")
    compare({"source": "image_folder", "path": path, "validation": 0.2}, tmp_path)


def test_images_of_many_kinds(tmp_path: Path) -> None:
    path = tmp_path / "data"
    images(path, "jpg", size=(120, 90))
    for number, mode in enumerate(("RGBA", "LA", "P", "L", "1", "I;16", "CMYK")):
        file = path / "train" / "Zebra" / f"kind{number}.{'jpg' if mode == 'CMYK' else 'png'}"
        if mode == "I;16":
            image = Image.fromarray(RANDOM.integers(0, 65536, (30, 30), np.uint16))
        else:
            colours = Image.fromarray(RANDOM.integers(0, 256, (30, 30, 4), np.uint8), mode=None)
            image = colours if mode == "RGBA" else colours.convert(mode)
        image.save(file)
    for number, mode in enumerate(("rgb", "grey")):
        section = {"validation": 0.2, "image_size": [24, 32], "image_mode": mode}
        compare({"source": "image_folder", "path": str(path)} | section, tmp_path / str(number))


def test_official_images_as_files(tmp_path: Path) -> None:
    names = official.SETS["cifar10"].class_names
    path = official.image_folder(tmp_path / "images", CIFAR10, names)
    section = {"source": "image_folder", "path": str(path), "validation": 0.2}
    compare(section | {"scale": "standardize", "limit": 100}, tmp_path)

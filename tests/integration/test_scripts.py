"""Scripts train on what hpsearch trains on: their data are its parts, from every kind of source."""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import official
import pytest
from PIL import Image

from hpsearch.data.arrays import silent
from hpsearch.data.cache import open_dataset
from hpsearch.data.drawing import split
from hpsearch.data.parts import Parts
from hpsearch.home import Home
from hpsearch.recipe import Recipe
from hpsearch.script import arrays
from hpsearch.script.names import check_names
from hpsearch.script.script import script


def run(file: Path) -> dict[str, Any]:
    """All that a script defines. It needs no Keras for that, which takes seconds to import."""
    names: dict[str, Any] = {"__name__": "script", "__file__": str(file)}
    keras: Any = ModuleType("keras")
    keras.callbacks = SimpleNamespace(Callback=object)
    keras.initializers = keras.layers = MagicMock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "keras", keras)
        patch.setitem(sys.modules, "tensorflow", ModuleType("tensorflow"))
        exec(compile(file.read_text(), "script.py", "exec"), names)  # noqa: S102  # our own text
    return names


def compare(section: dict[str, Any], folder: Path) -> Parts:
    """What a script loads is what hpsearch trains and validates on, bit by bit; gives the parts."""
    recipe = Recipe(seed=1, config={}, dataset=section)
    dataset = open_dataset(recipe.dataset, Home(folder / "home"))
    parts = split(dataset, recipe.dataset)
    text = script(recipe, parts, Path("script.npz"))
    assert check_names(text, "script.py") == []
    (folder / "script.py").write_text(text)
    arrays.write(folder / "script.npz", arrays.contents(parts), "writing", silent)
    names = run(folder / "script.py")
    with np.load(folder / "script.npz") as stored:
        assert stored["class_names"].tolist() == list(parts.class_names)
        for name, part in (("train", parts.train), ("val", parts.validation)):
            wanted = part.x[part.rows]
            assert stored[f"x_{name}"].dtype == part.x.dtype
            assert np.array_equal(stored[f"x_{name}"], wanted)
            x, y = names["load"](name)
            assert (x.dtype, y.dtype) == (np.float32, np.int64)
            assert np.array_equal(
                x, wanted.astype(np.float32) * parts.transform.multiplier + parts.transform.offset
            )
            assert np.array_equal(y, part.y[part.rows])
    return parts


# ---------------------------------------------------------------------- how data are split, scaled


@pytest.mark.parametrize(
    "section", [
        {"scale": "none"}, {"scale": "unit"}, {"scale": "symmetric"}, {"scale": "standardize"},
        {"validation": 0.33, "split_seed": 7, "scale": "unit"},
        {"limit": 500, "scale": "standardize"}, {"class_weights": "balanced"},
        {"include_validation": True, "limit": 500, "scale": "standardize"},
    ],
    ids=str,
)  # fmt: skip
def test_digits(section: dict[str, Any], tmp_path: Path) -> None:
    parts = compare({"source": "digits"} | section, tmp_path)
    if section.get("scale") == "standardize":
        x, _ = run(tmp_path / "script.py")["load"]("train")
        assert abs(x.mean()) < 1e-5
        assert abs(x.std() - 1) < 1e-5
    if "limit" in section:
        both = len(parts.validation) if "include_validation" in section else 0
        assert len(parts.train) == 500 + both


# ---------------------------------------------------------------------- sources

RANDOM = np.random.default_rng(3)
PIXELS = RANDOM.integers(0, 256, (90, 6, 5, 3), np.uint8)
VECTORS = RANDOM.normal(3, 2, (90, 7))
LABELS = np.arange(90) % 3
TEXTS = np.array(["cat", "dog", "ant"])
OWN = {"x_val": PIXELS[:9] // 2, "y_val": LABELS[:9]}
NPZ: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "float64": ({"x_train": VECTORS, "y_train": LABELS}, {"scale": "standardize"}),
    "big-endian": ({"x_train": VECTORS.astype(">f4"), "y_train": LABELS}, {"scale": "none"}),
    "booleans": ({"x_train": VECTORS > 3, "y_train": LABELS == 1}, {"scale": "unit"}),
    "whole numbers": (
        {"x_train": (VECTORS * 1000).astype(np.int32), "y_train": LABELS * 5 - 3},
        {"scale": "standardize"},
    ),
    "named": ({"x_train": PIXELS, "y_train": TEXTS[LABELS], "class_names": TEXTS}, {}),
    "given": (
        {"x_train": PIXELS, "y_train": LABELS, **OWN}, {"validation": "given", "limit": 40}
    ),
    "trained on both parts, limited": (
        {"x_train": PIXELS, "y_train": LABELS, **OWN},
        {"validation": "given", "include_validation": True, "limit": 40, "scale": "standardize"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", NPZ)
def test_npz(kind: str, tmp_path: Path) -> None:
    values, section = NPZ[kind]
    np.savez(tmp_path / "data.npz", **values)
    path = str(tmp_path / "data.npz")
    compare({"source": "npz", "path": path, "validation": 0.2} | section, tmp_path)


def test_images(tmp_path: Path) -> None:
    for name in ("Affe", "B\u00e4r", "Zebra"):
        for index in range(10):
            file = tmp_path / "data" / "train" / name / f"{index}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(RANDOM.integers(0, 256, (20, 16, 3), np.uint8)).save(file)
    section = {"source": "image_folder", "path": str(tmp_path / "data"), "validation": 0.2}
    parts = compare(section | {"scale": "standardize"}, tmp_path)
    assert parts.class_names == ("Affe", "B\u00e4r", "Zebra")


def test_official_files(tmp_path: Path) -> None:
    files = official.cifar10_files(official.parts("cifar10"))
    path = official.write_folder(tmp_path / "data", files)
    compare({"source": "cifar10", "path": str(path), "validation": 0.2}, tmp_path)

"""Small data sets in files, made anew for each test."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hpsearch.data.section import DatasetSection
from hpsearch.home import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def npz(tmp_path: Path) -> Callable[..., DatasetSection]:
    """Writes an npz file: 60 flat vectors of three classes unless told otherwise."""

    def write(settings: dict[str, Any] | None = None, **arrays: Any) -> DatasetSection:
        random = np.random.default_rng(0)
        if "x_train" not in arrays:
            arrays["x_train"] = random.normal(size=(60, 5))
        if "y_train" not in arrays:
            arrays["y_train"] = np.arange(len(arrays["x_train"])) % 3
        kept = {name: array for name, array in arrays.items() if array is not None}
        np.savez(tmp_path / "data.npz", **kept)
        return DatasetSection(source="npz", path=str(tmp_path / "data.npz"), **(settings or {}))

    return write


@pytest.fixture
def images(tmp_path: Path) -> Callable[..., DatasetSection]:
    """Writes folders of images; an image's first pixel says which it is."""

    def write(  # noqa: PLR0917 - tests name what they change
        parts: tuple[str, ...] = ("train", "test"),
        classes: tuple[str, ...] = ("cat", "dog"),
        count: int = 10,
        mode: str = "RGB",
        size: tuple[int, int] = (4, 3),
        ending: str = "png",
    ) -> DatasetSection:
        root = tmp_path / "images"
        for part in parts:
            for label, name in enumerate(classes):
                folder = root / part / name
                folder.mkdir(parents=True, exist_ok=True)
                for index in range(count):
                    colour = 100 * label + index
                    image = Image.new("L", size, colour).convert(mode)
                    image.save(folder / f"{index:03d}.{ending}")
        return DatasetSection(source="image_folder", path=str(root))

    return write

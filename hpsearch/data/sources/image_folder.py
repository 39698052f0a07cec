"""Source "image_folder": one folder of images for each class, ``train/<class>/0001.png`` ..."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, Strict

from hpsearch.data.arrays import Arrays, Progress
from hpsearch.data.images import layout
from hpsearch.data.signature import SourceFiles, source_files
from hpsearch.data.sources.source import DataPath, Look, Source
from hpsearch.data.tables.files import holds_table
from hpsearch.presets.sizes import Sizes


def _two_sides(value: object) -> object:
    """Refuse what is no pair; the sides are checked by their own type."""
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise ValueError("is not [height, width]; write two whole numbers such as [32, 32]")
    return value


Side = Annotated[int, Strict(), Field(ge=1, le=4096)]
ImageSize = Annotated[tuple[Side, Side], BeforeValidator(_two_sides)]


class ImageFolder(Source):
    """Images of your own: a folder for each class."""

    name = "image_folder"
    looks = "a folder"
    given = "val/"
    sample = "images"
    usual = Sizes(rows=5000, pixels=32, may_flip=True)
    path_about = "train/<class>/*.png, test/<class>/*.png"
    more_lines = """\
# image_size = [32, 32]      # height, width: resizes all; needed where sizes differ
# image_mode = "rgb"         # or "grey": converts all; needed where both occur
# max_unreadable = 0.01      # pass over at most this share of files that are no images
"""

    path: DataPath
    image_size: ImageSize | None = None
    """``[height, width]`` to which all images are resized; left out, they must be of one size."""
    image_mode: Literal["rgb", "grey"] | None = None
    """What all images are converted to; left out, they are taken as they are, and must be alike."""
    max_unreadable: Annotated[float, Strict(), Field(ge=0.0, lt=1.0)] | None = None
    """Share of an image_folder's files that may be unreadable and are skipped; left out: 0.01."""

    @classmethod
    def looks_like(cls, path: Path) -> bool:
        """Whether it is a folder, and not a table's."""
        return path.is_dir() and not holds_table(path)

    @classmethod
    def look(cls, path: Path) -> Look:
        """How many files its training part has."""
        parts = layout.find(path).parts
        validation = layout.count(parts["val"]) if "val" in parts else 0
        return Look(rows=layout.count(parts["train"]), validation=validation)

    def files(self) -> SourceFiles:
        """All files down to the images."""
        return source_files(Path(self.path), layout.DEPTH)

    def load(self, progress: Progress) -> Arrays:
        """Read the images below the path: PNG, JPEG, BMP or WebP.

        Folders are ``train/<class>/``, optional ``val/<class>/`` and ``test/<class>/``, or by the
        other names that :mod:`hpsearch.data.images.layout` knows; without ``train/``, the folder's
        own folders are the classes. Classes and files are taken in the order of their names; litter
        is passed over (:mod:`hpsearch.data.litter`), and so are files beside the class folders.
        Names are compared as they are shown: an accent may be stored in two ways.

        Images are turned upright (:func:`hpsearch.data.images.decoding.decode`), and brought to
        ``image_size`` and ``image_mode``, or must be alike in both. Grey ones give shape (n,
        height, width), colour ones (n, height, width, 3), type uint8. Files that are no readable
        image are passed over and named in ``skipped``, up to ``max_unreadable``.
        """
        # Pillow is a twentieth of the time that other commands take to start.
        from hpsearch.data.images.folder import read  # noqa: PLC0415

        return read(self, progress)

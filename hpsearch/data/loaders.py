"""The sources of data by name: reads one and checks it; which files it is read from."""

from collections.abc import Callable
from pathlib import Path

from hpsearch.data import digits, image_folder, layout, npz, official
from hpsearch.data.sets import SETS
from hpsearch.data.signature import SourceFiles, source_files
from hpsearch.data.source import Arrays, Progress, check
from hpsearch.recipe import DatasetSection, Source

Loader = Callable[[DatasetSection, Progress], Arrays]

LOADERS: dict[Source, Loader] = {
    "digits": digits.load,
    "mnist": official.load,
    "fashion_mnist": official.load,
    "cifar10": official.load,
    "cifar100": official.load,
    "npz": npz.load,
    "image_folder": image_folder.load,
}
"""What reads each source, as ``dataset.source`` names it."""


def load(section: DatasetSection, progress: Progress) -> Arrays:
    """Read the whole source of a data section and check it.

    Raises:
        InputError: data that are wrong in themselves.
        UnreachableError: a file that cannot be read, or a download without a network.
    """
    return check(LOADERS[section.source](section, progress), section.path or section.source)


def files(section: DatasetSection) -> SourceFiles | None:
    """The files that the source of a data section is read from, as they are now.

    Returns:
        None for what is built in or downloaded.

    Raises:
        InputError: it cannot be told which files are meant.
        UnreachableError: a folder that cannot be read.
    """
    if section.path is None:
        return None
    if section.source in SETS:
        return official.used_files(section)
    if section.source == "image_folder":
        return source_files(Path(section.path), layout.DEPTH)
    return source_files(Path(section.path))

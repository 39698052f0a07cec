"""The sources of data by name: reads one, or a message where there is no such source yet."""

from collections.abc import Callable

from hpsearch.data import digits, image_folder, npz
from hpsearch.data.source import Arrays, Progress, check
from hpsearch.errors import InputError
from hpsearch.recipe import DatasetSection

Loader = Callable[[DatasetSection, Progress], Arrays]

LOADERS: dict[str, Loader] = {
    "digits": digits.load,
    "npz": npz.load,
    "image_folder": image_folder.load,
}
"""What reads each source, as ``dataset.source`` names it."""


def loader(section: DatasetSection) -> Loader:
    """What reads the source of a data section.

    Raises:
        InputError: hpsearch cannot read this source yet.
    """
    if section.source not in LOADERS:
        raise InputError(
            f'dataset.source = "{section.source}" cannot be read by this version of hpsearch yet;'
            " bring the data as an .npz file or as folders of images:"
            " --set dataset.source=npz --set dataset.path=FILE, or"
            " --set dataset.source=image_folder --set dataset.path=FOLDER"
        )
    return LOADERS[section.source]


def load(section: DatasetSection, progress: Progress) -> Arrays:
    """Read the whole source of a data section and check it.

    Raises:
        InputError: a source that cannot be read yet, or data that are wrong in themselves.
        UnreachableError: a file that cannot be read.
    """
    return check(loader(section)(section, progress), section.path or section.source)

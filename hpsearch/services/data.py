"""The data of a study or recipe: imported where need be, with progress, and split."""

from hpsearch.data.advice import advise
from hpsearch.data.cache import open_dataset
from hpsearch.data.dataset import Dataset
from hpsearch.data.parts import Parts, split
from hpsearch.data.section import DatasetSection
from hpsearch.home import Home
from hpsearch.services.progress import Progress


def opened_data(
    section: DatasetSection, home: Home, progress: Progress, *, warn: bool = True
) -> tuple[Dataset, Parts]:
    """The data set of a data section, and its parts.

    Args:
        section: the data section of a study or recipe.
        home: where data sets are kept.
        progress: is told of the import.
        warn: say what is suspicious about the data.

    Raises:
        InputError: data that are wrong or not there.
        UnreachableError: data that cannot be read.
    """
    with progress.steps() as report:
        dataset = open_dataset(section, home, report)
    parts = split(dataset, section)
    if warn:
        for warning in advise(dataset, section, parts):
            progress.say(f"warning: {warning}.")
    return dataset, parts

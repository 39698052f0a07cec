"""The data of a study or recipe: imported where need be, with progress, and split."""

from collections.abc import Sequence

from hpsearch.augment import Augment, may_mirror
from hpsearch.config import TrialConfig
from hpsearch.data.advice import advise
from hpsearch.data.cache import open_dataset
from hpsearch.data.dataset import Dataset
from hpsearch.data.drawing import split, usually_scaled
from hpsearch.data.parts import Parts
from hpsearch.data.section import DatasetSection
from hpsearch.errors import InputError
from hpsearch.for_data import for_data, lost_portfolio, usual_preset
from hpsearch.home import Home
from hpsearch.networks.network import described
from hpsearch.services.progress import Progress
from hpsearch.space import ends, kinds
from hpsearch.study_file import StudyFile
from hpsearch.tasks.classification import CLASSIFICATION
from hpsearch.tasks.task import Task


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
    section = usually_scaled(section, dataset)
    parts = split(dataset, section)
    if warn:
        for warning in advise(dataset, section, parts):
            progress.say(f"warning: {warning}.")
    return dataset, parts


def study_data(
    study: StudyFile, file: str, home: Home, progress: Progress, *, warn: bool = True
) -> tuple[StudyFile, Dataset, Parts]:
    """A study as its data make it, the data set, and its parts; see :func:`opened_data`.

    Raises:
        InputError: as there, or data that a network or a metric of the study cannot take.
    """
    dataset, parts = opened_data(study.dataset, home, progress, warn=warn)
    scaled = usually_scaled(study.dataset, dataset)
    written = study.model_copy(update={"dataset": scaled})
    study = for_data(written, dataset.task, parts, file)
    largest = [config for kind in kinds(study.space) for config in ends(study.space, 1.0, kind)]
    tried = largest + ([study.baseline] if study.baseline is not None else [])
    for config in tried:
        if refusal := config_refusal(config, study.task, parts):
            of_preset = "" if config is study.baseline else _preset_refusal(written, study, parts)
            raise InputError(f"{file}: {of_preset or refusal}")
    augments = [config.augment for config in tried]
    for warning in advise_flips(augments, parts.class_names) if warn else ():
        progress.say(f"warning: {file}: {warning}.")
    if warn and (lost := lost_portfolio(written, study, parts)):
        progress.say(f"{file}: {lost}.")
    return study, dataset, parts


def _preset_refusal(written: StudyFile, study: StudyFile, parts: Parts) -> str:
    """Why a preset whose space cannot be trained on data is none for them, with the cure; empty:
    the space is not a preset's that the file names.

    Args:
        written: a study file as it was written.
        study: what its data made of it.
        parts: the data.
    """
    if written.preset in (None, "auto") or study.preset is None:
        return ""
    usual = usual_preset(parts.shape)
    return (
        f'preset = "{written.preset}" is not for these data, of which an example'
        f' {described(parts.shape)}; write "{usual}", or leave it out'
    )


def config_refusal(config: TrialConfig, task: Task, parts: Parts) -> str:
    """Why a configuration cannot be trained on data, with the cure; empty: it can.

    Args:
        config: of a network.
        task: what it is for.
        parts: the data.
    """
    network, shape = config.network, parts.shape
    refusal = network.refusal(shape) or network.misfit(shape) or config.augment.refusal(shape)
    if refusal or task is CLASSIFICATION or not config.label_smoothing:
        return refusal
    return "label_smoothing is of classes, but the target is numbers (a regression); leave it out"


def advise_flips(augments: Sequence[Augment], class_names: Sequence[str]) -> list[str]:
    """What is suspicious about mirroring images of these classes, if anything is."""
    if may_mirror(class_names) or not any(augment.flip for augment in augments):
        return []
    return [
        (
            "augment.flip mirrors images, and the classes are named like digits or letters; if they"
            " are, take it out"
        )
    ]

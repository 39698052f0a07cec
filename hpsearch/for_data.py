"""A study file or recipe as its data make it: its task and metric, and what a preset gives it."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from hpsearch.augment import may_mirror
from hpsearch.config import TrialConfig
from hpsearch.data.arrays import TaskName
from hpsearch.data.parts import Parts
from hpsearch.data.tables.shape import TableShape
from hpsearch.errors import InputError
from hpsearch.networks.dense import Dense
from hpsearch.networks.network import Shape, is_image
from hpsearch.parsing import parse
from hpsearch.presets.preset import Preset, PresetName, preset
from hpsearch.presets.sizes import Sizes
from hpsearch.recipe import ObjectiveSection, Recipe, TrainingSection, following
from hpsearch.searchable import traits
from hpsearch.space import PartialConfig, Space, smallest
from hpsearch.study_file import StudyFile
from hpsearch.tasks import METRICS, TASKS
from hpsearch.tasks.classification import CLASSIFICATION
from hpsearch.tasks.task import Task
from hpsearch.walks import settle

Given = TypeVar("Given", StudyFile, Recipe)

_LEAST_PIXELS = 4
"""Of the shorter side of what is augmented as an image."""


def for_task(given: Given, task: TaskName, where: str) -> Given:
    """A study file or recipe as its data make it, which say what the task is.

    The metric is the task's usual one, where none is named; a regression is named in ``dataset``.

    Args:
        given: as it was written.
        task: of the data.
        where: the file, for messages.

    Raises:
        InputError: a metric of another task, or class weights of a regression.
    """
    known = TASKS[task]
    objective = given.objective
    if "metric" not in objective.model_fields_set:
        objective = ObjectiveSection(metric=known.usual, epoch=objective.epoch)
        if objective.metric == given.objective.metric:
            objective = given.objective
    training = following(given.training, objective)
    _check_metrics(known, objective, training, where)
    if task == "regression" and given.dataset.class_weights != "none":
        raise InputError(
            f'{where}: dataset.class_weights = "{given.dataset.class_weights}" is of classes, but'
            " the target is numbers (a regression); leave it out"
        )
    if task == "classification" and given.dataset.log_target:
        raise InputError(
            f"{where}: dataset.log_target = true is of numbers (a regression), but the target is"
            " classes; leave it out"
        )
    named = {"task": task} if task == "regression" else {}
    dataset = given.dataset.model_copy(update=named)
    return given.model_copy(
        update={"objective": objective, "training": training, "dataset": dataset}
    )


def _check_metrics(
    task: Task, objective: ObjectiveSection, training: TrainingSection, where: str
) -> None:
    """Refuse a metric that is none of the task's.

    Raises:
        InputError: where it stands, and which there are.
    """
    stopping = training.early_stopping
    used = {
        "objective.metric": objective.metric,
        "training.early_stopping.monitor": stopping.monitor if stopping else objective.metric,
        "training.reduce_lr_on_plateau.monitor": training.reduce_lr_on_plateau.monitor,
    }
    for key, metric in used.items():
        if metric in METRICS and metric not in task.metrics:  # the user's own may be of any task
            raise InputError(
                f'{where}: {key} = "{metric}" is no metric of a {task.name}, which the target'
                f" makes it; choose one of {', '.join(task.metrics)}, or set dataset.task"
            )


def for_data(study: StudyFile, task: TaskName, parts: Parts, where: str) -> StudyFile:
    """A study file as its data make it; see :func:`for_task` and :func:`with_preset`.

    Args:
        study: as it was written.
        task: of the data.
        parts: the examples that it trains and validates on.
        where: the file, for messages.

    Raises:
        InputError: as :func:`for_task`.
    """
    return with_preset(for_task(study, task, where), parts, where)


def with_preset(study: StudyFile, parts: Parts, where: str) -> StudyFile:
    """A study file with what its preset gives it.

    That is, as far as the file leaves them out, the keys of ``[space]``, epochs and early stopping,
    and the portfolio, if the sampler wants one, with what of it lies in the space and is within the
    budget's limits. ``preset`` stays named where the whole space is the preset's.

    Args:
        study: the study file.
        parts: the examples that it trains and validates on.
        where: the file, for messages.

    Raises:
        InputError: a configuration of ``enqueue`` or ``portfolio`` that the space cannot yield, or
            keys of ``[space]`` that do not fit the preset's.
    """
    if not study.awaits_preset:
        return study
    found = _preset(study, parts)
    given = _for_task(found.table["space"], study)
    own = study.space.model_dump(mode="json", exclude_unset=True)
    space = parse(Space, _merged(given, own), f"{where}: [space] with preset {found.name}")
    changed = {
        "preset": None if own else found.name,
        "space": space,
        "training": _training(study, found),
    }
    study = study.model_copy(update=changed)
    try:
        study.check_first()
    except ValueError as error:
        raise InputError(f"{where}: {error}") from None
    if not study.portfolio and study.sampler.portfolio:
        study = study.model_copy(update={"portfolio": _portfolio(study, found, parts)})
    return study


def _preset(study: StudyFile, parts: Parts) -> Preset:
    """The preset that a study file names, or that is usual for its data, sized for them."""
    name = study.preset
    if name is None or name == "auto":
        name = usual_preset(parts.shape)
    return preset(name, sizes_of(parts))


def _for_task(table: Mapping[str, Any], study: StudyFile) -> dict[str, Any]:
    """A preset's keys of a configuration without those that are of classes alone."""
    of_classes = {"label_smoothing"} if study.task is not CLASSIFICATION else set()
    return {key: value for key, value in table.items() if key not in of_classes}


def _merged(space: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """A preset's ``[space]`` with a user's keys in place of its own.

    Choices are replaced as a whole, and with the network all fields of a dense one.
    """
    sections = {trait.name for trait in traits(TrialConfig) if trait.section is not None}
    left = {key for key in space if key in own}
    if "network" in own:
        left |= {trait.name for trait in traits(Dense)}
    kept = {key: value for key, value in space.items() if key not in left}
    inner = {key: {**space[key], **own[key]} for key in sections & space.keys() & own.keys()}
    return {**kept, **own, **inner}


def lost_portfolio(given: StudyFile, found: StudyFile, parts: Parts) -> str:
    """What of a preset's portfolio is not tried, in one line; empty: nothing.

    Args:
        given: a study file as it was written.
        found: what :func:`for_data` made of it.
        parts: the examples that it trains and validates on.
    """
    if not given.awaits_preset or given.portfolio or not given.sampler.portfolio:
        return ""
    whole = len(_preset(given, parts).table["portfolio"])
    kept = len(found.portfolio)
    if kept == whole:
        return ""
    return (
        f"{kept} of {whole} configurations of the preset's portfolio lie in the space and within"
        " the budget's limits; the others are not tried"
    )


def usual_preset(shape: Shape) -> PresetName:
    """The preset of a kind of data.

    Args:
        shape: of an example, as a network gets it.
    """
    if isinstance(shape, TableShape):
        return "tables"
    return "images" if is_image(shape) and min(shape[:2]) >= _LEAST_PIXELS else "vectors"


def sizes_of(parts: Parts) -> Sizes:
    """What a preset's sizes follow from."""
    shows = usual_preset(parts.shape) == "images"
    return Sizes(
        rows=len(parts.folds[-1].train),  # folds in order of time grow
        pixels=min(parts.input_shape[:2]) if shows else 0,
        may_flip=shows and bool(parts.class_names) and may_mirror(parts.class_names),
    )


def _training(study: StudyFile, found: Preset) -> TrainingSection:
    """The training section with the preset's, where the file says nothing; that it says nothing can
    still be seen in ``model_fields_set``.
    """
    stopping = study.training.early_stopping
    is_written = not stopping or stopping.model_fields_set  # following() has set it in any case
    written = study.training.model_fields_set - ({"early_stopping"} if not is_written else set())
    table = study.training.model_dump() | {
        key: value for key, value in found.table["training"].items() if key not in written
    }
    given = following(parse(TrainingSection, table, f"preset {found.name}"), study.objective)
    values = {key: getattr(given, key) for key in TrainingSection.model_fields}
    return TrainingSection.model_construct(_fields_set=written, **values)


def _portfolio(study: StudyFile, found: Preset, parts: Parts) -> Sequence[PartialConfig]:
    """The configurations of a preset that lie in the space, and within the budget's limits."""
    kept = []
    for table in found.table["portfolio"]:
        one = parse(PartialConfig, _for_task(table, study), f"preset {found.name}")
        try:
            params = settle(study.space, one)
        except ValueError:  # keys of the space are the user's own
            continue
        least = [config.network for config in smallest(study.space, params)]
        if any(network.refusal(parts.shape) for network in least):
            continue  # which is told where the space is looked at
        sizes = [network.size(parts.shape, parts.outputs) for network in least]
        if not all(map(study.budget.excess, sizes)):
            kept.append(one)
    return tuple(kept)

"""Recipe: everything that training needs and nothing about the search."""

import stat
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, Field, Strict, Tag, model_validator

from hpsearch import files
from hpsearch.config import TrialConfig
from hpsearch.errors import InputError, UnreachableError
from hpsearch.fields import (
    BY_SPELLING,
    BY_SWITCH,
    Bool,
    Positive,
    Seconds,
    Section,
    Seed,
    parse,
    show,
)
from hpsearch.tasks import METRICS
from hpsearch.tasks.classification import CLASSIFICATION
from hpsearch.tasks.metric import Direction, Metric
from hpsearch.tasks.task import Task

Source = Literal["digits", "mnist", "fashion_mnist", "cifar10", "cifar100", "npz", "image_folder"]
if TYPE_CHECKING:
    MetricName: TypeAlias = str
else:
    MetricName = Literal[*METRICS]
FORMAT: Literal["hpsearch-recipe/1"] = "hpsearch-recipe/1"


Validation = Annotated[
    Annotated[Literal["given"], Tag("<text>")]
    | Annotated[float, Strict(), Field(gt=0.0, lt=1.0), Tag("<number>")],
    BY_SPELLING,
]


def _two_sides(value: object) -> object:
    """Refuse what is no pair; the sides are checked by their own type."""
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise ValueError("is not [height, width]; write two whole numbers such as [32, 32]")
    return value


Side = Annotated[int, Strict(), Field(ge=1, le=4096)]
ImageSize = Annotated[tuple[Side, Side], BeforeValidator(_two_sides)]
_OF_IMAGES = ("image_size", "image_mode", "max_unreadable")
"""Keys of a data section that mean something for folders of images only."""


class DatasetSection(Section):
    """``[dataset]``: what is trained on, how it is split and scaled."""

    source: Source
    """Where the examples come from; see the formats below."""
    path: Annotated[str, Field(min_length=1)] | None = None
    """File or folder, relative to the study file; for the public sets a copy that you have."""
    validation: Validation = 0.1
    """Stratified share of the training split, or "given": the source's own validation part."""
    split_seed: Seed = 0
    """Seed of the validation split: the same for all trials, whatever their seeds."""
    scale: Literal["none", "unit", "symmetric", "standardize"] = "symmetric"
    """Inputs as they are, to [0, 1], to [-1, 1], or by mean and deviation of training examples."""
    include_validation: Bool = False
    """Train on the validation examples too, for a configuration that is chosen (``evaluate
    --refit``): what is measured on them says nothing about new examples then."""
    limit: Positive | None = None
    """Use at most so many training examples, stratified, taken after the validation split."""
    class_weights: Literal["none", "balanced"] = "none"
    """"balanced" weighs each class by examples / (classes x examples of the class)."""

    image_size: ImageSize | None = None
    """``[height, width]`` to which all images are resized; left out, they must be of one size."""
    image_mode: Literal["rgb", "grey"] | None = None
    """What all images are converted to; left out, they are taken as they are, and must be alike."""
    max_unreadable: Annotated[float, Strict(), Field(ge=0.0, lt=1.0)] | None = None
    """Share of an image_folder's files that may be unreadable and are skipped; left out: 0.01."""

    @model_validator(mode="after")
    def _needs_path(self) -> "DatasetSection":
        if self.source in ("npz", "image_folder") and self.path is None:
            raise ValueError(f'source = "{self.source}" needs a path; add path = "..."')
        if self.source == "digits" and self.path is not None:
            raise ValueError('source = "digits" is built in; leave path out')
        return self

    @model_validator(mode="after")
    def _of_images(self) -> "DatasetSection":
        for key in _OF_IMAGES:
            if self.source != "image_folder" and getattr(self, key) is not None:
                raise ValueError(f'{key} applies to source = "image_folder" only; leave it out')
        return self


class ObjectiveSection(Section):
    """``[objective]``: the value that a trial is judged by."""

    metric: MetricName = "val_accuracy"
    """What trials are judged by; ``val_loss`` is the cross-entropy without the L2 penalty."""
    direction: Direction | None = None
    """Follows from the metric; may be written, but only as it follows."""
    epoch: Literal["best", "last"] = "best"
    """Which epoch's value counts; the saved weights are that epoch's."""

    @model_validator(mode="after")
    def _direction_fits(self) -> "ObjectiveSection":
        if self.direction not in (None, self.measure.direction):
            raise ValueError(
                f'direction = "{self.direction}" does not fit metric = "{self.metric}";'
                f' write "{self.measure.direction}" or leave it out'
            )
        return self

    @property
    def measure(self) -> Metric:
        """The metric itself."""
        return METRICS[self.metric]


class EarlyStopping(Section):
    """Stop training after ``patience`` epochs in which ``monitor`` got no better."""

    monitor: MetricName = "val_accuracy"
    """Left out, it is the objective's metric in a recipe or study file; see :func:`following`."""
    patience: Positive = 5
    """Epochs without a better value."""


class ReduceLROnPlateau(Section):
    """Multiply the learning rate by ``factor`` after ``patience`` epochs without a better value."""

    monitor: MetricName = "val_loss"
    """What has to get better."""
    factor: Annotated[float, Strict(), Field(gt=0.0, lt=1.0)] = 0.5
    """What the rate is multiplied by."""
    patience: Positive = 2
    """Epochs without a better value."""


class TensorBoard(Section):
    """TensorBoard logs for each trial; ``histograms`` adds weight histograms for each epoch."""

    histograms: Bool = False
    """Of weights, in every epoch."""


class TrainingSection(Section):
    """``[training]``: how long and how a network is trained."""

    epochs: Annotated[int, Strict(), Field(ge=1, le=100_000)] = 30
    """At most."""
    early_stopping: Annotated[
        Annotated[Literal[False], Tag("<off>")] | Annotated[EarlyStopping, Tag("<on>")], BY_SWITCH
    ] = EarlyStopping()
    """Ends a trial that gets no better; ``monitor`` is the objective's metric unless given."""
    reduce_lr_on_plateau: ReduceLROnPlateau = ReduceLROnPlateau()
    """Used by ``lr_schedule = "plateau"`` only."""
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    """What networks compute in; weights stay float32."""
    tensorboard: Annotated[
        Annotated[Literal[False], Tag("<off>")] | Annotated[TensorBoard, Tag("<on>")], BY_SWITCH
    ] = False
    """Logs in each trial's folder, hyperparameters included."""
    trial_timeout: Seconds | None = None
    """A longer trial fails as ``timeout``."""


def following(training: TrainingSection, objective: ObjectiveSection) -> TrainingSection:
    """A training section whose early stopping looks at the objective's metric, if at no other.

    That it was left out can still be seen in ``model_fields_set``.
    """
    stopping = training.early_stopping
    if not stopping or "monitor" in stopping.model_fields_set:
        return training
    values = {**stopping.model_dump(), "monitor": objective.metric}
    told = EarlyStopping.model_construct(_fields_set=stopping.model_fields_set, **values)
    return training.model_copy(update={"early_stopping": told})


class Recipe(Section):
    """One training run, complete: same recipe, same machine, same curve."""

    format: Literal["hpsearch-recipe/1"] = FORMAT
    seed: Seed
    """Seed of weights, shuffling and dropout."""
    config: TrialConfig
    dataset: DatasetSection
    training: TrainingSection = TrainingSection()
    objective: ObjectiveSection = ObjectiveSection()
    provenance: dict[str, Any] = Field(default_factory=dict)
    """Where the recipe comes from (study, trial, value, versions ...); training ignores it."""

    @model_validator(mode="after")
    def _stopping_follows(self) -> "Recipe":
        object.__setattr__(self, "training", following(self.training, self.objective))
        return self

    @property
    def task(self) -> Task:
        """What the network is for."""
        return CLASSIFICATION


def dump(recipe: Recipe, ending: str) -> str:
    """The recipe as text in the format of ``ending``; see :func:`hpsearch.files.dump`."""
    return files.dump(recipe.model_dump(mode="json"), ending)


def parse_recipe(data: dict[str, Any], where: Path, folder: Path | None = None) -> Recipe:
    """Validate a recipe.

    Args:
        data: its table.
        where: the file that it comes from.
        folder: what ``dataset.path`` is relative to; None: the file's folder.

    Raises:
        InputError: a key or value that does not fit.
    """
    recipe = parse(Recipe, data, str(where))
    dataset = resolve_path(recipe.dataset, folder or where.parent, str(where))
    return recipe.model_copy(update={"dataset": dataset})


def resolve_path(dataset: DatasetSection, folder: Path, where: str) -> DatasetSection:
    """The section with an absolute ``path``, which must exist.

    Args:
        dataset: the section.
        folder: what a relative path is relative to.
        where: what the section comes from (a file name), for the message.

    Raises:
        InputError: there is nothing at the path.
        UnreachableError: one of its folders may not be looked into.
    """
    if dataset.path is None:
        return dataset
    given = f"{where}: dataset.path = {show(dataset.path)}"
    cure = "correct it, or use --set dataset.path=..."
    try:
        path = (folder / Path(dataset.path).expanduser()).absolute()
        mode = path.stat().st_mode
        absolute = str(path.resolve())
        absolute.encode()
    except PermissionError:
        raise UnreachableError(f"{given} cannot be read; check its permissions") from None
    except FileNotFoundError as error:
        raise InputError(f"{given} does not exist (looked for {error.filename}); {cure}") from None
    except UnicodeEncodeError:
        raise InputError(
            f"{given}: the name of its folder is not UTF-8 and cannot be stored; rename it"
        ) from None
    except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: ~ of an unknown user
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{given} does not exist ({reason}); {cure}") from None
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # a pipe or device has no end
        raise InputError(f"{given} is neither a file nor a folder; {cure}")
    return dataset.model_copy(update={"path": absolute})

"""Recipe: everything that training needs and nothing about the search."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import (
    ConfigDict,
    Field,
    PlainSerializer,
    Strict,
    Tag,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from hpsearch import formats
from hpsearch.config import TrialConfig
from hpsearch.data.section import DatasetSection, resolve_path
from hpsearch.fields import BY_SWITCH, Bool, Positive, Seconds, Section, Seed, TrackingUri
from hpsearch.networks import locate
from hpsearch.parsing import parse
from hpsearch.tasks import METRICS, TASKS, metric_of
from hpsearch.tasks.metric import Direction, Metric
from hpsearch.tasks.task import Task
from hpsearch.text import closest, show

_OWN_METRIC = re.compile(r"val_[A-Za-z0-9_]+")
FORMAT: Literal["hpsearch-recipe/1"] = "hpsearch-recipe/1"


def _or_own(given: Any, known: ValidatorFunctionWrapHandler) -> Any:
    """A metric of hpsearch's, or the name of another one, which :func:`check_metrics` looks at."""
    return given if isinstance(given, str) and _OWN_METRIC.fullmatch(given) else known(given)


if TYPE_CHECKING:
    MetricName: TypeAlias = str
else:
    MetricName = Annotated[
        Literal[*METRICS], WrapValidator(_or_own), PlainSerializer(str, return_type=str)
    ]


Computed = Literal["float32", "mixed_bfloat16", "mixed_float16"]
"""What networks compute in, as Keras calls it."""


class ObjectiveSection(Section):
    """``[objective]``: the one value that a trial is judged by; ``[budget]`` limits sizes."""

    model_config = ConfigDict(
        json_schema_extra={
            "elsewhere": {
                "limits": "write max_parameters or max_macs in [budget]; latency has no limit",
                "against": (
                    "trials are judged by one metric alone; to bound the size of networks write"
                    " max_parameters or max_macs in [budget]"
                ),
            }
        }
    )

    metric: MetricName = "val_accuracy"
    """What trials are judged by; left out, ``val_rmse`` of a regression. Balanced accuracy is the
    mean of the classes' recall; ``val_auc`` the area under the ROC curve, of several classes the
    mean of each against all others; ``val_rmse`` and ``val_mae`` are in the target's own unit;
    ``val_loss`` is the cross-entropy (log loss), or the mean squared error of the standardised
    target, without the L2 penalty. Where all networks are your own, any other ``val_NAME`` that
    your model reports, with its ``direction``."""
    direction: Direction | None = None
    """Follows from the metric; may be written, but only as it follows. Of a metric of your own
    it is needed."""
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
        return metric_of(self.metric, self.direction)


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
    precision: Literal["auto", Computed] = "auto"
    """What networks compute in; weights stay float32. "auto": the fastest on the device that a
    study begins on, measured once; a recipe without it is of float32."""
    tensorboard: Annotated[
        Annotated[Literal[False], Tag("<off>")] | Annotated[TensorBoard, Tag("<on>")], BY_SWITCH
    ] = False
    """Logs in each trial's folder, hyperparameters included."""
    mlflow: TrackingUri | None = None
    """Where MLflow is told of the search: "http://HOST:PORT" of its server, or "sqlite:///FILE".
    Names and passwords stand in MLflow's own variables, never here. Recipes have none."""
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


def check_metrics(objective: ObjectiveSection, training: TrainingSection, *, own: bool) -> None:
    """Refuse metrics that are none of hpsearch's, but for one of the user's own as the objective.

    Args:
        objective: what trials are judged by.
        training: what else looks at metrics.
        own: whether all networks are the user's, so that they may report metrics of their own.

    Raises:
        ValueError: the first such metric, with its key and what to write.
    """
    stopping, lowering = training.early_stopping, training.reduce_lr_on_plateau
    used = {
        "objective.metric": objective.metric,
        "training.early_stopping.monitor": stopping.monitor if stopping else "val_loss",
        "training.reduce_lr_on_plateau.monitor": lowering.monitor,
    }
    for key, metric in used.items():
        if metric in METRICS or (own and objective.direction and metric == objective.metric):
            continue
        told = f"{key} = {show(metric)} is not one of the choices; {closest(metric, [*METRICS])}"
        if own and metric == objective.metric:
            told += '; of a metric of your model add direction = "maximize" or "minimize"'
        raise ValueError(told)


def computing_in(training: TrainingSection, precision: str) -> TrainingSection:
    """A training section of which the precision is given."""
    return training.model_copy(update={"precision": precision})


def resolve_mlflow(training: TrainingSection, folder: Path) -> TrainingSection:
    """A training section whose SQLite file of MLflow has an absolute path.

    Args:
        training: the section.
        folder: what a relative path is relative to.
    """
    scheme = "sqlite:///"
    if training.mlflow is None or not training.mlflow.startswith(scheme):
        return training
    file = (folder / training.mlflow.removeprefix(scheme)).absolute()
    return training.model_copy(update={"mlflow": f"{scheme}{file}"})


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
    def _tells_nobody(self) -> "Recipe":
        if self.training.mlflow is not None:
            raise ValueError(
                "training.mlflow: is told of searches, not of recipes; take it out, or write it"
                " into a study file"
            )
        return self

    @model_validator(mode="after")
    def _training_follows(self) -> "Recipe":
        training = following(self.training, self.objective)
        if "precision" not in training.model_fields_set:
            training = computing_in(training, "float32")  # as it was before there was a choice
        object.__setattr__(self, "training", training)
        check_metrics(self.objective, training, own=self.config.network.has_metrics)
        return self

    @property
    def task(self) -> Task:
        """What the network is for."""
        return TASKS[self.dataset.task or "classification"]


def dump(recipe: Recipe, ending: str) -> str:
    """The recipe as text in the format of ``ending``; see :func:`hpsearch.formats.dump`."""
    return formats.dump(recipe.model_dump(mode="json"), ending)


def parse_recipe(data: dict[str, Any], where: Path, folder: Path | None = None) -> Recipe:
    """Validate a recipe.

    Args:
        data: its table.
        where: the file that it comes from.
        folder: what ``dataset.path`` is relative to; None: the file's folder.

    Raises:
        InputError: a key or value that does not fit.
    """
    locate(data, where.parent, str(where))
    recipe = parse(Recipe, data, str(where))
    dataset = resolve_path(recipe.dataset, folder or where.parent, str(where))
    return recipe.model_copy(update={"dataset": dataset})

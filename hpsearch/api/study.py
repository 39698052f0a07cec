"""``hpsearch.Study``: a study as it stands, and what can be done with it from Python."""

import operator
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import polars as pl

from hpsearch.api import display
from hpsearch.api.calling import in_process, interrupted, means_of, place_of
from hpsearch.api.frames import made
from hpsearch.api.predicting import predicted
from hpsearch.cli.notebook import screen
from hpsearch.errors import InputError
from hpsearch.search import trials as rows
from hpsearch.search.study import OpenStudy
from hpsearch.services.confirm import confirm
from hpsearch.services.ensemble import MOST, ensemble
from hpsearch.services.evaluate import evaluate
from hpsearch.services.export import export
from hpsearch.services.keras_model import keras_model
from hpsearch.services.refit import refit
from hpsearch.services.report import report
from hpsearch.services.stop import stop
from hpsearch.services.tracking import check_named, put_into_mlflow
from hpsearch.text import closest, shortened
from hpsearch.training.other_formats import Quantization

if TYPE_CHECKING:
    import plotly.graph_objects as go


@dataclass(frozen=True, kw_only=True)
class Best:
    """The best trial of a study."""

    number: int
    value: float
    """Of the objective's metric."""
    metric: str
    config: Mapping[str, Any]
    """The configuration, as ``hpsearch best --json`` has it."""
    parameters: int | None
    """Trainable weights."""
    epochs: int | None
    """Epochs that were trained."""
    best_epoch: int | None
    """The one whose weights are kept."""


def load(
    name: str, *, home: "str | os.PathLike[str] | None" = None, storage: str | None = None
) -> "Study":
    """A study that is there.

        >>> hpsearch.load("cifar10-mlp").best.value

    Args:
        name: the study's.
        home: the data home; None: ``HPSEARCH_HOME``, else ``hpsearch-data``.
        storage: the storage's URL; None: ``HPSEARCH_STORAGE``, else SQLite in the home.

    Raises:
        InputError: there is none of that name.
        UnreachableError: the storage cannot be reached.
    """
    study = Study(name, home=home, storage=storage)
    with place_of(home, storage).study(study.name):
        return study


class Study:
    """A study in a storage: how it stands now, and what can be done with it.

    Everything is read anew each time, so that it is as it stands while a search runs elsewhere.
    Methods that do what a command does take its options, say how far they are, and raise its
    errors; results are mappings as the command's ``--json`` has them (studies/README.md).

        >>> study = hpsearch.load("cifar10-mlp")
        >>> study.best.value
        >>> study.trials().sort("value").tail(5)

    Attributes:
        name: the study's.
    """

    def __init__(
        self,
        name: str,
        *,
        home: "str | os.PathLike[str] | None" = None,
        storage: str | None = None,
    ) -> None:
        """Be the study of a name, which nobody looks for yet; see :func:`load`.

        Raises:
            InputError: the name is no text.
        """
        if not isinstance(name, str):
            raise InputError(f"name = {shortened(repr(name))}: is no text; give a study's name")
        self.name = name
        self._place = place_of(home, storage)

    def __repr__(self) -> str:
        return display.text(self.name, self._place)

    def _repr_html_(self) -> str:
        return display.page(self.name, self._place)

    @contextmanager
    def _opened(self) -> Iterator[OpenStudy]:
        with self._place.study(self.name) as found:
            yield found

    @property
    def best(self) -> Best:
        """The best trial.

        Raises:
            NoTrialError: no trial has completed.
        """
        with self._opened() as found:
            row = rows.row(found, rows.best(found))
            metric = found.file.objective.metric
        keys = ("number", "config", "parameters", "epochs", "best_epoch")
        return Best(value=row["values"][0], metric=metric, **{key: row[key] for key in keys})

    @property
    def summary(self) -> Mapping[str, Any]:
        """Name, best value and counts by state, as a line of ``hpsearch ls --json``."""
        with self._opened() as found:
            return rows.summary(found)

    def trials(self) -> pl.DataFrame:
        """The trials by number, a row each, with the columns of ``hpsearch trials --csv``.

        ``.to_pandas()`` makes a frame of pandas of it, where that is installed.
        """
        with self._opened() as found:
            lines = [rows.in_columns(rows.row(found, trial)) for trial in found.trials()]
        first = ("number", "state", "value")
        names = dict.fromkeys([*first, *(key for line in lines for key in line)])
        return pl.DataFrame([made(name, [line.get(name) for line in lines]) for name in names])

    def model(self, trial: int | None = None, *, refit: bool = False, progress: bool = True) -> Any:
        """A ``keras.Model`` with its weights, of inputs as they were given, raw.

        It gives probabilities, shape (batch, classes), or predictions in the target's own unit,
        shape (batch, 1). Of a table it takes a dict of its columns.

        Args:
            trial: a trial's number; None: the confirmed winner, else the best trial.
            refit: what :meth:`refit` trained of the winner.
            progress: whether to say what takes long.

        Raises:
            InputError: no such trial, or no weights of it are here.
            NoTrialError: no trial completed.
        """
        shown, number = screen(is_shown=progress), _number(trial)
        return keras_model(self.name, self._place, shown, trial=number, refit=refit)

    def predict(
        self,
        data: Any,
        *,
        trial: int | None = None,
        ensemble: bool = False,
        refit: bool = False,
        progress: bool = True,
    ) -> pl.DataFrame:
        """What the study's network says of new examples; see ``hpsearch predict``.

        Args:
            data: a data frame with the columns of the training data, with or without the target;
                an array, shape (n, ...) as of training; or the path of a file or folder.
            trial: a trial's number; None: the confirmed winner, else the best trial.
            ensemble: predict with the study's ensemble.
            refit: predict with what :meth:`refit` trained.
            progress: whether to say how far it is.

        Returns:
            a row for each example, in their order: its class and the probability of each, or the
            prediction in the target's own unit.

        Raises:
            InputError: data that do not fit, no such trial, or no weights of it are here.
            NoTrialError: no trial completed.
        """
        shown, number = screen(is_shown=progress), _number(trial)
        with in_process():
            return predicted(
                self.name, data, self._place, shown, trial=number, ensemble=ensemble, refit=refit
            )

    def confirm(
        self,
        *,
        top: int | None = None,
        seeds: int | None = None,
        new_split: bool = False,
        smallest: bool | None = None,
        workers: int | str | None = None,
        gpus: "str | int | Sequence[int]" = "all",
        progress: bool = True,
    ) -> Mapping[str, Any]:
        """Retrain the leaders and the baseline with new seeds; see ``hpsearch confirm``.

        Args:
            top: how many of the best; None: 3.
            seeds: how many seeds each; None: 5.
            new_split: draw a new validation split for each seed, too.
            smallest: choose the smallest network that the seeds cannot tell from the first.
            workers: how many worker processes, or "auto"; None: as the study says.
            gpus: as of ``hpsearch.search``.
            progress: whether to show the trainings.

        Raises:
            InputError: numbers that are too small.
            NoTrialError: no trial completed, or no run.
            KeyboardInterrupt: Ctrl-C, when the workers have left; the same call goes on.
        """
        means = means_of(workers, gpus)
        with interrupted():
            return confirm(
                self.name, self._place, screen(is_shown=progress), top=top, seeds=seeds,
                new_split=new_split, smallest=smallest, means=means,
            ).plain()  # fmt: skip

    def evaluate(
        self,
        *,
        top: int = 1,
        baseline: bool = False,
        refit: bool = False,
        ensemble: bool = False,
        reference: bool = True,
        workers: int | str | None = None,
        gpus: "str | int | Sequence[int]" = "all",
        progress: bool = True,
    ) -> Mapping[str, Any]:
        """Evaluate the winner on the test split, and record that; see ``hpsearch evaluate``.

        Args:
            top: how many of the best configurations.
            baseline: judge the baseline, too, once it is confirmed.
            refit: retrain on training and validation examples first, an ensemble's networks, too.
            ensemble: judge the study's ensemble, too.
            reference: train models of scikit-learn for comparison, too.
            workers: what is retrained with, see :meth:`confirm`.
            gpus: likewise.
            progress: whether to show how far it is.

        Raises:
            InputError: ``top`` below 1, no ensemble, or weights that are not here.
            NoTrialError: no trial completed.
            KeyboardInterrupt: Ctrl-C while it retrained; the same call goes on.
        """
        means = means_of(workers, gpus)
        with interrupted(), in_process():
            return evaluate(
                self.name, self._place, screen(is_shown=progress), top=top, baseline=baseline,
                refit=refit, ensemble=ensemble, reference=reference, means=means,
            ).plain()  # fmt: skip

    def ensemble(self, *, members: int | None = MOST, progress: bool = True) -> Mapping[str, Any]:
        """Choose an ensemble of trained networks, and keep the choice; see ``hpsearch ensemble``.

        Args:
            members: how many it may have, from 2; None: any number.
            progress: whether to show how far it is.

        Raises:
            InputError: fewer than two networks whose weights are here.
            NoTrialError: no trial completed.
        """
        with in_process():
            return ensemble(self.name, self._place, screen(is_shown=progress), most=members).plain()

    def refit(
        self,
        *,
        ensemble: bool = False,
        workers: int | str | None = None,
        gpus: "str | int | Sequence[int]" = "all",
        progress: bool = True,
    ) -> Mapping[str, Any]:
        """Retrain the winner on training and validation examples; see ``hpsearch refit``.

        Args:
            ensemble: retrain the networks of the study's ensemble instead.
            workers: what is retrained with, see :meth:`confirm`.
            gpus: likewise.
            progress: whether to show the trainings.

        Raises:
            InputError: no ensemble.
            NoTrialError: no trial completed, or no training.
            KeyboardInterrupt: Ctrl-C, when the workers have left; the same call goes on.
        """
        means = means_of(workers, gpus)
        with interrupted():
            return refit(
                self.name, self._place, screen(is_shown=progress), ensemble=ensemble, means=means
            ).plain()

    def report(self, file: "str | os.PathLike[str]", *, progress: bool = False) -> Path:
        """Write the report, one HTML page; see ``hpsearch report``.

        Raises:
            InputError: the file is there, and is no report.
            UnreachableError: it cannot be written.
        """
        path = Path(file).expanduser()
        report(self.name, self._place, screen(is_shown=progress)).write(path)
        return path

    def figure(self, name: str = "history") -> "go.Figure":
        """A figure of the report, of plotly: "history", "effects", "parameters", "curves" ...

        Args:
            name: as the report has it; those of what is not searched are left out.

        Raises:
            InputError: there is no figure of that name.
        """
        drawn = report(self.name, self._place, screen(is_shown=False)).figures()
        known = {key.partition("-")[2]: one for key, one in drawn.items()}
        if name not in known:
            raise InputError(f"figure {name!r}: there is none; {closest(str(name), [*known])}")
        return known[name]

    def export(
        self,
        file: "str | os.PathLike[str]",
        *,
        trial: int | None = None,
        baseline: bool = False,
        confirmed: bool = False,
        ensemble: bool = False,
        refit: bool = False,
        data: "str | os.PathLike[str] | None" = None,
        test: bool = False,
        quantize: Quantization | None = None,
        mlflow: bool = False,
        progress: bool = True,
    ) -> Path:
        """Write a recipe, a script or a trained model, by the name's ending; ``hpsearch export``.

        Args:
            file: the name; one that ends in / is a folder.
            trial: a trial's number; None: the best one.
            baseline: write the baseline instead.
            confirmed: write the confirmed winner instead.
            ensemble: write the study's ensemble instead.
            refit: write what :meth:`refit` trained instead, the winner or, with ``ensemble``, that.
            data: of a script: where its data go; None: beside it.
            test: of a script: its data have the test split, too; the access is recorded.
            quantize: "int8" or "float16", in which a model for another tool stores its weights;
                None: float32.
            mlflow: put it into the MLflow that the study names, too.
            progress: whether to say what takes long.

        Raises:
            InputError: an unknown trial or ending, or a file that is another's.
            UnreachableError: files that cannot be read or written, or an MLflow that takes none.
        """
        if quantize not in (None, *get_args(Quantization)):
            raise InputError(
                f"quantize = {shortened(repr(quantize))}: give one of"
                f" {', '.join(map(repr, get_args(Quantization)))}, or None"
            )
        if mlflow:
            check_named(self.name, self._place)
        given = os.path.expanduser(os.fspath(file))  # noqa: PTH111  # Path takes off a last /
        with in_process():
            done = export(
                self.name, given, self._place, screen(is_shown=progress),
                trial=_number(trial), baseline=baseline, confirmed=confirmed, ensemble=ensemble,
                refit=refit, data=None if data is None else Path(data).expanduser(), test=test,
                quantize=quantize,
            )  # fmt: skip
            if mlflow:
                put_into_mlflow(self.name, self._place, done.files)
        return done.path

    def stop(self, *, now: bool = False, progress: bool = True) -> None:
        """Ask all workers of the study, wherever they are, to leave; waits until they have.

        Args:
            now: have them leave at once: progress since a trial's last checkpoint is lost.
            progress: whether to say who is waited for.
        """
        stop(self.name, self._place, screen(is_shown=progress), now=now)


def _number(trial: object) -> int | None:
    """A trial's number, also as NumPy and data frames have it; None: none is given.

    Raises:
        InputError: no whole number.
    """
    try:
        return None if trial is None else operator.index(trial)  # type: ignore[arg-type]  # see below
    except TypeError:
        raise InputError(
            f"trial = {shortened(repr(trial))}: is no whole number; give a trial's number, as"
            " study.trials() has it"
        ) from None

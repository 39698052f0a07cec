"""The objective: claim, train, report, prune, tell. The one file that knows both sides."""

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, Trial, TrialState

from hpsearch.config import TrialConfig, describe
from hpsearch.data.parts import Parts
from hpsearch.data.section import DatasetSection, Folds
from hpsearch.errors import DataError, Failure, InputError, TrialFailedError, UnreachableError
from hpsearch.home import CHECKPOINTS, Home
from hpsearch.networks.network import Size
from hpsearch.outputs.listed import OF_COMPLETE, OF_OTHERS, listed
from hpsearch.parsing import parse
from hpsearch.recipe import Recipe
from hpsearch.search import attributes as attr
from hpsearch.search import budget, claims
from hpsearch.search.database.messages import STORAGE_ERRORS
from hpsearch.search.recipes import recipe_of, trial_seed
from hpsearch.search.study import OpenStudy
from hpsearch.search.trials import same_as
from hpsearch.share import Share
from hpsearch.space import suggest_config, varied
from hpsearch.study_file import StudyFile
from hpsearch.training.outcome import Epoch, Outcome, Trainer, Watch, fold_step

_log = logging.getLogger(__name__)

MAX_REDRAWS = 200
"""Configurations over the budget's limits of size in a row before the search gives up."""

CHECKPOINT_EVERY = 30.0
"""Seconds of training between two checkpoints of a trial."""


def _nobody_asks(_number: int) -> AbstractContextManager[Callable[[], bool]]:
    """A process that sends no heartbeats never loses a lease."""
    return nullcontext(lambda: False)


class CrowdedError(Exception):
    """A trial ran out of memory on a device that this process may share with others.

    It runs still, with the attribute ``alone``, to be tried once more on the device alone.

    Attributes:
        number: the trial's.
    """

    def __init__(self, number: int, message: str) -> None:
        super().__init__(message)
        self.number = number


@dataclass(frozen=True, kw_only=True)
class Objective:
    """Runs the trials of one study in this process, one after the other."""

    study: OpenStudy
    parts: Parts
    """The study's data."""
    home: Home
    trainer: Trainer
    split: Callable[[DatasetSection], Parts] | None = None
    """Gives the data of a trial whose data section is another one (a confirmation run's); None:
    there is no such trial."""
    stop_now: Callable[[], bool] = lambda: False
    """Asked several times a second: True interrupts the running trial."""
    share: Share | None = None
    """Where trials of other machines leave their checkpoints, and this one's go."""
    alive: Callable[[int], AbstractContextManager[Callable[[], bool]]] = _nobody_asks
    """Entered with a trial's number while it runs; what it gives says whether its lease was
    lost (see ``hpsearch.workers.lease.HeartbeatThread``)."""

    def run_one(self) -> bool:
        """Claim a trial and bring it to an end.

        Returns:
            False where the budget has no free place.

        Raises:
            CrowdedError: the trial ran out of memory; :meth:`try_alone` is next.
            InputError: hardly any configuration is within the budget's limits of size.
            Exception: whatever the trainer raises beside TrialFailedError is a fault of the
                program or of the data; the trial is marked so and the error goes on.
        """
        for _ in range(MAX_REDRAWS):
            if self.stop_now():
                return True
            trial = claims.claim(self.study)
            if trial is None:
                return False
            with self.alive(trial.number) as lease_lost:
                if self._one(trial, lease_lost):
                    return True
        limits = self.study.budget.size_limits.items()
        told = " or ".join(f"budget.max_{name} = {limit}" for name, limit in limits)
        raise InputError(
            f"study {self.study.name}: {MAX_REDRAWS} configurations in a row were above {told};"
            " raise it or narrow the space"
        )

    def try_alone(self, number: int) -> None:
        """Train a running trial of this process once more, on a device that nobody shares.

        Raises:
            Exception: as :meth:`run_one`, but no CrowdedError.
        """
        trial = Trial(self.study.optuna, self.study.trial_id(number))
        with self.alive(number) as lease_lost:
            self._one(trial, lease_lost)

    def _one(self, trial: Trial, lease_lost: Callable[[], bool]) -> bool:
        """Bring a trial that was claimed to an end; False where it was too large to train."""
        try:
            fixed = trial.user_attrs.get(attr.CONFIG_KEY)
            if fixed is None:
                config = suggest_config(self.study.file.space, trial)
            else:
                config = parse(TrialConfig, fixed, f"trial {trial.number}")
            size = config.network.size(self.parts.shape, self.parts.outputs)
            if size is not None and (excess := self._note_size(trial, size)):
                claims.redraw(self.study, trial.number, excess)
                return False
            return self._train(trial, lease_lost, size)
        except UpdateFinishedTrialError:
            # Somebody took this process for dead and gave the trial to another one.
            _log.warning("trial %d: lease lost; continuing with the next trial", trial.number)
        except (CrowdedError, *STORAGE_ERRORS):
            # What the storage cannot take now is mended when it is back.
            raise
        except UnreachableError as error:
            # A full disk is not the configuration's fault.
            if claims.interrupt(self.study, trial.number, str(error)):
                raise
            _log.warning("trial %d: lease lost; continuing with the next trial", trial.number)
        except DataError as error:
            claims.fail(self.study, trial.number, Failure.DATA_ERROR, str(error))
            raise
        except Exception as error:
            told = f"{type(error).__name__}: {error}"  # not repr, which writes colours as text
            claims.fail(self.study, trial.number, Failure.PROGRAM_ERROR, told)
            raise
        return True

    def _note_size(self, trial: Trial, size: Size) -> str:
        """Note a network's size; by what it is over the budget's limits, empty: by nothing."""
        self.study.storage.annotate(self.study.trial_id(trial.number), attr.of_size(size))
        return " and ".join(self.study.budget.excess(size).values())

    def _check_size(self, trial: Trial, size: Size) -> None:
        """Note the size of a network that was built; see :meth:`_note_size`.

        Raises:
            TrialFailedError: it is over a limit.
        """
        if excess := self._note_size(trial, size):
            raise TrialFailedError(Failure.TOO_LARGE, excess)

    def _train(self, trial: Trial, lease_lost: Callable[[], bool], size: Size | None) -> bool:
        """Train one trial, from its last checkpoint where it has one, and tell its result.

        Args:
            trial: the trial.
            lease_lost: whether it is another worker's.
            size: of its network; None: it is known when that is built.

        Returns:
            False where it was too large to train.
        """
        frozen = self.study.storage.get_trial(self.study.trial_id(trial.number))
        trial.set_user_attr(attr.SEED_KEY, trial_seed(self.study, frozen))
        same = same_as(self.study, frozen)
        if same is not None:
            trial.set_user_attr(attr.SAME_KEY, same)
        run, earlier = self.home.trial_run(self.study.name, trial.number), self._earlier(frozen)
        deadline, reports = self._deadline(), _Reports(self.study.file, trial, frozen)
        watch = Watch(
            on_epoch=reports.epoch,
            interrupted=lambda: self.stop_now() or lease_lost() or time.monotonic() > deadline,
            checkpoint_every=CHECKPOINT_EVERY,
            earlier=earlier,
            searched=varied(self.study.file.space),
            on_resume=reports.resumed,
            on_fold=reports.fold,
        )
        if size is None:
            watch = replace(watch, on_size=partial(self._check_size, trial))
        began = time.monotonic()
        try:
            recipe = recipe_of(self.study, frozen)
            _log.info("trial %d starts: %s", trial.number, describe(recipe.config))
            if same is not None:
                _log.info(
                    "trial %d has the configuration of trial %d, with another seed",
                    trial.number,
                    same,
                )
            self.home.make(run)
            with self._shared(trial.number):
                outcome = self.trainer(recipe, self._parts(recipe), run, watch)
        except TrialFailedError as error:
            self._failed(trial, error, time.monotonic() - began)
            return error.failure is not Failure.TOO_LARGE
        self._tell(trial, recipe, outcome, pruned=reports.pruned)
        return True

    def _shared(self, number: int) -> AbstractContextManager[None]:
        """While a trial trains, what it leaves is put into the share, if there is one."""
        return self.share.following(number) if self.share else nullcontext()

    def _earlier(self, trial: FrozenTrial) -> list[Path]:
        """The folders that a trial may go on from; says so where nothing to go on from is there."""
        numbers = attr.earlier(trial)
        folders = [self.home.trial_run(self.study.name, number) for number in numbers]
        if self.share is not None:
            self.share.fetch(numbers)
        if numbers and not any((f / name).exists() for f in folders for name in CHECKPOINTS):
            _log.info(
                "trial %d starts from its first epoch: no checkpoint of trial %s is here",
                trial.number,
                " or ".join(map(str, numbers)),
            )
        return folders

    def _parts(self, recipe: Recipe) -> Parts:
        """The data of a trial."""
        if self.split is None or recipe.dataset == self.study.file.dataset:
            return self.parts
        return self.split(recipe.dataset)

    def _deadline(self) -> float:
        """The moment (``time.monotonic``) at which the study's time is used up."""
        timeout = self.study.budget.timeout
        if timeout is None:
            return float("inf")
        # This trial runs from now on without a gap, so that the time used grows as the clock.
        return time.monotonic() + timeout - budget.seconds_used(self.study.trial_summaries())

    def _failed(self, trial: Trial, error: TrialFailedError, seconds: float) -> None:
        """Tell a failure of training; an interrupted trial goes back into the queue."""
        _log.info("trial %d ends: %s: %s", trial.number, error.failure, error)
        trial_id = self.study.trial_id(trial.number)
        reported = self.study.storage.get_trial(trial_id).last_step
        files = listed(OF_OTHERS) if reported else {}
        summary = {attr.EPOCHS_KEY: reported or 0, attr.SECONDS_KEY: round(seconds, 3)}
        self.study.storage.annotate(trial_id, summary, files)
        if error.failure is Failure.INTERRUPTED:
            claims.interrupt(self.study, trial.number)
            return
        if error.failure is Failure.TOO_LARGE:
            claims.redraw(self.study, trial.number, str(error))
            return
        if error.failure is Failure.OUT_OF_MEMORY and not trial.user_attrs.get(attr.ALONE_KEY):
            trial.set_user_attr(attr.ALONE_KEY, True)
            raise CrowdedError(trial.number, str(error))
        if error.epoch is not None:
            trial.set_user_attr(attr.FAILURE_EPOCH_KEY, error.epoch)
        claims.fail(self.study, trial.number, error.failure, str(error))

    def _tell(self, trial: Trial, recipe: Recipe, outcome: Outcome, *, pruned: bool) -> None:
        """Keep the summary of a trial as user attributes, then its value."""
        _log.info(
            "trial %d ends: %s %.4f after %d epochs, %.1f s",
            trial.number,
            "pruned" if pruned else "complete",
            outcome.value,
            outcome.epochs,
            outcome.seconds,
        )
        summary: dict[str, Any] = {
            attr.EPOCHS_KEY: outcome.epochs,
            attr.BEST_EPOCH_KEY: outcome.best_epoch,
            attr.VAL_LOSS_KEY: outcome.val_loss,
            attr.trained_key(recipe.task): outcome.train_value,
            attr.GAP_KEY: outcome.gap,
            attr.SECONDS_KEY: round(outcome.seconds, 3),
            attr.RATE_KEY: round(outcome.examples_per_second, 1),
        }
        if outcome.folds:
            summary[attr.FOLDS_KEY] = [
                {"value": value, "best_epoch": epoch} for value, epoch in outcome.folds
            ]
        files = listed(OF_OTHERS if pruned else OF_COMPLETE)
        self.study.storage.annotate(self.study.trial_id(trial.number), summary, files)
        if pruned:
            # By itself Optuna gives it the value of its last epoch, which need not be the one that
            # counts.
            trial_id = self.study.trial_id(trial.number)
            self.study.storage.set_trial_state_values(trial_id, TrialState.PRUNED, [outcome.value])
        else:
            self.study.optuna.tell(trial, outcome.value, skip_if_finished=True)


class _Reports:
    """What Optuna is told of a trial while it trains: its epochs, and then its folds.

    Attributes:
        pruned: whether the pruner has ended it.
    """

    def __init__(self, file: StudyFile, trial: Trial, before: FrozenTrial) -> None:
        """Args: the study's file; the trial; the same as it was, of which Optuna may know some."""
        self._trial, self._known = trial, before.intermediate_values
        self._metric, self._epochs = file.objective.metric, file.training.epochs
        validation = file.dataset.validation
        self._folds = validation.count if isinstance(validation, Folds) else 1
        self.pruned = False

    def epoch(self, epoch: Epoch) -> bool:
        """Report an epoch; whether the trial is pruned."""
        self._report(epoch.values[self._metric], epoch.epoch)
        # After its last epoch a trial is complete, whatever its value.
        goes_on = epoch.epoch < self._epochs or self._folds > 1
        self.pruned = goes_on and self._trial.should_prune()
        return self.pruned

    def fold(self, folds: int, mean: float) -> bool:
        """Report the mean of some folds; whether the trial is pruned.

        Its steps are behind those of the epochs, so that it is compared with that of as many folds.
        """
        self._report(mean, fold_step(self._epochs, folds))
        self.pruned = folds < self._folds and self._trial.should_prune()
        return self.pruned

    def resumed(self, epochs: Sequence[Epoch]) -> None:
        """Report the epochs that were trained before the trial was cut off."""
        _log.info("trial %d resumes after epoch %d", self._trial.number, epochs[-1].epoch)
        for epoch in epochs:
            self._report(epoch.values[self._metric], epoch.epoch)

    def _report(self, value: float, step: int) -> None:
        # Of a trial that is tried once more Optuna has some steps already.
        if step not in self._known:
            self._trial.report(value, step)

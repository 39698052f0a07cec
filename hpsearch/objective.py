"""The objective: claim, train, report, prune, tell. The one file that knows both sides."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import Trial, TrialState

from hpsearch.config import TrialConfig, count_parameters, describe
from hpsearch.data.parts import Parts
from hpsearch.errors import Failure, InputError, TrialFailedError, UnreachableError
from hpsearch.home import Home
from hpsearch.search import budget
from hpsearch.search.export import recipe_of, trial_seed
from hpsearch.search.study import OpenStudy
from hpsearch.space import suggest_config
from hpsearch.training.outcome import Epoch, Outcome, Trainer, Watch

_log = logging.getLogger(__name__)

MAX_REDRAWS = 200
"""Configurations over ``budget.max_parameters`` in a row before the search gives up."""


@dataclass(frozen=True, kw_only=True)
class Objective:
    """Runs the trials of one study in this process, one after the other."""

    study: OpenStudy
    parts: Parts
    home: Home
    trainer: Trainer
    stop_now: Callable[[], bool] = lambda: False
    """Asked several times a second: True interrupts the running trial."""

    def run_one(self) -> bool:
        """Claim a trial and bring it to an end.

        Returns:
            False where the budget has no free place.

        Raises:
            InputError: hardly any configuration is within ``budget.max_parameters``.
            Exception: whatever the trainer raises beside TrialFailedError is a fault of the
                program; the trial is marked so and the error goes on.
        """
        for _ in range(MAX_REDRAWS):
            if self.stop_now():
                return True
            trial = budget.claim(self.study)
            if trial is None:
                return False
            try:
                config = suggest_config(self.study.file.space, trial)
                if self._too_large(trial, config):
                    continue
                self._train(trial)
            except UpdateFinishedTrialError:
                # Somebody took this process for dead and gave the trial to another one.
                _log.warning("trial %d was taken away; going on with the next", trial.number)
                return True
            except UnreachableError as error:
                # A full disk is not the configuration's fault.
                budget.interrupt(self.study, trial.number, str(error))
                raise
            except Exception as error:
                budget.fail(self.study, trial.number, Failure.PROGRAM_ERROR, repr(error))
                raise
            return True
        raise InputError(
            f"study {self.study.name}: {MAX_REDRAWS} configurations in a row were over"
            f" budget.max_parameters = {self.study.budget.max_parameters}; raise it or narrow"
            " the space"
        )

    def _too_large(self, trial: Trial, config: TrialConfig) -> bool:
        """Note the configuration's size; end the trial where it is over the limit."""
        parameters = count_parameters(config, self.parts.inputs, self.parts.classes)
        trial.set_user_attr("parameters", parameters)
        limit = self.study.budget.max_parameters
        if limit is None or parameters <= limit:
            return False
        message = f"{parameters} parameters, at most {limit}"
        budget.redraw(self.study, trial.number, message)
        return True

    def _train(self, trial: Trial) -> None:
        """Train one trial and tell its result."""
        frozen = self.study.storage.get_trial(self.study.trial_id(trial.number))
        trial.set_user_attr("seed", trial_seed(self.study, frozen))
        run = self.home.trial_run(self.study.name, trial.number)
        pruned = False

        def on_epoch(epoch: Epoch) -> bool:
            nonlocal pruned
            trial.report(getattr(epoch, self.study.file.objective.metric), epoch.epoch)
            # After its last epoch a trial is complete, whatever its value.
            pruned = epoch.epoch < self.study.file.training.epochs and trial.should_prune()
            return pruned

        deadline = self._deadline()
        watch = Watch(
            on_epoch=on_epoch,
            interrupted=lambda: self.stop_now() or time.monotonic() > deadline,
        )
        began = time.monotonic()
        try:
            recipe = recipe_of(self.study, frozen)
            _log.info("trial %d starts: %s", trial.number, describe(recipe.config))
            outcome = self.trainer(recipe, self.parts, run, watch)
        except TrialFailedError as error:
            self._failed(trial, error, time.monotonic() - began)
        else:
            self._tell(trial, outcome, pruned=pruned)

    def _deadline(self) -> float:
        """The moment (``time.monotonic``) at which the study's time is used up."""
        timeout = self.study.budget.timeout
        if timeout is None:
            return float("inf")
        # This trial runs from now on without a gap, so that the time used grows as the clock.
        return time.monotonic() + timeout - budget.seconds_used(self.study.trials())

    def _failed(self, trial: Trial, error: TrialFailedError, seconds: float) -> None:
        """Tell a failure of training; an interrupted trial goes back into the queue."""
        _log.info("trial %d ends: %s: %s", trial.number, error.failure, error)
        reported = self.study.storage.get_trial(self.study.trial_id(trial.number)).last_step
        trial.set_user_attr("epochs", reported or 0)
        trial.set_user_attr("seconds", round(seconds, 3))
        if error.failure is Failure.INTERRUPTED:
            budget.interrupt(self.study, trial.number)
            return
        if error.epoch is not None:
            trial.set_user_attr("failure_epoch", error.epoch)
        budget.fail(self.study, trial.number, error.failure, str(error))

    def _tell(self, trial: Trial, outcome: Outcome, *, pruned: bool) -> None:
        """Keep the summary of a trial as user attributes, then its value."""
        _log.info(
            "trial %d ends: %s %.4f after %d epochs, %.1f s",
            trial.number,
            "pruned" if pruned else "complete",
            outcome.value,
            outcome.epochs,
            outcome.seconds,
        )
        summary = {
            "epochs": outcome.epochs,
            "best_epoch": outcome.best_epoch,
            "train_accuracy": outcome.train_accuracy,
            "gap": outcome.gap,
            "seconds": round(outcome.seconds, 3),
            "examples_per_second": round(outcome.examples_per_second, 1),
        }
        for key, value in summary.items():
            trial.set_user_attr(key, value)
        if pruned:
            self.study.optuna.tell(trial, state=TrialState.PRUNED, skip_if_finished=True)
        else:
            self.study.optuna.tell(trial, outcome.value, skip_if_finished=True)

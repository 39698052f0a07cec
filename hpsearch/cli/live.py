"""What ``hpsearch run`` shows while it runs: one live table, or plain lines without a terminal."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from hpsearch.cli.common import duration, say, stderr, unheard
from hpsearch.config import describe
from hpsearch.search import trials as rows
from hpsearch.search.study import OpenStudy
from hpsearch.search.trials import Trial
from hpsearch.workers.identity import is_signed
from hpsearch.workers.lease import LEASE
from hpsearch.workers.slots import Slot

if TYPE_CHECKING:
    from rich.console import Group
    from rich.live import Live


class LiveView:
    """Follows a study through its storage and shows how it stands."""

    def __init__(self, study: OpenStudy) -> None:
        self.study = study
        self.started = time.monotonic()
        self._reported = {t.number for t in study.trials() if t.state.is_finished()}
        self._at_start = study.counts().counted
        self._live: Live | None = None

    @contextmanager
    def shown(self) -> Iterator["LiveView"]:
        """Show the view while the block runs."""
        if not sys.stderr.isatty():
            yield self
            return
        from rich.live import Live

        live = Live(console=stderr(), auto_refresh=False, transient=True)
        live.start()
        try:
            self._live = live
            yield self
        finally:
            self._live = None
            with unheard():
                live.stop()

    def say_stopping(self, by_signal: bool) -> None:
        """Tell that the first signal, or ``hpsearch stop``, was heard; and what comes next."""
        more = " Ctrl-C again ends them at once." if by_signal else ""
        asked = "" if by_signal else " (hpsearch stop)"
        self._say(f"Stopping{asked}: the workers save where their trials stand, and leave.{more}")

    def say_waiting(self) -> None:
        """Tell whose trials hold the last places of the budget, when no worker is left here."""
        running = [trial for trial in self.study.trials() if rows.is_running(trial)]
        listed = ", ".join(f"{t.number} ({t.user_attrs.get('worker', '?')})" for t in running)
        self._say(
            f"Waiting for trials of workers that this run did not start: {listed}. Where one of"
            f" them gives no sign of life for {duration(LEASE)}, its trial goes on here."
        )
        if foreign := [t.number for t in running if not is_signed(t)]:
            self._say(
                f"Trials {foreign} are run by another program than hpsearch and hold their places"
                " until it ends them. If it is gone, end each yourself: optuna tell --storage URL"
                f" --study-name {self.study.name} --trial-number {foreign[0]} --state fail"
            )

    def say_fewer(self, slot: Slot, workers: int) -> None:
        """Tell that a GPU has fewer workers from now on."""
        self._say(
            f"{slot.device} ran out of memory: {workers} of its workers go on, with more each."
        )

    def _say(self, text: str) -> None:
        with unheard():
            if self._live is None:
                say(text)
            else:
                self._live.console.print(text)

    def update(self) -> None:
        """Look at the study and show what is new."""
        trials = self.study.trials()
        ended = [t for t in trials if t.state.is_finished() and t.number not in self._reported]
        self._reported |= {trial.number for trial in ended}
        lines = [] if self._live else [self._line(trial) for trial in ended]
        table = self._table(trials) if self._live else None
        with unheard():
            for line in lines:
                say(line)
            if self._live is not None and table is not None:
                self._live.update(table, refresh=True)

    def _line(self, trial: Trial) -> str:
        """One ended trial as a plain line."""
        counts = self.study.counts()
        state = trial.user_attrs.get("failure") or rows.STATES[trial.state]
        value = f" {trial.values[0]:.4f}" if trial.values else ""
        config = rows.config(self.study, trial)
        setting = f"  {describe(config)}" if config else ""
        best = f", best {rows.best(self.study).values[0]:.4f}" if counts.complete else ""
        total = self.study.budget.trials
        return f"trial {trial.number}: {state}{value} ({counts.counted} of {total}{best}){setting}"

    def _table(self, trials: list[Trial]) -> "Group":
        """The whole view for a terminal."""
        from rich import box
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        metric = self.study.file.objective.metric
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=False)
        for column in ("worker", "trial", "epoch", metric, "configuration"):
            left = column in ("worker", "configuration")
            justify: Literal["left", "right"] = "left" if left else "right"
            # Where it is too narrow, the configuration is what gets shorter.
            least = None if column == "configuration" else max(len(column), 6)
            table.add_column(
                column, justify=justify, no_wrap=True, overflow="ellipsis", min_width=least
            )
        epochs = self.study.file.training.epochs
        for trial in trials:
            if not rows.is_running(trial):
                continue
            step = trial.last_step
            config = rows.config(self.study, trial)
            table.add_row(
                str(trial.user_attrs.get("worker", "")).rpartition(":")[2],
                str(trial.number),
                f"{step or 0}/{epochs}",
                f"{trial.intermediate_values[step]:.4f}" if step is not None else "",
                describe(config) if config else "",
            )
        lines = [self._headline(), self._states(), self._best()]
        texts = [Text(line, no_wrap=True, overflow="ellipsis") for line in lines]
        texts[0].stylize("bold")
        return Group(*texts, table)

    def _headline(self) -> str:
        counted, total = self.study.counts().counted, self.study.budget.trials
        passed = duration(time.monotonic() - self.started)
        left = self.seconds_left()
        estimate = "" if left is None else f", about {duration(left)} left"
        return f"{self.study.name}: {counted} of {total} trials, {passed}{estimate}"

    def _states(self) -> str:
        counts = self.study.counts()
        others = f", {counts.uncounted} not counted" if counts.uncounted else ""
        return (
            f"{counts.complete} complete, {counts.pruned} pruned, {counts.failed} failed,"
            f" {counts.running} running{others}"
        )

    def _best(self) -> str:
        if not self.study.counts().complete:
            return "best: none complete yet"
        trial = rows.best(self.study)
        config = rows.config(self.study, trial)
        setting = describe(config) if config else ""
        return f"best: {trial.values[0]:.4f} in trial {trial.number}  {setting}"

    def seconds_left(self) -> float | None:
        """An estimate from the pace of this run; None until three trials have ended in it.

        It takes the budget's number of trials for granted: pruning, a plateau or a timeout may
        end the study sooner.
        """
        counts = self.study.counts()
        done = counts.counted - self._at_start
        if done < 3:
            return None
        pace = (time.monotonic() - self.started) / done
        return pace * (self.study.budget.trials - counts.counted)

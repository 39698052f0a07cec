"""The end of ``hpsearch run``: how the study stands, why it ended, what to do next."""

from hpsearch.cli.best import print_best
from hpsearch.cli.output import say
from hpsearch.services.endings import endings, no_trial
from hpsearch.services.search import Conclusion
from hpsearch.tasks import METRICS
from hpsearch.text import plural

_NEXT = {
    "confirm {study}": "retrains the best with new seeds: was it luck?",
    "ensemble {study}": "averages several networks: what it adds, what it costs",
    "refit {study}": "trains the winner once more, on validation examples, too",
    "evaluate {study}": "tests the winner, once all is decided",
    "export {study}{confirmed} -o best.toml": "its recipe (or best.py, best.keras)",
    "report {study}": "one page: what mattered, what to try next",
}
"""What to do with a search that is over, in this order."""


_HERE = ("evaluate",)
"""Those of them that no service does."""


def say_next(study: str, metric: str, there: str | None, *, is_confirmed: bool = False) -> None:
    """Name the commands that come after ``run``; no ensemble is chosen by a user's own metric.

    Args:
        study: its name.
        metric: of its objective.
        there: of a study of a service: what commands have behind them that ask it; None: it is
            here.
        is_confirmed: its winner is confirmed already.
    """
    confirmed = " --confirmed" * is_confirmed
    commands = {
        f"hpsearch {one.format(study=study, confirmed=confirmed)}{there or ''}": what
        for one, what in _NEXT.items()
        if metric in METRICS or not one.startswith("ensemble")
        if there is None or not one.startswith(_HERE)
        if not (is_confirmed and one.startswith("confirm"))
    }
    width = max(map(len, commands))
    say("Next:")
    for command, what in commands.items():
        say(f"  {command:<{width}}  {what}")


def print_conclusion(found: Conclusion, there: str | None = None, *, goes_on: bool = False) -> None:
    """Say how a study stands at the end of a run, why it ended, and what to do next.

    Args:
        found: how it stands.
        there: of a study of a service: what commands have behind them that ask it; None: it is
            here.
        goes_on: what comes next is done by the same command.
    """
    if found.is_cut_off:
        say(
            f"Stopped with {found.counts.counted} of {plural(found.budget.trials, 'trial')} done;"
            " the same command resumes the study."
        )
        return
    for line in endings(found):
        say(line)
    if found.best is None:
        say(no_trial(found))
        return
    print_best(found.best, found.metric)
    if not goes_on:
        say_next(found.study, found.metric, there)

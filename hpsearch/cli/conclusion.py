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
    "export {study} -o best.toml": "its recipe (or best.py, best.keras)",
    "report {study}": "one page: what mattered, what to try next",
}
"""What to do with a search that is over, in this order."""


_HERE = ("evaluate",)
"""Those of them that no service does."""


def _say_next(study: str, metric: str, there: str | None) -> None:
    """Name the commands that come after ``run``; no ensemble is chosen by a user's own metric."""
    commands = {
        f"hpsearch {one.format(study=study)}{there or ''}": what
        for one, what in _NEXT.items()
        if metric in METRICS or not one.startswith("ensemble")
        if there is None or not one.startswith(_HERE)
    }
    width = max(map(len, commands))
    say("Next:")
    for command, what in commands.items():
        say(f"  {command:<{width}}  {what}")


def print_conclusion(found: Conclusion, there: str | None = None) -> None:
    """Say how a study stands at the end of a run, why it ended, and what to do next.

    Args:
        found: how it stands.
        there: of a study of a service: what commands have behind them that ask it; None: it is
            here.
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
    _say_next(found.study, found.metric, there)

"""The end of ``hpsearch run``: how the study stands, why it ended, what to do next."""

from collections import Counter
from typing import TYPE_CHECKING, NoReturn

import typer

from hpsearch.cli.common import duration, say
from hpsearch.text import plural

if TYPE_CHECKING:
    from hpsearch.search.study import OpenStudy

_ENDINGS = {
    "trials": "The budget of {trials} is met.",
    "timeout": "The time limit of {timeout} is reached.",
    "plateau": "The last {plateau} brought no improvement.",
    "failures": "The last {failures} failed because of their configurations.",
}

_ADVICE = {
    "diverged": "the loss became NaN or infinite: lower the upper bounds of the learning rates",
    "out_of_memory": "too little memory: lower units or batch_size, set budget.max_parameters, or"
    " start fewer workers per GPU (--workers-per-gpu)",
    "timeout": "too slow: raise training.trial_timeout, or search smaller networks",
    "crashed": "their workers died, often for lack of memory: start fewer workers (--workers),"
    " search smaller networks, and see hpsearch logs {study}",
}
"""What to do where trials fail in a row, by the class of failure."""


_NEXT = {
    "confirm {study}": "retrains the best with new seeds: was it luck?",
    "evaluate {study}": "tests the winner, once all is decided",
    "export {study} -o best.toml": "its recipe (or best.py, best.keras)",
    "report {study}": "one page: what mattered, what to try next",
}
"""What to do with a search that is over, in this order."""


def _say_next(study: str) -> None:
    """Name the commands that come after ``run``."""
    commands = {f"hpsearch {one.format(study=study)}": what for one, what in _NEXT.items()}
    width = max(map(len, commands))
    say("Next:")
    for command, what in commands.items():
        say(f"  {command:<{width}}  {what}")


def conclude(study: "OpenStudy", code: int) -> NoReturn:
    """Say how the study stands, and leave with the exit code.

    Args:
        study: the study.
        code: of the workers' run; 0 where there was none.
    """
    from hpsearch.cli.show import print_best
    from hpsearch.errors import EXIT_NO_TRIAL, EXIT_PROGRAM
    from hpsearch.search import trials as rows
    from hpsearch.search.budget import ending, failures_in_a_row

    counts, budget = study.counts(), study.budget
    over = ending(study)
    failures = failures_in_a_row(study, study.trial_summaries())
    if over is not None:
        say(
            _ENDINGS[over].format(
                trials=plural(budget.trials, "trial"),
                timeout=duration(budget.timeout or 0),
                plateau=plural(budget.plateau or 0, "trial"),
                failures=plural(len(failures), "trial"),
            )
        )
    elif code:
        say(
            f"Stopped with {counts.counted} of {plural(budget.trials, 'trial')} done; the same"
            " command resumes the study."
        )
        raise typer.Exit(code)
    if over == "failures":
        for failure, times in Counter(failures).most_common():
            say(f"{times} x {failure}: {_ADVICE[failure].format(study=study.name)}")
        say("To continue all the same, run the same command again.")
    if not counts.complete:
        say(
            f"No trial completed ({counts.pruned} pruned, {counts.failed} failed): see"
            f" hpsearch trials {study.name} and hpsearch logs {study.name}"
        )
        raise typer.Exit(code or EXIT_NO_TRIAL)
    print_best(rows.best_row(study), study.file.objective.metric)
    _say_next(study.name)
    raise typer.Exit(code or (EXIT_PROGRAM if over == "failures" else 0))

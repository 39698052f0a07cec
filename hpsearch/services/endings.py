"""The end of a search in words: why it ended, and what to do where its trials failed."""

from hpsearch.services.search import Conclusion
from hpsearch.text import duration, plural

_ENDINGS = {
    "trials": "The budget of {trials} is met.",
    "timeout": "The time limit of {timeout} is reached.",
    "plateau": "The last {plateau} brought no improvement.",
    "failures": "The last {failures} failed because of their configurations.",
}

_ADVICE = {
    "diverged": "the loss became NaN or infinite: lower the upper bounds of the learning rates",
    "out_of_memory": "too little memory: search smaller networks or batches, set"
    " budget.max_parameters, or start fewer workers per GPU (--workers-per-gpu)",
    "timeout": "too slow: raise training.trial_timeout, or search smaller networks",
    "crashed": "their workers died, often for lack of memory: start fewer workers (--workers),"
    " search smaller networks, and see hpsearch logs {study}",
}
"""What to do where trials fail in a row, by the class of failure."""


def endings(found: Conclusion) -> list[str]:
    """Why a study is over, and what to do where its trials failed; nothing where it is not."""
    budget, lines = found.budget, []
    if found.over is not None:
        lines.append(
            _ENDINGS[found.over].format(
                trials=plural(budget.trials, "trial"),
                timeout=duration(budget.timeout or 0),
                plateau=plural(budget.plateau or 0, "trial"),
                failures=plural(sum(found.failures.values()), "trial"),
            )
        )
    if found.over == "failures":
        lines += [
            f"{times} x {failure}: {_ADVICE[failure].format(study=found.study)}"
            for failure, times in found.failures.items()
        ]
        lines.append("To continue all the same, run the same command again.")
    return lines


def no_trial(found: Conclusion) -> str:
    """That no trial of a study completed, and what to look at."""
    counts = found.counts
    why = f"; {found.failed}" if found.failed else ""
    told = f"No trial completed ({counts.pruned} pruned, {counts.failed} failed{why})"
    if found.over == "timeout" and not counts.counted:
        return (
            f"{told}: one takes longer than the time limit; run it again with a longer"
            " --timeout, and what was begun goes on, or make [dataset] limit smaller"
        )
    return f"{told}: see hpsearch trials {found.study} and hpsearch logs {found.study}"

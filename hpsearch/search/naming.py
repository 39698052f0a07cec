"""How a reader is told of a trial: by its number; of a confirmation run by whose it is."""

from optuna.trial import FrozenTrial

from hpsearch.search.confirmation import Kind, asked, is_run, kind_of, told
from hpsearch.search.study import OpenStudy


def name_of(study: OpenStudy, trial: FrozenTrial) -> str:
    """The name of a trial in a line: "trial 7"; of a confirmation run "trial 12, seed 2 of 5".

    Args:
        study: the study that the trial is of.
        trial: the trial.
    """
    attrs = trial.user_attrs
    if not is_run(trial):
        return f"trial {trial.number}"
    last = asked(study)
    seed, wanted = attrs["seed"], () if last is None else last.seeds
    place = f"{wanted.index(seed) + 1} of {len(wanted)}" if seed in wanted else f"{seed}"
    refit = ", refit" if kind_of(attrs) is Kind.REFIT else ""
    return f"{told(attrs['of'])}{refit}, seed {place}"


def cell_of(study: OpenStudy, trial: FrozenTrial) -> str:
    """The same for a column of trials: "7", "12, seed 2 of 5", "baseline, seed 2 of 5"."""
    return name_of(study, trial).removeprefix("trial ").removeprefix("the ")

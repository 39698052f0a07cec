"""Pruners: what each ``[pruner]`` of the study file is in Optuna."""

import math

from optuna.pruners import (
    BasePruner,
    HyperbandPruner,
    MedianPruner,
    NopPruner,
    PercentilePruner,
    SuccessiveHalvingPruner,
)

from hpsearch.study_file import (
    Hyperband,
    Median,
    NoPruner,
    Percentile,
    StudyFile,
    SuccessiveHalving,
)


def make_pruner(file: StudyFile) -> BasePruner:
    """The pruner that ends unpromising trials of a study; its steps are epochs, from 1."""
    section = file.pruner
    options = section.model_dump(exclude={"type", "n_warmup_steps"})
    match section:  # one step more of warm-up: Optuna's count starts at 0, epochs at 1
        case Median():
            return MedianPruner(n_warmup_steps=warmup(file, section) + 1, **options)
        case Percentile():
            return PercentilePruner(n_warmup_steps=warmup(file, section) + 1, **options)
        case SuccessiveHalving():
            return SuccessiveHalvingPruner(**options)
        case Hyperband():
            most = max(file.training.epochs, section.min_resource)
            return HyperbandPruner(max_resource=most, **options)
        case NoPruner():
            return NopPruner()


def warmup(file: StudyFile, section: Median | Percentile) -> int:
    """Epochs in which no trial is pruned: as written, else a fifth of the epochs, rounded up."""
    if section.n_warmup_steps is not None:
        return section.n_warmup_steps
    return math.ceil(file.training.epochs / 5)


def hint(file: StudyFile) -> str | None:
    """Advice on a pruner that does not go with the sampler, or None."""
    if file.sampler.type == "gp" and file.pruner.type != "none":
        return 'hint: "gp" learns from complete trials only; with it, set pruner.type = "none"'
    return None

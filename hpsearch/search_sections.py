"""The sections of a study file about the search: budget, sampler, pruner, workers."""

from typing import Annotated, Literal

from pydantic import Field, Strict, Tag

from hpsearch.fields import (
    BY_SPELLING,
    BY_TYPE,
    Bool,
    Positive,
    Seconds,
    Section,
    nearest,
)

Count = Annotated[int, Strict(), Field(ge=0)]


class BudgetSection(Section):
    """``[budget]``: when the search ends, over all workers, machines and restarts."""

    trials: Positive = 50
    """Counted trials: complete, pruned, or failed by the configuration itself."""
    timeout: Seconds | None = None
    """Seconds in which at least one trial was running."""
    plateau: Positive | None = None
    """Stop after so many counted trials without a better one."""
    max_parameters: Positive | None = None
    """A sampled configuration with more trainable parameters is redrawn, not counted."""


class TPE(Section):
    """Tree-structured Parzen estimator; options as in ``optuna.samplers.TPESampler``."""

    type: Literal["tpe"] = "tpe"
    n_startup_trials: Count = 10
    cheapest_first: Bool = True
    """Draw the start-up trials ahead, and try those first that train fast (at most 100)."""
    n_ei_candidates: Positive = 24
    multivariate: Bool | None = None
    """None: as Optuna chooses (joint sampling for one objective)."""
    group: Bool = False
    """Sample parameters jointly that occur together in conditional spaces (experimental)."""
    constant_liar: Bool = True
    """Keep workers that run side by side from drawing near one another."""


class GP(Section):
    """Gaussian process; options as in ``optuna.samplers.GPSampler``. Needs the package torch."""

    type: Literal["gp"] = "gp"
    n_startup_trials: Count = 10
    cheapest_first: Bool = True
    """As for tpe."""
    deterministic_objective: Bool = False


class QMC(Section):
    """Quasi-random points; options as in ``optuna.samplers.QMCSampler``."""

    type: Literal["qmc"] = "qmc"
    qmc_type: Literal["sobol", "halton"] = "sobol"
    scramble: Bool = True


class Random(Section):
    """Independent random points."""

    type: Literal["random"] = "random"


class Grid(Section):
    """Every point of a space that is finite and has no conditional parameters."""

    type: Literal["grid"] = "grid"


class Median(Section):
    """Stop a trial that is worse than the median of the others at the same epoch."""

    type: Literal["median"] = "median"
    n_startup_trials: Count = 3
    """Trials that complete before any is pruned."""
    n_warmup_steps: Count | None = None
    """Epochs in which no trial is pruned; None: a fifth of ``training.epochs``, rounded up."""
    interval_steps: Positive = 1


class Percentile(Section):
    """As median, but a trial must be in the best ``percentile`` percent."""

    type: Literal["percentile"] = "percentile"
    percentile: Annotated[float, Strict(), Field(ge=0.0, le=100.0)] = 25.0
    n_startup_trials: Count = 5
    n_warmup_steps: Count | None = None
    interval_steps: Positive = 1


class SuccessiveHalving(Section):
    """Asynchronous successive halving; options as in ``SuccessiveHalvingPruner``."""

    type: Literal["successive_halving"] = "successive_halving"
    min_resource: Positive = 1
    reduction_factor: Annotated[int, Strict(), Field(ge=2)] = 4
    min_early_stopping_rate: Count = 0


class Hyperband(Section):
    """Successive halving in several brackets; ``max_resource`` is ``training.epochs``."""

    type: Literal["hyperband"] = "hyperband"
    min_resource: Positive = 1
    reduction_factor: Annotated[int, Strict(), Field(ge=2)] = 3


class NoPruner(Section):
    """Every trial runs to its end (or to early stopping)."""

    type: Literal["none"] = "none"


Sampler = Annotated[
    Annotated[TPE, Tag("<tpe>")]
    | Annotated[GP, Tag("<gp>")]
    | Annotated[QMC, Tag("<qmc>")]
    | Annotated[Random, Tag("<random>")]
    | Annotated[Grid, Tag("<grid>")],
    BY_TYPE,
    nearest,
]


Pruner = Annotated[
    Annotated[Median, Tag("<median>")]
    | Annotated[Hyperband, Tag("<hyperband>")]
    | Annotated[SuccessiveHalving, Tag("<successive_halving>")]
    | Annotated[Percentile, Tag("<percentile>")]
    | Annotated[NoPruner, Tag("<none>")],
    BY_TYPE,
    nearest,
]


AutoCount = Annotated[
    Annotated[Literal["auto"], Tag("<text>")] | Annotated[Positive, Tag("<number>")], BY_SPELLING
]


class WorkersSection(Section):
    """``[workers]``: how many worker processes this machine starts."""

    count: AutoCount = "auto"
    per_gpu: AutoCount = "auto"

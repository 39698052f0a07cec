"""The sections of a study file about the search: budget, sampler, pruner, workers."""

from typing import Annotated, Literal

from pydantic import Field, Strict, Tag, model_validator

from hpsearch.fields import BY_SPELLING, BY_TYPE, Bool, Positive, Seconds, Section, StudyName
from hpsearch.networks.network import Size

Count = Annotated[int, Strict(), Field(ge=0)]


class BudgetSection(Section):
    """``[budget]``: when the search ends, over all workers, machines and restarts."""

    trials: Positive = 50
    """Counted trials: complete, pruned, or failed by the configuration itself."""
    timeout: Seconds | None = None
    """Time in which at least one trial was running."""
    plateau: Positive | None = None
    """Stop after so many counted trials without a better one."""
    max_parameters: Positive | None = None
    """A larger sampled configuration is redrawn before training, and not counted."""
    max_macs: Positive | None = None
    """Of multiplications, each with an addition, for one example; as max_parameters."""

    @property
    def size_limits(self) -> dict[str, int]:
        """The limits of a network's size that there are, by what they limit."""
        limits = {"parameters": self.max_parameters, "macs": self.max_macs}
        return {name: limit for name, limit in limits.items() if limit is not None}

    def excess(self, size: Size | None) -> dict[str, str]:
        """The limits that a network is over: "9 parameters, more than budget.max_parameters = 8".

        By what they limit; {}: it is over none, or its size is not known yet (None).
        """
        if size is None:
            return {}
        return {
            name: f"{getattr(size, name)} {name}, more than budget.max_{name} = {limit}"
            for name, limit in self.size_limits.items()
            if getattr(size, name) > limit
        }


class _Sampler(Section):
    """What all samplers share."""

    portfolio: Bool = True
    """Try the configurations of the study's preset first."""


class TPE(_Sampler):
    """Tree-structured Parzen estimator; options as in ``optuna.samplers.TPESampler``."""

    type: Literal["tpe"] = "tpe"
    n_startup_trials: Count = 10
    """Random trials before it learns."""
    cheapest_first: Bool = True
    """Try of the start-up trials (the initial design, at most 100) those first that train fast."""
    n_ei_candidates: Positive = 24
    """Points among which the most promising is chosen."""
    conditional: Bool = False
    """Sample all parameters of a configuration together, also those that only some have; excludes
    ``multivariate`` and ``group``, which are Optuna's own ways."""
    multivariate: Bool | None = None
    """Parameters are sampled jointly; left out: as Optuna chooses."""
    group: Bool = False
    """Sample parameters jointly that occur together in conditional spaces (experimental)."""
    constant_liar: Bool = True
    """Keep workers that run side by side from drawing near one another."""

    @model_validator(mode="after")
    def _one_way(self) -> "TPE":
        if self.conditional and (self.multivariate is not None or self.group):
            raise ValueError(
                "conditional excludes multivariate and group, which are Optuna's own ways; leave"
                " them out"
            )
        return self


class GP(_Sampler):
    """Gaussian process; options as in ``optuna.samplers.GPSampler``. Needs the package torch."""

    type: Literal["gp"] = "gp"
    n_startup_trials: Count = 10
    """As for tpe."""
    cheapest_first: Bool = True
    """As for tpe."""
    deterministic_objective: Bool = False
    """Values are taken as free of noise."""


class QMC(_Sampler):
    """Quasi-random points; options as in ``optuna.samplers.QMCSampler``."""

    type: Literal["qmc"] = "qmc"
    qmc_type: Literal["sobol", "halton"] = "sobol"
    """The sequence."""
    scramble: Bool = True
    """The points are moved at random, by the seed."""


class Random(_Sampler):
    """Independent random points."""

    type: Literal["random"] = "random"


class Grid(_Sampler):
    """Every point of a space that is finite and has no conditional parameters."""

    type: Literal["grid"] = "grid"


class Median(Section):
    """Stop a trial that is worse than the median of the others at the same epoch."""

    type: Literal["median"] = "median"
    n_startup_trials: Count = 3
    """Trials that complete before any is pruned."""
    n_warmup_steps: Count | None = None
    """Epochs in which no trial is pruned; left out: a fifth of ``training.epochs``, rounded up."""
    interval_steps: Positive = 1
    """Epochs from one look to the next."""


class Percentile(Section):
    """As median, but a trial must be in the best ``percentile`` percent."""

    type: Literal["percentile"] = "percentile"
    percentile: Annotated[float, Strict(), Field(ge=0.0, le=100.0)] = 25.0
    """Of the trials, those that go on."""
    n_startup_trials: Count = 5
    """As for median."""
    n_warmup_steps: Count | None = None
    """As for median."""
    interval_steps: Positive = 1
    """As for median."""


class SuccessiveHalving(Section):
    """Asynchronous successive halving; options as in ``SuccessiveHalvingPruner``."""

    type: Literal["successive_halving"] = "successive_halving"
    min_resource: Positive = 1
    """Epochs before the first look."""
    reduction_factor: Annotated[int, Strict(), Field(ge=2)] = 4
    """One of so many trials goes on."""
    min_early_stopping_rate: Count = 0
    """Raises the epochs before the first look."""


class Hyperband(Section):
    """Successive halving in several brackets; ``max_resource`` is ``training.epochs``."""

    type: Literal["hyperband"] = "hyperband"
    min_resource: Positive = 1
    """Epochs before the first look."""
    reduction_factor: Annotated[int, Strict(), Field(ge=2)] = 3
    """One of so many trials goes on."""


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
]


Pruner = Annotated[
    Annotated[Median, Tag("<median>")]
    | Annotated[Hyperband, Tag("<hyperband>")]
    | Annotated[SuccessiveHalving, Tag("<successive_halving>")]
    | Annotated[Percentile, Tag("<percentile>")]
    | Annotated[NoPruner, Tag("<none>")],
    BY_TYPE,
]


AutoCount = Annotated[
    Annotated[Literal["auto"], Tag("<text>")] | Annotated[Positive, Tag("<number>")], BY_SPELLING
]


class TransferSection(Section):
    """``[transfer]``: earlier studies, whose winners are tried first if they lie in the space."""

    studies: tuple[StudyName, ...] | None = None
    """Their names; left out, where the whole space is a preset's and its portfolio is tried, the
    three of the same storage whose data are most alike; an empty list: none. Only a new study
    looks at them."""


class WorkersSection(Section):
    """``[workers]``: how many worker processes this machine starts."""

    count: AutoCount = "auto"
    """As many as ``per_gpu`` gives; without GPUs one for each core, as far as memory goes."""
    per_gpu: AutoCount = "auto"
    """Workers on each GPU: as many as fit, 4 at most."""

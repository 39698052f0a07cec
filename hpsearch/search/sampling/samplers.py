"""Samplers: what each ``[sampler]`` of the study file is in Optuna, and what it is seeded with."""

import importlib.util
import warnings
from collections.abc import Mapping
from functools import partial
from typing import Any

from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, GPSampler, QMCSampler, RandomSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from hpsearch.errors import InputError
from hpsearch.search.sampling.grid import grid_values
from hpsearch.search.sampling.seeds import derive_seed
from hpsearch.search.sampling.view import newest_and_best
from hpsearch.search_sections import GP, QMC, TPE, Grid, Random
from hpsearch.space import Space, suggest_config
from hpsearch.study_file import StudyFile

MEMORY = 1_000
"""Finished trials that TPE learns from, the newest ones; more where it starts after more only. (It
gives old trials less weight by itself.)"""

BEST = 25
"""The best trials of a study, which it learns from however old they are; it never takes more for
good (``optuna.samplers._tpe.sampler.default_gamma``)."""


def make_sampler(
    file: StudyFile, number: int, given: Mapping[str, Any] | None = None
) -> BaseSampler:
    """The sampler for one trial.

    What it draws is a function of the study's seed, the trial's number, the history and, of the
    first trials, the budget that the study began with: not of the worker, so that two workers
    never draw the same random points and one that starts again does not repeat the first points
    of the one before.

    Args:
        file: the study.
        number: the trial's number.
        given: the trial's parameters where they follow from the trials before it: of the initial
            design, or a point of the grid.

    Raises:
        InputError: a grid over a space that is infinite or conditional, or ``gp`` without torch.
    """
    if given:
        return _Given(given)
    seed = derive_seed(file.seed, "sampler", number)
    options = file.sampler.model_dump(exclude={"type", "cheapest_first", "portfolio"})
    with warnings.catch_warnings():
        # QMC is marked experimental, and so is group = true, which a user has to write.
        warnings.simplefilter("ignore", ExperimentalWarning)
        match file.sampler:
            case TPE():
                memory = max(MEMORY, file.sampler.n_startup_trials)
                return _Remembers(_tpe(file.space, seed, options), memory)
            case GP():
                _require_torch()
                return GPSampler(seed=seed, warn_independent_sampling=False, **options)
            case QMC():
                return QMCSampler(
                    # All workers take points of one sequence, so its seed is the study's alone.
                    seed=derive_seed(file.seed, "sequence"),
                    independent_sampler=RandomSampler(seed=seed),
                    warn_independent_sampling=False,
                    **options,
                )
            case Random():
                return RandomSampler(seed=seed)
            case Grid():
                if file.budget.size_limits:
                    raise InputError(
                        'sampler.type = "grid": cannot leave out points by'
                        " budget.max_parameters or max_macs; take that out and make the space"
                        " smaller"
                    )
                grid_values(file.space)
                return RandomSampler(seed=seed)  # of what was enqueued in part; others have a point


def _tpe(space: Space, seed: int, options: dict[str, Any]) -> BaseSampler:
    """Optuna's, or the one that knows the tree of the space's conditions."""
    if not options.pop("conditional"):
        return TPESampler(seed=seed, **options)
    from hpsearch.search.sampling.conditional import ConditionalTPESampler  # noqa: PLC0415  # SciPy

    of_optuna = ("multivariate", "group")
    options = {key: value for key, value in options.items() if key not in of_optuna}
    return ConditionalTPESampler(partial(suggest_config, space), seed, **options)


def check_sampler(file: StudyFile, where: str) -> None:
    """Make sure that the sampler can work on the space.

    Args:
        file: the study.
        where: what it was read from, for the message.

    Raises:
        InputError: it cannot, as :func:`make_sampler` says.
    """
    try:
        make_sampler(file, 0)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def _require_torch() -> None:
    if importlib.util.find_spec("torch") is None:
        raise InputError(
            'sampler.type = "gp" needs the package torch; pip install torch, or use "tpe"'
        )


class _Given(BaseSampler):
    """Gives a trial the parameters that were drawn for it ahead."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        """Args: all parameters of the trial."""
        self._params = params

    def infer_relative_search_space(self, *_: Any) -> dict[str, Any]:
        """Nothing: every parameter is given by itself."""
        return {}

    def sample_relative(self, *_: Any) -> dict[str, Any]:
        """Nothing, as above."""
        return {}

    def sample_independent(self, _study: Any, _trial: Any, name: str, _distribution: Any) -> Any:
        """The given value."""
        return self._params[name]


class _Remembers(BaseSampler):
    """A sampler of one trial that looks at the study once, and at no more than it can use.

    TPE by itself reads the running trials anew for every parameter that only some configurations
    have, and sorts and weighs all trials: at 10,000 a second per trial.
    """

    def __init__(self, sampler: BaseSampler, memory: int) -> None:
        """Args: the sampler; the finished trials, the newest ones, that it sees."""
        self._sampler, self._memory = sampler, memory
        self._seen: Study | None = None

    def _see(self, study: Study) -> Study:
        if self._seen is None:
            self._seen = newest_and_best(study, self._memory, BEST)
        return self._seen

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, Any]:
        """As the sampler, of what is seen."""
        return self._sampler.infer_relative_search_space(self._see(study), trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, Any]
    ) -> dict[str, Any]:
        """As the sampler, from what is seen."""
        return self._sampler.sample_relative(self._see(study), trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: Any
    ) -> Any:
        """As the sampler, from what is seen."""
        return self._sampler.sample_independent(
            self._see(study), trial, param_name, param_distribution
        )

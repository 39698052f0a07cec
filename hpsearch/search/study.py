"""An open study: what is known of it."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.trial import FrozenTrial

from hpsearch.config import TrialConfig
from hpsearch.data.tables.shape import TableShape
from hpsearch.networks.network import Size
from hpsearch.recipe import Recipe, computing_in
from hpsearch.search import attributes as attr
from hpsearch.search.sampling.grid import grid_point
from hpsearch.search.sampling.initial_design import design_size
from hpsearch.search.shapes import Precision
from hpsearch.search.storage import Counts, Storage, TrialSummary
from hpsearch.search_sections import BudgetSection, Grid
from hpsearch.study_file import StudyFile, differences


@dataclass(frozen=True, kw_only=True)
class OpenStudy:
    """A study of the storage: Optuna's, with the study file that it was started from."""

    optuna: optuna.Study
    storage: Storage
    file: StudyFile
    study_id: int
    created: str
    """When it was made, in UTC, as ISO 8601; of one from before that was written down, "None"."""

    @property
    def name(self) -> str:
        """The study's name."""
        return self.file.name

    @property
    def key(self) -> str:
        """A name for the study's files where those of other storages are too.

        It goes with the study to another storage (``hpsearch storage copy``).
        """
        return f"{self.name}-{hashlib.sha256(self.created.encode()).hexdigest()[:8]}"

    @property
    def made(self) -> str | None:
        """When it was made, to the second; None where that was not written down yet."""
        return None if self.created == "None" else re.sub(r"\.\d+", "", self.created)

    @property
    def budget(self) -> BudgetSection:
        """The budget as it stands now; a ``run`` elsewhere may have raised it meanwhile."""
        return self.budget_of(self.optuna.user_attrs)

    def budget_of(self, attributes: Mapping[str, Any]) -> BudgetSection:
        """The budget by the study's user attributes, which were just read."""
        stored = attributes.get(attr.BUDGET_KEY)
        return self.file.budget if stored is None else BudgetSection.model_validate(stored)

    @property
    def data(self) -> dict[str, Any]:
        """The facts of its data (``hpsearch.data.facts``); empty where it knows of none."""
        return dict(self.optuna.user_attrs.get(attr.DATASET_KEY) or {})

    @property
    def precision(self) -> Precision | None:
        """What its precision "auto" has become; None while no worker has measured it."""
        stored = self.optuna.user_attrs.get(attr.PRECISION_KEY)
        return None if stored is None else Precision.model_validate(stored)

    @property
    def computes_in(self) -> str:
        """The precision of its trials; "auto" while no worker has measured it."""
        given = self.file.training.precision
        if given != "auto" or (found := self.precision) is None:
            return given
        return found.chosen

    def recipe(self, config: TrialConfig, seed: int, provenance: Mapping[str, Any]) -> Recipe:
        """The recipe that trains ``config`` as its trials are trained."""
        recipe = self.file.recipe(config, seed, provenance)
        training = computing_in(recipe.training, self.computes_in)
        return recipe.model_copy(update={"training": training})

    @property
    def is_closed(self) -> bool:
        """Whether only trials that were put into it run (see ``hpsearch.search.confirmation``)."""
        return bool(self.optuna.user_attrs.get(attr.CLOSED_KEY))

    @property
    def shift(self) -> int:
        """How many trials the studies had that this one was forked from.

        Samplers count on from there, or they would draw again what is taken over.
        """
        return int(self.optuna.user_attrs.get(attr.FORKED_KEY, {}).get("shift", 0))

    @property
    def first_trials(self) -> list[dict[str, Any]]:
        """The initial design: the parameters of the first trials that are sampled, in order."""
        return list(self.optuna.user_attrs.get(attr.FIRST_KEY, ()))[: design_size(self.file)]

    def given(self, number: int) -> dict[str, Any] | None:
        """The parameters that follow from the trials before a trial; None where a sampler draws.

        They are of the initial design, or a point of the grid. Nobody can change any more what they
        follow from, so that workers never take the same, and whoever goes on for a trial that was
        cut off while it got them knows them. What was enqueued has none.
        """
        if isinstance(self.file.sampler, Grid):
            before = self.trials()[: number + 1]
            own = before.pop()
            return (
                None
                if attr.FIXED_KEY in own.system_attrs
                else grid_point(self.file, before, number)
            )
        first = self.first_trials
        numbers = self.storage.first_sampled(self.study_id, len(first))
        return dict(zip(numbers, first, strict=False)).get(number)

    def trials(self) -> list[FrozenTrial]:
        """All trials, by number. Finished ones are read once; do not change them."""
        return self.optuna.get_trials(deepcopy=False)

    def trial_summaries(self) -> list[TrialSummary]:
        """The summaries of all trials, by number; none of the trials is read for it."""
        return self.storage.trial_summaries(self.study_id)

    def counts(self) -> Counts:
        """How many trials are in which state."""
        return self.storage.counts(self.study_id)

    def trial_id(self, number: int) -> int:
        """The storage's key of trial ``number``."""
        return self.storage.get_trial_id_from_study_id_trial_number(self.study_id, number)

    def stay(self) -> None:
        """Have its storage refuse from now on whatever study has its key after it.

        It is for processes that go on for long: the study may be deleted meanwhile, and SQLite
        gives its key to the next one that is made.
        """
        self.storage.expect(self.study_id, self.name, self.created)


def size_of(config: TrialConfig, dataset: Mapping[str, Any]) -> Size | None:
    """What a configuration's network takes on a data set of which the facts are given; None: it is
    known only when the network is built.
    """
    table = dataset.get("table")
    shape = tuple(dataset["input_shape"]) if table is None else TableShape(**table)
    return config.network.size(shape, len(dataset["class_names"]) or 1)


def unlike(
    found: OpenStudy, file: StudyFile, dataset: Mapping[str, Any], keys: Sequence[str]
) -> str:
    """What of a study is other in a study file and its data, one line each; empty: nothing.

    Args:
        found: the study.
        file: the study file.
        dataset: the facts of its data.
        keys: the keys of the file that are compared.
    """
    changed = differences(found.file, file, keys)
    then, now = (str(facts.get("fingerprint")) for facts in (found.data, dataset))
    if then != now:
        place = f" in {file.dataset.path}" if file.dataset.path else ""
        changed.append(f"the data itself{place} (fingerprint {then[:12]} -> {now[:12]})")
    return "".join(f"\n  {line}" for line in changed)

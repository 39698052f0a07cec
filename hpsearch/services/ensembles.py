"""The ensemble of a study where it is used: its members with their weights, and judging it."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hpsearch.data.dataset import Dataset, open_test, record_result
from hpsearch.data.drawing import split
from hpsearch.data.parts import Parts
from hpsearch.data.record import Access
from hpsearch.ensembles import Gain, Library, gain_of
from hpsearch.errors import InputError
from hpsearch.home import Home
from hpsearch.outputs.test_access import remember
from hpsearch.recipe import Recipe
from hpsearch.search import trials
from hpsearch.search.ensemble import ENSEMBLE, ensemble_of, name_of
from hpsearch.search.lookup import confirmation_studies
from hpsearch.search.recipes import trial_seed
from hpsearch.search.shapes import Ensemble, EnsembleMember
from hpsearch.search.study import OpenStudy
from hpsearch.services.models import Model, kept_model
from hpsearch.tasks.answers import logits_of
from hpsearch.tasks.evaluating import AnyEvaluation, evaluate
from hpsearch.tasks.metric import Metric
from hpsearch.text import plural
from hpsearch.training.ensemble import Member


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """The ensemble of a study, with the trained networks of its members."""

    ensemble: Ensemble
    models: tuple[Model, ...]
    """In the order of its members."""
    is_refit: bool = False
    """Whether they were trained again, on training and validation examples."""

    @property
    def what(self) -> str:
        """How a reader is told of it."""
        again = ", trained again on training and validation examples" if self.is_refit else ""
        return f"the ensemble of {plural(len(self.models), 'network')}{again}"

    def members(self, parts_of: Callable[[Recipe, Path], Parts]) -> list[Member]:
        """The networks with their data.

        Args:
            parts_of: the data of a recipe, whose weights are in a file; members whose data are the
                same share them.
        """
        known: dict[str, Parts] = {}
        found = []
        for model, member in zip(self.models, self.ensemble.members, strict=True):
            section = model.recipe.dataset.model_dump_json()
            if section not in known:
                known[section] = parts_of(model.recipe, model.weights)
            found.append(
                Member(
                    recipe=model.recipe,
                    parts=known[section],
                    weights=model.weights,
                    share=member.weight,
                )
            )
        return found


def chosen_ensemble(study: OpenStudy, place: Home, *, trained: bool = True) -> Chosen:
    """The ensemble of a study, with weights that are here.

    Args:
        study: the study.
        place: the home.
        trained: whether the weights are needed; else they may be gone.

    Raises:
        InputError: none was chosen, or some of its members are not here any more.
    """
    ensemble = ensemble_of(study)
    if ensemble is None:
        raise InputError(
            f"study {study.name}: no ensemble is chosen yet; run hpsearch ensemble {study.name}"
            " first"
        )
    runs = next(iter(confirmation_studies(study)), None)
    models = list[Model]()
    for member in ensemble.members:
        model = _model(runs if member.is_run else study, member, place)
        if model is None:
            raise InputError(
                f"study {study.name}: {name_of(member)}, a member of its ensemble, is gone; choose"
                f" another one: hpsearch ensemble {study.name}"
            )
        if trained and not model.weights.is_file():
            raise InputError(
                f"{model.weights}: does not exist, and {name_of(member)} is a member of the"
                f" ensemble of study {study.name}; choose another one (hpsearch ensemble"
                f" {study.name}), or repeat this command on the machine that has the file (--home)"
            )
        models.append(model)
    return Chosen(ensemble=ensemble, models=tuple(models))


def _model(study: OpenStudy | None, member: EnsembleMember, place: Home) -> Model | None:
    """The network of a member; None where its trial is not there, or is another one by now."""
    if study is None or member.trial >= study.storage.get_n_trials(study.study_id):
        return None
    trial = trials.find(study, member.trial)
    if not trials.is_complete(trial) or trial_seed(study, trial) != member.seed:
        return None
    return kept_model(study, trial, place)


@dataclass(frozen=True, kw_only=True)
class JudgedEnsemble:
    """What the ensemble of a study achieves on the test split."""

    ensemble: Ensemble
    is_refit: bool
    """Whether its networks were trained again, on training and validation examples."""
    result: AnyEvaluation
    single: str
    """What it is compared with, in words: one trained network."""
    beside: AnyEvaluation
    """What that one achieves there."""
    gain: Gain
    """By how much it is better there than that one, in the objective's metric."""
    metric: Metric

    def plain(self) -> dict[str, Any]:
        """The results as JSON."""
        gain = self.gain
        return {
            "members": [one.model_dump(mode="json") for one in self.ensemble.members],
            "chosen": self.ensemble.date,
            "refit": self.is_refit,
            "parameters": self.ensemble.cost.parameters,
            "test": dataclasses.asdict(self.result),
            "compared_with": self.single,
            "metric": self.metric.name,
            "gain": {"value": gain.value, "interval": [gain.low, gain.high]},
        }


@dataclass(frozen=True, kw_only=True)
class Single:
    """One trained network that was judged on the test split."""

    model: Model
    name: str
    """What it is, in words."""
    result: AnyEvaluation


def judge_ensemble(
    study: OpenStudy, dataset: Dataset, chosen: Chosen, single: Single
) -> JudgedEnsemble:
    """Open the test split for an ensemble, judge it beside one network, and record it.

    Args:
        study: whose ensemble.
        dataset: its data.
        chosen: the ensemble.
        single: what it is compared with.
    """
    from hpsearch.training.averaging import of_ensemble  # noqa: PLC0415  # imports TensorFlow
    from hpsearch.training.predicting import of_network  # noqa: PLC0415  # likewise

    access = Access(
        opened_by=f"evaluate {study.name}{' --refit' if chosen.is_refit else ''} --ensemble",
        study=study.name,
        of=ENSEMBLE,
        seeds=tuple(model.seed for model in chosen.models),
    )
    alone = single.model
    parts = split(dataset, alone.recipe.dataset)
    asked = (
        of_ensemble(chosen.members(lambda recipe, _: split(dataset, recipe.dataset))),
        of_network(alone.recipe, parts, alone.weights),
    )
    x, y = open_test(dataset, access)
    remember(study, access)
    answers = np.stack([np.asarray(ask(x)) for ask in asked])
    metric, task = study.file.objective.measure, study.file.task
    outputs = answers[0] if parts.target is not None else logits_of(answers[0])
    result = evaluate(task, y, outputs, parts.class_names)
    kept = {key: [getattr(result, key)] for key in task.recorded}
    record_result(dataset, access, kept)
    remember(study, access, kept)
    library = Library(answers=answers, y=y, metric=metric, target=parts.target)
    return JudgedEnsemble(
        ensemble=chosen.ensemble,
        is_refit=chosen.is_refit,
        result=result,
        single=single.name,
        beside=single.result,
        gain=gain_of(library, *answers),
        metric=metric,
    )

"""Choosing an ensemble: which of a study's trained networks to average, by validation alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from hpsearch import __version__
from hpsearch.data.arrays import Progress as Steps
from hpsearch.data.dataset import Dataset
from hpsearch.data.drawing import Splits
from hpsearch.data.parts import Parts
from hpsearch.data.section import Folds
from hpsearch.ensembles import (
    BAGS,
    ROUNDS,
    Gain,
    Library,
    Weights,
    choose,
    gain_of,
)
from hpsearch.errors import InputError
from hpsearch.home import Home
from hpsearch.outputs.leftovers import KEEP, weights_file
from hpsearch.search import trials
from hpsearch.search.attributes import OF_KEY
from hpsearch.search.confirmation import is_run, refuse_confirmation_study, results
from hpsearch.search.ensemble import keep_ensemble, plain
from hpsearch.search.lookup import confirmation_studies, load_study
from hpsearch.search.moving import move_data
from hpsearch.search.sampling.seeds import derive_seed
from hpsearch.search.shapes import Ensemble, EnsembleCost, EnsembleMember, Kind
from hpsearch.search.study import OpenStudy
from hpsearch.services.judging import check_value, loading
from hpsearch.services.models import Model, kept_model
from hpsearch.services.progress import Progress
from hpsearch.services.workspace import Workspace
from hpsearch.study_file import load_dataset_override
from hpsearch.tasks import METRICS
from hpsearch.tasks.metric import Metric
from hpsearch.text import plural
from hpsearch.training.ensemble import Cost, Member
from hpsearch.training.start import start_tensorflow
from hpsearch.workers.by_hand import settle_device
from hpsearch.workers.identity import device
from hpsearch.workers.worker import open_study_data

if TYPE_CHECKING:  # which imports TensorFlow
    from hpsearch.training.averaging import Validated

MOST = 10
"""How many members an ensemble has at most, unless told otherwise."""


@dataclass(frozen=True, kw_only=True)
class Ensembled:
    """The ensemble that was chosen."""

    study: str
    metric: Metric
    ensemble: Ensemble

    def plain(self) -> dict[str, Any]:
        """The ensemble as JSON."""
        return {"study": self.study, **plain(self.ensemble)}


def ensemble(
    study: str,
    workspace: Workspace,
    progress: Progress,
    *,
    most: int | None = MOST,
    overrides: Sequence[str] = (),
) -> Ensembled:
    """Choose an ensemble from a study's trained networks, and keep the choice in the study.

    They are those whose weights are kept: the search's best trials, and the confirmation runs but
    refits. With folds each is asked about the examples that its folds have not seen.

    Args:
        study: its name.
        workspace: home and storage.
        progress: shows how far it is.
        most: how many members it may have, from 2; None: any number.
        overrides: ``dataset.path=PATH``, where the data are elsewhere than before.

    Raises:
        InputError: an unknown study, a confirmation study, fewer than two networks whose weights
            are here, or other data.
        NoTrialError: no trial of the study completed.
    """
    if most is not None and most < 2:
        raise InputError(f"members = {most}: an ensemble has two at least")
    with workspace.opened() as opened:
        found = load_study(opened, study)
        refuse_confirmation_study(found)
        models = candidates(found, workspace.home, progress)
        workspace.record(found)
        section = load_dataset_override(found.file, overrides)
        with progress.steps() as report:
            dataset = open_study_data(found, section, workspace.home, report)
        if overrides:  # only now: other data are refused
            move_data(found, section.path)
        settle_device()
        progress.say("TensorFlow takes a few seconds to start.")
        start_tensorflow()
        asked = _asked(found, dataset, models, progress)
        library = _library(found, asked)
        with progress.steps() as report:
            choice = _choose(library, found.file.seed, most, report)
        progress.say("Measuring how long the ensemble takes, and the best of them alone.")
        chosen = _described(library, asked, choice)
        keep_ensemble(found, chosen)
    return Ensembled(study=study, metric=library.metric, ensemble=chosen)


def candidates(study: OpenStudy, place: Home, progress: Progress) -> list[Model]:
    """The networks of a study whose weights are here: best trials first, then confirmation runs.

    Raises:
        InputError: there are fewer than two.
        NoTrialError: no trial of the study completed.
    """
    trials.best(study)  # says what is wrong where there is none
    metric = study.file.objective.metric
    if metric not in METRICS:
        raise InputError(
            f"study {study.name}: objective.metric = {metric} is your model's own, and an ensemble"
            f" is chosen by a metric that hpsearch computes: {', '.join(study.file.task.metrics)}"
        )
    ranked = trials.ranked(study.trials(), study.file.objective.measure)
    known = [
        kept_model(study, trial, place)
        for rank, trial in enumerate(ranked)
        # Of others the weights may be here, as members of an earlier ensemble.
        if rank < KEEP or weights_file(place, study.name, trial.number).is_file()
    ]
    has_folds = isinstance(study.file.dataset.validation, Folds)
    for runs in confirmation_studies(study):
        apart = [] if has_folds else _runs(study, runs, Kind.SPLIT)
        if apart:
            progress.say(
                f"Left out: {plural(len(apart), 'confirmation run')} with new validation splits,"
                " which were trained on validation examples of the others."
            )
        kinds = [Kind.SEED, Kind.SPLIT] if has_folds else [Kind.SEED]
        known += [
            kept_model(runs, run, place) for kind in kinds for run in _runs(study, runs, kind)
        ]
    here = [model for model in known if model.weights.is_file()]
    if len(here) < 2:
        raise InputError(
            f"study {study.name}: {len(here) or 'none'} of its {plural(len(known), 'network')} has"
            f" weights in {place.root}, and an ensemble needs two. A search keeps those of its five"
            " best trials, a confirmation study those of all its runs, on the machine that trained"
            f" them (--home). To train more: hpsearch confirm {study.name}"
        )
    return here


def _runs(study: OpenStudy, runs: OpenStudy, kind: Kind) -> list[trials.Trial]:
    """The complete confirmation runs of a kind, in the order of their numbers."""
    found = results(study, runs, kind=kind)
    every = [run for by_seed in found.values() for run in by_seed.values()]
    return sorted(every, key=lambda run: run.number)


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """A network that was asked about the validation examples."""

    model: Model
    parts: Parts
    said: "Validated"


def _asked(
    study: OpenStudy, dataset: Dataset, models: Sequence[Model], progress: Progress
) -> list[_Asked]:
    """Ask all networks; those whose weights are not what they are taken for are left out.

    Raises:
        InputError: fewer than two are left.
    """
    splits, found = Splits(dataset), list[_Asked]()
    with progress.steps() as report:
        for number, model in enumerate(models):
            report("asking networks", number, len(models))
            parts = splits(model.recipe.dataset)
            try:
                one = _Asked(model=model, parts=parts, said=_said(model, parts))
            except InputError as error:
                progress.say(f"warning: left out: {error}")
                continue
            if found and not np.array_equal(one.said.rows, found[0].said.rows):
                progress.say(
                    f"warning: left out: {model.weights}: its validation examples are others"
                )
                continue
            found.append(one)
        report("asking networks", len(models), len(models))
    if len(found) < 2:
        raise InputError(
            f"study {study.name}: {len(found) or 'none'} of {len(models)} networks can be used, and"
            f" an ensemble needs two; to train more: hpsearch confirm {study.name}"
        )
    return found


def _said(model: Model, parts: Parts) -> "Validated":
    """What a network says of validation examples; it must come to what its training gave."""
    from hpsearch.training.averaging import validated_answers  # noqa: PLC0415  # TensorFlow

    with loading(model.weights):
        said = validated_answers(model.recipe, parts, model.weights)
    now = said.values[model.recipe.objective.metric]
    check_value(model.recipe, parts, model.weights, model.value, now)
    return said


def _library(study: OpenStudy, asked: Sequence[_Asked]) -> Library:
    first = asked[0]
    return Library(
        answers=np.stack([one.said.answers for one in asked]),
        y=first.said.y,
        metric=study.file.objective.measure,
        target=first.parts.target,
    )


@dataclass(frozen=True, kw_only=True)
class _Choice:
    """An ensemble by the places of its members among the candidates."""

    weights: Weights
    gain: Gain
    most: int | None
    seed: int


def _choose(library: Library, of_study: int, most: int | None, report: Steps) -> _Choice:
    """The weights of the ensemble, and what it adds to the best model alone."""
    done, seed = 0, derive_seed(of_study, "ensemble", 0)

    def tick() -> None:
        nonlocal done
        done += 1
        report("choosing members", done, BAGS)

    weights = choose(library, seed, most, tick)
    best = library.answers[library.ranked()[0]]
    gain = gain_of(library, library.average(weights), best)
    return _Choice(weights=weights, gain=gain, most=most, seed=seed)


def _described(library: Library, asked: Sequence[_Asked], choice: _Choice) -> Ensemble:
    """All that is kept of an ensemble, its cost measured."""
    best, weights, gain = library.ranked()[0], choice.weights, choice.gain
    used = [place for place in np.argsort(-weights, kind="stable").tolist() if weights[place]]
    return Ensemble(
        members=[_member(asked[place].model, float(weights[place])) for place in used],
        metric=library.metric.name,
        value=library.value(library.average(weights)),
        single=_member(asked[best].model, 1.0),
        single_value=library.value(library.answers[best]),
        gain=gain.value,
        gain_low=gain.low,
        gain_high=gain.high,
        cost=_cost(asked, used, weights),
        single_cost=_cost(asked, [best], np.ones_like(weights)),
        device=device(),
        candidates=library.models,
        examples=len(library.y),
        most=choice.most,
        bags=BAGS,
        rounds=ROUNDS,
        seed=choice.seed,
        version=__version__,
        date=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _member(model: Model, weight: float) -> EnsembleMember:
    trial = model.trial
    of = str(trial.user_attrs[OF_KEY]) if is_run(trial) else str(trial.number)
    return EnsembleMember(
        of=of,
        trial=trial.number,
        is_run=is_run(trial),
        seed=model.seed,
        weight=min(weight, 1.0),
        value=model.value,
    )


def _cost(asked: Sequence[_Asked], used: Sequence[int], weights: Weights) -> EnsembleCost:
    """The cost of some networks together."""
    from hpsearch.training.averaging import cost_of  # noqa: PLC0415  # imports TensorFlow

    members = [
        Member(
            recipe=asked[place].model.recipe,
            parts=asked[place].parts,
            weights=asked[place].model.weights,
            share=float(weights[place]),
        )
        for place in used
    ]
    part = asked[0].parts.validation
    cost: Cost = cost_of(members, part.x[part.rows[:256]])
    return EnsembleCost(
        parameters=cost.parameters, one=cost.one, batch=cost.batch, examples=cost.examples
    )

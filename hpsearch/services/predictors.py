"""Predictors: what a user may name to predict with, from a study to a model that was exported."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from hpsearch.data.inputs import read_inputs
from hpsearch.data.parts import Parts
from hpsearch.data.section import Folds
from hpsearch.data.tables.column import Column
from hpsearch.data.tables.fitted import Tabular
from hpsearch.errors import InputError
from hpsearch.files import is_saved_model
from hpsearch.formats import SUFFIXES, read_file
from hpsearch.home import INPUTS, RECIPE, WEIGHTS, Home
from hpsearch.outputs.trainings import trained_alike
from hpsearch.parsing import parse
from hpsearch.recipe import Recipe
from hpsearch.search.study import OpenStudy
from hpsearch.services.forms import trained_on
from hpsearch.services.new_rows import Takes
from hpsearch.services.progress import Progress
from hpsearch.services.refit import ensemble_to_use
from hpsearch.services.single import Chosen, check_choice, model_of, model_of_recipe
from hpsearch.services.workspace import Workspace
from hpsearch.training.ensemble import Member
from hpsearch.training.start import start_tensorflow
from hpsearch.training.written import (
    Form,
    classes_file,
    is_classes,
    is_model,
    read_signature,
    signature_file,
)

if TYPE_CHECKING:  # what is behind it imports TensorFlow
    from hpsearch.training import opened

Answer: TypeAlias = "opened.Answer"
"""Examples to probabilities or predictions."""


@dataclass(frozen=True, kw_only=True)
class Predictor:
    """A trained network, or a model that was exported."""

    what: str
    """In words."""
    takes: Takes
    class_names: tuple[str, ...]
    """By label; of a regression none."""
    load: Callable[[], Answer]
    """Builds it; TensorFlow is started where it was not."""


def find_predictor(
    what: str,
    workspace: Workspace,
    progress: Progress,
    *,
    trial: int | None = None,
    ensemble: bool = False,
    refit: bool = False,
) -> Predictor:
    """The predictor that a user names.

    Args:
        what: a .keras file or the folder of a SavedModel that ``hpsearch export`` wrote; the folder
            that ``hpsearch train -o`` left; a recipe, of which a training is looked for in the
            home; a study by its name or its file, of which it is what ``hpsearch export`` takes:
            the confirmed winner, or, where nothing is confirmed, the best trial.
        workspace: home and storage.
        progress: is told what takes long.
        trial: of a study another trial's number.
        ensemble: of a study its ensemble. It is never taken unasked: it costs several times as
            much, and what it adds may be noise.
        refit: of a study its winner or ensemble as ``hpsearch refit`` trained it.

    Raises:
        InputError: nothing of that name, or no weights of it are here.
        NoTrialError: no trial of the study completed.
        UnreachableError: files that cannot be read.
    """
    check_choice(trial=trial, ensemble=ensemble, refit=refit)
    option = "--ensemble" if ensemble else "--refit" if refit else None
    option = option if trial is None else f"--trial {trial}"
    path = Path(what)
    form = _form(path)
    if form is not None:
        _refuse_option(option, what)
        return _of_model(path, form)
    if (path / RECIPE).is_file():
        _refuse_option(option, what)
        return _of_chosen(_of_folder(path), workspace.home, progress)
    if path.suffix in SUFFIXES and path.is_file():
        table = read_file(path)
        if "config" in table or path.suffix != ".toml":
            _refuse_option(option, what)
            return _of_chosen(_of_recipe(path, workspace), workspace.home, progress)
        what = str(table.get("name", what))
    elif path.is_file() or os.sep in what or path.suffix == ".keras":
        raise InputError(_nothing(what, path))
    with workspace.study(what) as study:
        if ensemble:
            return _of_ensemble(study, workspace.home, progress, refit=refit)
        chosen = model_of(study, workspace.home, trial, refit=refit)
    chosen = replace(chosen, what=f"study {what}, {chosen.what}")
    return _of_chosen(chosen, workspace.home, progress)


def is_trained(what: str) -> bool:
    """Whether a user names a model, or the folder of a training: no study is looked for then."""
    path = Path(what)
    return _form(path) is not None or (path / RECIPE).is_file()


def _form(path: Path) -> Form | None:
    """The form of a model that is there; None: there is none."""
    if path.suffix == ".keras" and path.is_file():
        return "keras"
    return "saved_model" if is_saved_model(path) else None


def _refuse_option(option: str | None, what: str) -> None:
    if option is not None:
        raise InputError(f"{option}: is of a study, and {what} is one training; leave it out")


def _nothing(what: str, path: Path) -> str:
    """Why a name means nothing."""
    says = "is no study, recipe or model" if path.exists() else "no such file or folder"
    return (
        f"{what}: {says}; give the name of a study (hpsearch ls), a recipe, the folder of hpsearch"
        " train -o, or a model that hpsearch export wrote (.keras, or the folder of a SavedModel)"
    )


def _of_folder(folder: Path) -> Chosen:
    """What ``hpsearch train`` left in a folder."""
    recipe = parse(Recipe, read_file(folder / RECIPE), str(folder / RECIPE))
    weights = folder / WEIGHTS
    if not weights.is_file():
        raise InputError(
            f"{weights}: is not there, so the training did not end; to train it again: hpsearch"
            f" train {folder / RECIPE} -o {folder}"
        )
    what = f"the training in {folder}, seed {recipe.seed}"
    return Chosen(recipe=recipe, what=what, weights=weights, option="")


def _of_recipe(file: Path, workspace: Workspace) -> Chosen:
    """A training of a recipe: beside it, of the study that it is from, or in the home."""
    if file.name == RECIPE and file.with_name(WEIGHTS).is_file():
        return _of_folder(file.parent)
    recipe = parse(Recipe, read_file(file), str(file))
    name = recipe.provenance.get("study")
    if isinstance(name, str):
        with suppress(InputError), workspace.study(name) as study:
            chosen = model_of_recipe(study, workspace.home, recipe)
            if chosen is not None:
                return replace(chosen, what=f"study {name}, {chosen.what}")
    for own, weights in trained_alike(workspace.home, recipe):
        what = f"{file}, as hpsearch train trained it with seed {own.seed}"
        return Chosen(recipe=own, what=what, weights=weights, option="")
    raise InputError(
        f"{file}: no training of this recipe is here; train it (hpsearch train {file}) and repeat"
        " this command, both with the same --home, or give the folder of hpsearch train -o"
    )


def _of_chosen(chosen: Chosen, home: Home, progress: Progress) -> Predictor:
    """A network with its weights."""
    recipe, weights = chosen.recipe, chosen.weights
    assert weights is not None  # noqa: S101  # or it was refused
    parts = _inputs_of(recipe, weights, home, progress)
    return Predictor(
        what=chosen.what,
        takes=_takes(recipe, parts),
        class_names=parts.class_names,
        load=partial(_network, recipe, parts, weights),
    )


def _of_ensemble(study: OpenStudy, home: Home, progress: Progress, *, refit: bool) -> Predictor:
    """The ensemble of a study."""
    chosen = ensemble_to_use(study, home, refit=refit)
    members = chosen.members(lambda recipe, weights: _inputs_of(recipe, weights, home, progress))
    first = members[0]
    return Predictor(
        what=f"study {study.name}, {chosen.what}",
        takes=_takes(first.recipe, first.parts),
        class_names=first.parts.class_names,
        load=partial(_ensemble, members),
    )


def _takes(recipe: Recipe, parts: Parts) -> Takes:
    """What the network of a recipe takes."""
    return Takes(
        columns=parts.transform.columns if isinstance(parts.transform, Tabular) else (),
        shape=parts.input_shape,
        dtype=parts.train.x.dtype.name,
        section=recipe.dataset,
    )


def _inputs_of(recipe: Recipe, weights: Path, home: Home, progress: Progress) -> Parts:
    """What a network depends on, as it was noted beside its weights; else by its data."""
    kept = read_inputs(weights.with_name(INPUTS))
    validation = recipe.dataset.validation
    has_folds = isinstance(validation, Folds) and not recipe.dataset.include_validation
    if kept is not None and (len(kept.folds) > 1) == has_folds:
        return kept
    return trained_on(recipe, weights, home, progress)


def _network(recipe: Recipe, parts: Parts, weights: Path) -> Answer:
    start_tensorflow()
    from hpsearch.training.predicting import of_network  # noqa: PLC0415  # imports TensorFlow

    return of_network(recipe, parts, weights)


def _ensemble(members: Sequence[Member]) -> Answer:
    start_tensorflow()
    from hpsearch.training.averaging import of_ensemble  # noqa: PLC0415  # imports TensorFlow

    return of_ensemble(members)


def _of_model(path: Path, form: Form) -> Predictor:
    """A model that was exported; what it takes is beside it, or, of arrays, in itself."""
    if not is_model(path, form):
        raise InputError(f"{path}: is no model that hpsearch export wrote; export it again")
    told = read_signature(signature_file(path, form))
    names = {} if told is None else {one.column or "": one.name for one in told.inputs}
    if told is None or "" in names:
        asked = _asked(path, form)
        shape, dtype = asked.inputs.get("inputs", (None, ""))
        if shape is None:
            raise _without(signature_file(path, form))
        return Predictor(
            what=f"the model {path}",
            takes=Takes(shape=shape, dtype=dtype),
            class_names=_class_names(path, form) if told is None else told.class_names,
            load=lambda: asked.answer,
        )
    columns = tuple(
        Column(name=one.column, kind=one.kind, date_format=one.date_format) for one in told.inputs
    )

    def load() -> Answer:
        asked = _asked(path, form)

        def answer(x: "opened.Examples") -> npt.NDArray[np.floating]:
            assert isinstance(x, Mapping)  # noqa: S101  # as the predictor takes them
            return asked.answer({names[name]: values for name, values in x.items()})

        return answer

    return Predictor(
        what=f"the model {path}",
        takes=Takes(columns=columns, is_raw=True),
        class_names=told.class_names,
        load=load,
    )


def _asked(path: Path, form: Form) -> "opened.Asked":
    start_tensorflow()
    from hpsearch.training.opened import of_model  # noqa: PLC0415  # imports TensorFlow

    return of_model(path, form)


def _class_names(path: Path, form: Form) -> tuple[str, ...]:
    """The names of a model's classes, as they are beside it."""
    file = classes_file(path, form)
    if not is_classes(file):
        raise _without(file)
    return tuple(json.loads(file.read_text(encoding="utf-8")))


def _without(file: Path) -> InputError:
    return InputError(
        f"{file}: is not there, or is not what export writes beside the model; move them together,"
        " or export the model again"
    )

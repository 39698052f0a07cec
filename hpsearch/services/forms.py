"""The forms that ``export`` writes, each read back."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from hpsearch.data.cache import find_dataset
from hpsearch.data.dataset import Dataset
from hpsearch.data.drawing import split
from hpsearch.data.inputs import read_inputs
from hpsearch.data.parts import Part, Parts
from hpsearch.data.section import resolve_path
from hpsearch.errors import HpsearchError, InputError, ProgramError
from hpsearch.files import check_writable, made_beside, utf8
from hpsearch.formats import read_file
from hpsearch.home import INPUTS, Home
from hpsearch.parsing import parse
from hpsearch.recipe import Recipe, dump
from hpsearch.script import arrays
from hpsearch.script.names import check_names
from hpsearch.script.script import script
from hpsearch.services.data import opened_data
from hpsearch.services.overwriting import Form, refuse_to_replace
from hpsearch.services.progress import Progress
from hpsearch.training.start import start_tensorflow
from hpsearch.training.written import (
    classes_file,
    signature,
    signature_file,
    target_name,
    write_beside,
)

_ENDINGS: dict[str, Form] = {
    ".toml": "recipe",
    ".json": "recipe",
    ".yaml": "recipe",
    ".yml": "recipe",
    ".py": "script",
    ".keras": "keras",
    "": "saved_model",
}
_CHOICES = (
    "use a name that ends in .toml, .json or .yaml (a recipe), .py (a Keras script) or .keras (the"
    " trained model), or a name without an ending (a SavedModel folder)"
)


def form_of(output: str) -> Form:
    """The form that a name's ending stands for.

    Raises:
        InputError: an unknown ending, no name, or a script with the name of a module.
    """
    if not Path(output).name:
        raise InputError(f"-o {output!r} has no name; {_CHOICES}")
    ending = "" if output.endswith("/") else Path(output).suffix
    if ending not in _ENDINGS:
        raise InputError(f"cannot export to {ending!r}; {_CHOICES}")
    if ending == ".py" and _is_module(Path(output)):
        raise InputError(
            f"-o {output}: has the name of a Python module, and this script and others beside it"
            " would import it instead of the real one; choose another name"
        )
    return _ENDINGS[ending]


def _is_module(script: Path) -> bool:
    """Whether a script has the name of a module that is installed: it may import that one."""
    if not script.stem.isidentifier() or script.stem == "__main__":
        return False
    found = find_spec(script.stem)
    return found is not None and found.origin != str(script.absolute())


def write_recipe(recipe: Recipe, path: Path, progress: Progress) -> None:
    """Write a recipe and read it back.

    Args:
        recipe: the recipe.
        path: the file, whose ending says in which format.
        progress: is told where its data are not where it says.

    Raises:
        UnreachableError: it cannot be written.
        ProgramError: it was not read as it was written; nothing is left.
    """
    text = dump(recipe, path.suffix)
    with made_beside(path) as partial:
        partial.write_text(text, encoding="utf-8")
        again = parse(Recipe, read_file(partial), str(path))
        # Provenance is compared as text: what is None in it is not written.
        alike = again.model_copy(update={"provenance": recipe.provenance}) == recipe
        if not alike or dump(again, path.suffix) != text:
            raise ProgramError(f"{path}: reads back as another recipe; please report this")
    if recipe.dataset.path is not None and not Path(recipe.dataset.path).exists():
        progress.say(
            f"warning: {path} says that the data are at {recipe.dataset.path}, but they are not"
            " there; --set dataset.path=PATH names another place."
        )


@dataclass(frozen=True, kw_only=True)
class WrittenScript:
    """A script that was written with its data."""

    data: Path
    """The file of its data."""
    data_kept: bool
    """Whether the file was there already, and holds them."""


def write_script(
    recipe: Recipe,
    home: Home,
    path: Path,
    progress: Progress,
    *,
    data: Path | None,
    open_test: Callable[[Dataset], Part] | None,
) -> WrittenScript:
    """Write a Keras script that trains a recipe without hpsearch, and check its names.

    Args:
        recipe: what to train.
        home: where the data set is kept.
        path: of the script.
        progress: is told of the data.
        data: of its data; None: beside the script. A file that holds them stays as it is.
        open_test: opens the test split, which the data then have, too.

    Raises:
        InputError: data that are wrong or not there, or a file of others in their place.
        UnreachableError: data that cannot be read; a file that cannot be written.
        ProgramError: the script would not run; nothing is left.
    """
    if not recipe.config.network.has_script:
        raise InputError(
            f"{path}: a network of your own is no script yet; export a recipe (-o NAME.toml) or a"
            " model (-o NAME.keras)"
        )
    data = _data_file(path, data)
    section = resolve_path(recipe.dataset, Path(), _whose(recipe))
    dataset, parts = opened_data(section, home, progress, warn=False)
    if not _same_data(recipe, dataset.fingerprint):
        progress.say("warning: the data are not the ones that the study used; results may differ")
    with made_beside(path) as partial, progress.steps() as report:
        partial.write_text(script(recipe, parts, _seen_from(path, data)), encoding="utf-8")
        if unknown := check_names(partial.read_text(encoding="utf-8"), str(path)):
            raise ProgramError(
                f"{path}: uses unknown names ({', '.join(unknown)}); please report this"
            )
        check_writable(data)  # before an access of the test split is recorded
        contents = arrays.contents(parts, open_test(dataset) if open_test else None)
        held = arrays.holds(data, contents, f"comparing {data.name}", report)
        if not held:
            with made_beside(data) as new:
                arrays.write(new, contents, f"writing {data.name}", report)
    return WrittenScript(data=data, data_kept=held)


def _data_file(script: Path, data: Path | None) -> Path:
    """Where the data of a script go: the file that was asked for, else the one beside the script.

    Raises:
        InputError: another ending, or something else is there.
    """
    chosen = script.with_suffix(".npz") if data is None else data
    if chosen.suffix != ".npz":
        raise InputError(f"--data {data}: the data of a script are a file that ends in .npz")
    refuse_to_replace(chosen, "arrays")
    return chosen


def _seen_from(script: Path, data: Path) -> Path:
    """The path of a script's data: from its folder where they lie below that, else absolute."""
    folder = Path(os.path.realpath(script.parent))
    place = Path(os.path.realpath(data.parent)) / data.name
    return place.relative_to(folder) if place.is_relative_to(folder) else place


@dataclass(frozen=True, kw_only=True)
class WrittenModel:
    """A trained network that was written, read back and compared."""

    classes: Path | None
    """The file with the names of its classes; None: it predicts a number."""
    signature: Path | None
    """The file that says what it takes and gives; None: what its source stores, and classes."""
    largest: float
    """By how much its probabilities differ at most from the network's; predictions in ranges of
    the training rows' targets."""
    examples: int
    """On how many they were compared."""
    are_real: bool
    """Whether these are validation examples; else inputs that were made up."""


def write_model(
    recipe: Recipe,
    weights: Path,
    home: Home,
    path: Path,
    *,
    form: Literal["keras", "saved_model"],
    progress: Progress,
) -> WrittenModel:
    """Write a trained network with what lies beside it, read back and compared.

    Args:
        recipe: what was trained.
        weights: the ``best.weights.h5`` of that training.
        home: where the data set is kept.
        path: the file or folder; what export wrote there before gives way.
        form: which of the two.
        progress: is told what takes long.

    Raises:
        InputError: damaged weights, or nothing says how inputs are scaled.
        UnreachableError: files that cannot be read or written.
        ProgramError: the model is not what was trained; nothing is left.
    """
    if form == "saved_model":  # which TensorFlow itself writes
        utf8(path)
    parts = trained_on(recipe, weights, home, progress)

    def write(file: Path) -> float:
        from hpsearch.training import export  # noqa: PLC0415  # imports TensorFlow

        return export.write_model(recipe, parts, weights, file, form)

    target = target_name(recipe)
    return write_with(write, parts, target, path, form=form, progress=progress)


def write_with(
    write: Callable[[Path], float],
    parts: Parts,
    target: str | None,
    path: Path,
    *,
    form: Literal["keras", "saved_model"],
    progress: Progress,
) -> WrittenModel:
    """Write a model, whole or not at all, with what lies beside it.

    Args:
        write: writes it into a file or folder, and says by how much it differs from its network.
        parts: the data of its network.
        target: the name of the target's column, if it has one.
        path: the file or folder.
        form: which of the two.
        progress: is told what takes long.
    """
    progress.say("TensorFlow takes a few seconds to start.")
    start_tensorflow()
    from hpsearch.training import export as models  # noqa: PLC0415  # imports TensorFlow

    told = signature(parts, target, form)
    with made_beside(path) as partial:
        largest = write(partial)
        if form == "keras":
            write_beside(path, form, told)
    compared = min(models.COMPARED, len(parts.validation))
    return WrittenModel(
        classes=classes_file(path, form) if told.class_names else None,
        signature=signature_file(path, form) if told.is_written else None,
        largest=largest,
        examples=compared or models.MADE_UP,
        are_real=compared > 0,
    )


def trained_on(recipe: Recipe, weights: Path, home: Home, progress: Progress) -> Parts:
    """What a network was trained on; without examples, where its data are not here any more.

    Raises:
        InputError: they are not, and nobody noted how inputs are scaled.
    """
    fingerprint = recipe.provenance.get("data_fingerprint")
    if fingerprint is not None and (found := find_dataset(home, fingerprint)) is not None:
        return split(found, recipe.dataset)
    try:
        section = resolve_path(recipe.dataset, Path(), _whose(recipe))
        dataset, parts = opened_data(section, home, progress, warn=False)
        if _same_data(recipe, dataset.fingerprint):
            return parts
        wrong = "the data are not the ones that the network was trained on"
    except HpsearchError as error:
        wrong = str(error)
    kept = read_inputs(weights.with_name(INPUTS))
    if kept is not None:
        return kept
    raise InputError(
        f"{wrong}\n{INPUTS}, which says how inputs are scaled, is not beside the weights either"
        " (trials of earlier versions have none): give the data with --set dataset.path=PATH, or"
        " train the recipe again (hpsearch train)"
    )


def _whose(recipe: Recipe) -> str:
    """What a recipe's data section is of, for messages."""
    return f"study {recipe.provenance.get('study', '?')}"


def _same_data(recipe: Recipe, fingerprint: str) -> bool:
    return recipe.provenance.get("data_fingerprint") in (None, fingerprint)

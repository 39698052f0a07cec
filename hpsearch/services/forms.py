"""The forms that ``export`` writes, each read back."""

from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from hpsearch.data.cache import find_dataset
from hpsearch.data.drawing import split
from hpsearch.data.inputs import read_inputs
from hpsearch.data.parts import Parts
from hpsearch.data.section import resolve_path
from hpsearch.errors import HpsearchError, InputError, ProgramError
from hpsearch.files import made_beside, utf8
from hpsearch.formats import SUFFIXES, read_file
from hpsearch.home import INPUTS, Home
from hpsearch.naming import given, named
from hpsearch.parsing import parse
from hpsearch.recipe import Recipe, dump
from hpsearch.services.data import opened_data
from hpsearch.services.overwriting import Form, is_there
from hpsearch.services.progress import Progress
from hpsearch.training.other_formats import Quantized
from hpsearch.training.start import start_tensorflow
from hpsearch.training.written import (
    classes_file,
    signature,
    signature_file,
    target_name,
    write_beside,
)

_ENDINGS: dict[str, Form] = {
    **dict.fromkeys(SUFFIXES, "recipe"),
    ".py": "script",
    ".keras": "keras",
    ".onnx": "onnx",
    ".tflite": "litert",
    ".xml": "openvino",
    "": "saved_model",
}
_CHOICES = (
    "use a name that ends in .toml, .json or .yaml (a recipe), .py (a Keras script), .keras (the"
    " trained model), .onnx, .tflite (LiteRT) or .xml (OpenVINO), or a name without an ending (a"
    " SavedModel folder)"
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


def write_recipe(recipe: Recipe, path: Path, progress: Progress) -> tuple[Path, ...]:
    """Write a recipe, with the user's files that its network needs beside it, and read it back.

    Args:
        recipe: the recipe.
        path: the file, whose ending says in which format.
        progress: is told where its data are not where it says.

    Returns:
        the files that its network needs; those that were there already stay as they are.

    Raises:
        InputError: one of them is gone, has changed, or another's file is in its place.
        UnreachableError: a file that cannot be read or written.
        ProgramError: the recipe was not read as it was written; nothing is left.
    """
    network, needed = recipe.config.network.packed(path.stem)
    config = recipe.config.model_copy(update={"network": network})
    path_of_data = recipe.dataset.path
    recipe = named(recipe.model_copy(update={"config": config}), given())
    files = {path.parent / name: content for name, content in needed.items()}
    new = {file: content for file, content in files.items() if not _has(file, content)}
    text = dump(recipe, path.suffix)
    with made_beside(path) as partial, ExitStack() as made:
        partial.write_text(text, encoding="utf-8")
        again = parse(Recipe, read_file(partial), str(path))
        # Provenance is compared as text: what is None in it is not written.
        alike = again.model_copy(update={"provenance": recipe.provenance}) == recipe
        if not alike or dump(again, path.suffix) != text:
            raise ProgramError(f"{path}: reads back as another recipe; please report this")
        for file, content in new.items():
            made.enter_context(made_beside(file)).write_bytes(content)
    if path_of_data is not None and not Path(path_of_data).exists():
        progress.say(
            f"warning: {path} says that the data are at {recipe.dataset.path}, but they are not"
            " there; --set dataset.path=PATH names another place."
        )
    return tuple(files)


def _has(file: Path, content: bytes) -> bool:
    """Whether a file is there already, as it would be written.

    Raises:
        InputError: something else is there.
    """
    if not is_there(file):
        return False
    with suppress(OSError):
        if file.read_bytes() == content:
            return True
    raise InputError(
        f"{file}: already exists, and is another file than the network's own of this name, which"
        " goes beside the recipe; write the recipe into another folder, or remove the file"
    )


@dataclass(frozen=True, kw_only=True)
class WrittenModel:
    """A trained network that was written, read back and compared."""

    classes: Path | None
    """The file with the names of its classes; None: it predicts a number."""
    signature: Path | None
    """The file that says what it takes and gives; None: what its source stores, and classes."""
    are_probabilities: bool
    """Whether it gives probabilities; else predictions."""
    largest: float | None
    """By how much its probabilities differ at most from the network's; predictions in ranges of
    the training rows' targets. None: what runs it is not installed."""
    examples: int
    """On how many they were compared."""
    are_real: bool
    """Whether these are validation examples; else inputs that were made up."""
    quantized: Quantized | None = None
    """What quantising cost and saved; None: it is not quantised."""


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What was written."""

    what: str
    """In words, such as "trial 12"."""
    path: Path
    form: Form
    model: WrittenModel | None = None
    """How a model compared; None: it is a recipe or a script."""
    data: Path | None = None
    """The data of a script."""
    data_kept: bool = False
    """Whether the file of the data was there already, and holds them."""
    needed: tuple[Path, ...] = ()
    """Of a recipe: the user's files beside it, which its network needs."""

    @property
    def files(self) -> tuple[Path, ...]:
        """What was written, and then what lies beside it and goes with it."""
        beside = () if self.model is None else (self.model.classes, self.model.signature)
        there = (one for one in beside if one is not None and not one.is_relative_to(self.path))
        return (self.path, *self.needed, *there)


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
        are_probabilities=bool(told.class_names),
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
        section = resolve_path(recipe.dataset, Path(), whose(recipe))
        dataset, parts = opened_data(section, home, progress, warn=False)
        if same_data(recipe, dataset.fingerprint):
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


def whose(recipe: Recipe) -> str:
    """What a recipe's data section is of, for messages."""
    return f"study {recipe.provenance.get('study', '?')}"


def same_data(recipe: Recipe, fingerprint: str) -> bool:
    """Whether data are those that a recipe's study used, as far as it says."""
    return recipe.provenance.get("data_fingerprint") in (None, fingerprint)

"""The forms that ``export`` writes, each read back; what commands write over, and what not."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hpsearch.cli.common import opened_data, progress, say
from hpsearch.home import Home

if TYPE_CHECKING:
    from hpsearch.data.dataset import Dataset
    from hpsearch.data.parts import Part, Parts
    from hpsearch.recipe import Recipe

Form = Literal["recipe", "script", "keras", "saved_model"]
_ENDINGS: dict[str, Form] = {
    ".toml": "recipe",
    ".json": "recipe",
    ".yaml": "recipe",
    ".yml": "recipe",
    ".py": "script",
    ".keras": "keras",
    "": "saved_model",
}
Page = Literal["report", "data", "samples", "arrays"]
"""What is written beside those: two kinds of pages, a picture, and the data of a script."""

_MARKS: "dict[Form | Page, Sequence[tuple[bytes, ...]]]" = {
    "report": [
        (b'<meta name="generator" content="hpsearch report">',),
        (b": report</title>", b"color-scheme: light; --ink: #1b1b1b"),
    ],
    "data": [
        (b'<meta name="generator" content="hpsearch data">',),
        (b"<title>Data: ", b"color: #1b1b1b; background: #fff"),
    ],
    "samples": [(b"tEXtSoftware\0hpsearch data",)],
}
"""What is near the beginning of such a file: all of one of these; a second one is of earlier
versions."""

_CHOICES = (
    "use a name that ends in .toml, .json or .yaml (a recipe), .py (a Keras script) or .keras (the"
    " trained model), or a name without an ending (a SavedModel folder)"
)


def form_of(output: str) -> Form:
    """The form that a name's ending stands for.

    Raises:
        InputError: an unknown ending, no name, or a script with the name of a module.
    """
    from hpsearch.errors import InputError

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
    from importlib.util import find_spec

    if not script.stem.isidentifier() or script.stem == "__main__":
        return False
    found = find_spec(script.stem)
    return found is not None and found.origin != str(script.absolute())


def write_recipe(recipe: "Recipe", path: Path) -> None:
    """Write a recipe and read it back.

    Raises:
        UnreachableError: it cannot be written.
        ProgramError: it was not read as it was written; nothing is left.
    """
    from hpsearch.errors import ProgramError
    from hpsearch.fields import parse
    from hpsearch.files import made_beside, read_file
    from hpsearch.recipe import Recipe, dump

    text = dump(recipe, path.suffix)
    with made_beside(path) as partial:
        partial.write_text(text, encoding="utf-8")
        again = parse(Recipe, read_file(partial), str(path))
        # Provenance is compared as text: what is None in it is not written.
        alike = again.model_copy(update={"provenance": recipe.provenance}) == recipe
        if not alike or dump(again, path.suffix) != text:
            raise ProgramError(f"{path}: reads back as another recipe; please report this")
    if recipe.dataset.path is not None and not Path(recipe.dataset.path).exists():
        say(
            f"warning: {path} says that the data are at {recipe.dataset.path}, but they are not"
            " there; --set dataset.path=PATH names another place."
        )


def write_script(
    recipe: "Recipe",
    home: Home,
    path: Path,
    data: Path | None,
    open_test: "Callable[[Dataset], Part] | None",
) -> str:
    """Write a Keras script that trains a recipe without hpsearch, and check its names.

    Args:
        recipe: what to train.
        home: where the data set is kept.
        path: of the script.
        data: of its data, as ``--data`` names it; None: beside the script. A file that holds them
            already stays as it is.
        open_test: opens the test split, which the data then have, too.

    Returns:
        what became of both, for the closing line.

    Raises:
        InputError: data that are wrong or not there, or a file of others in their place.
        UnreachableError: data that cannot be read; a file that cannot be written.
        ProgramError: the script would not run; nothing is left.
    """
    from hpsearch.data.section import resolve_path
    from hpsearch.errors import ProgramError
    from hpsearch.files import made_beside
    from hpsearch.script import arrays
    from hpsearch.script.names import check_names
    from hpsearch.script.script import script

    data = _data_file(path, data)
    section = resolve_path(recipe.dataset, Path(), _whose(recipe))
    dataset, parts = opened_data(section, home, warn=False)
    if not _same_data(recipe, dataset.fingerprint):
        say("warning: the data are not the ones that the study used; results may differ")
    contents = arrays.contents(parts, open_test(dataset) if open_test else None)
    with made_beside(path) as partial, progress() as report:
        partial.write_text(script(recipe, parts, _seen_from(path, data)), encoding="utf-8")
        if unknown := check_names(partial.read_text(encoding="utf-8"), str(path)):
            raise ProgramError(
                f"{path}: uses unknown names ({', '.join(unknown)}); please report this"
            )
        held = arrays.holds(data, contents, f"comparing {data.name}", report)
        if not held:
            with made_beside(data) as new:
                arrays.write(new, contents, f"writing {data.name}", report)
    kept = ", which holds them already and stays as it is" if held else ""
    return f"it compiles and defines all names that it uses. Its data are in {data}{kept}"


def _data_file(script: Path, data: Path | None) -> Path:
    """Where the data of a script go: the file that was asked for, else the one beside the script.

    Raises:
        InputError: another ending, or something else is there.
    """
    from hpsearch.errors import InputError

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


def write_model(
    recipe: "Recipe",
    weights: Path,
    home: Home,
    path: Path,
    form: Literal["keras", "saved_model"],
) -> str:
    """Write a trained network with the names of its classes, read back and compared.

    Args:
        recipe: what was trained.
        weights: the ``best.weights.h5`` of that training.
        home: where the data set is kept.
        path: the file or folder; what export wrote there before gives way.
        form: which of the two.

    Returns:
        what was written and how well it compared, for the closing line.

    Raises:
        InputError: damaged weights, or nothing says how inputs are scaled.
        UnreachableError: files that cannot be read or written.
        ProgramError: the model is not what was trained; nothing is left.
    """
    from hpsearch.files import made_beside, utf8
    from hpsearch.training.start import start_tensorflow
    from hpsearch.training.written import classes_file, write_classes

    if form == "saved_model":  # which TensorFlow itself writes
        utf8(path)
    parts = _trained_on(recipe, weights, home)
    say("TensorFlow takes a few seconds to start.")
    start_tensorflow()
    from hpsearch.training import export as models

    beside = classes_file(path, form)
    with made_beside(path) as partial:
        largest = models.write_model(recipe, parts, weights, partial, form)
        if form == "keras":
            with made_beside(beside) as names:
                write_classes(names, parts.class_names)
    compared = min(models.COMPARED, len(parts.validation))
    on = f"{compared:,} validation examples" if compared else f"{models.MADE_UP} made-up inputs"
    missing = "" if compared else "; the data are not here, so it was compared on no real example"
    return (
        f"{path}, and the names of its classes to {beside}. Its probabilities on {on} differ from"
        f" the network's by at most {largest:.1e}{missing}"
    )


def _trained_on(recipe: "Recipe", weights: Path, home: Home) -> "Parts":
    """What a network was trained on; without examples, where its data are not here any more.

    Raises:
        InputError: they are not, and nobody noted how inputs are scaled.
    """
    from hpsearch.data.cache import find_dataset
    from hpsearch.data.inputs import read_inputs
    from hpsearch.data.parts import split
    from hpsearch.data.section import resolve_path
    from hpsearch.errors import HpsearchError, InputError
    from hpsearch.home import INPUTS

    fingerprint = recipe.provenance.get("data_fingerprint")
    if fingerprint is not None and (found := find_dataset(home, fingerprint)) is not None:
        return split(found, recipe.dataset)
    try:
        section = resolve_path(recipe.dataset, Path(), _whose(recipe))
        dataset, parts = opened_data(section, home, warn=False)
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


def _whose(recipe: "Recipe") -> str:
    """What a recipe's data section is of, for messages."""
    return f"study {recipe.provenance.get('study', '?')}"


def _same_data(recipe: "Recipe", fingerprint: str) -> bool:
    return recipe.provenance.get("data_fingerprint") in (None, fingerprint)


_KINDS: "dict[Form | Page, str]" = {
    "recipe": "recipe",
    "script": "script that hpsearch wrote",
    "keras": "model that hpsearch wrote",
    "saved_model": "model that hpsearch wrote",
    "report": "report that hpsearch wrote",
    "data": "page that hpsearch data wrote",
    "samples": "picture that hpsearch data wrote",
    "arrays": "script's data that hpsearch wrote",
}


def refuse_to_replace(path: Path, form: "Form | Page") -> None:
    """What hpsearch wrote in this form may be written over; anything else may not.

    Raises:
        InputError: there is something else.
    """
    from hpsearch.errors import InputError
    from hpsearch.training.written import classes_file, is_classes

    if is_there(path) and not _is_ours(path, form):
        name = "another name (--data)" if form == "arrays" else "another name"
        raise InputError(
            f"{path}: already exists and is not a {_KINDS[form]}; choose {name}, or remove it"
        )
    if form == "keras":
        beside = classes_file(path, form)
        if is_there(beside) and not is_classes(beside):
            raise InputError(
                f"{beside}: already exists and does not hold class names; choose another name"
            )


def is_there(path: Path) -> bool:
    """Whether a name is taken, and be it by a link that leads nowhere."""
    try:
        return path.is_symlink() or path.exists()
    except OSError:  # a folder that may not be looked into: writing will say so
        return False


def _is_ours(path: Path, form: "Form | Page") -> bool:
    """Whether hpsearch wrote what is at a path, in this form; an empty folder is as good."""
    from hpsearch.errors import HpsearchError
    from hpsearch.files import read_file
    from hpsearch.script import arrays
    from hpsearch.script.script import MARK
    from hpsearch.training.written import is_model

    try:
        if form == "recipe":
            return str(read_file(path).get("format", "")).startswith("hpsearch-recipe/")
        if form == "arrays":
            return arrays.is_ours(path)
        if form == "script":
            return MARK.encode() in _beginning(path)
        if form == "keras" or form == "saved_model":  # noqa: PLR1714  # mypy knows no other way
            empty = form == "saved_model" and path.is_dir() and not any(path.iterdir())
            return empty or is_model(path, form)
        begins = _beginning(path)
        return any(all(part in begins for part in parts) for parts in _MARKS[form])
    except (HpsearchError, OSError):
        return False


def _beginning(path: Path) -> bytes:
    """The first bytes of a file."""
    with path.open("rb") as file:
        return file.read(2000)

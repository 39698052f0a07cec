"""Scripts that ``export`` writes, with their data."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hpsearch.data.dataset import Dataset, open_test
from hpsearch.data.parts import Part, Parts
from hpsearch.data.record import Access
from hpsearch.data.section import resolve_path
from hpsearch.errors import InputError, ProgramError
from hpsearch.files import check_writable, made_beside
from hpsearch.home import Home
from hpsearch.outputs.test_access import remember
from hpsearch.recipe import Recipe
from hpsearch.script import arrays
from hpsearch.script.names import check_names
from hpsearch.search.study import OpenStudy
from hpsearch.services.data import opened_data
from hpsearch.services.forms import same_data, whose
from hpsearch.services.overwriting import refuse_to_replace
from hpsearch.services.progress import Progress


@dataclass(frozen=True, kw_only=True)
class WrittenScript:
    """A script that was written with its data."""

    data: Path
    """The file of its data."""
    data_kept: bool
    """Whether the file was there already, and holds them."""


def write_script(
    source: Callable[[Parts, Path], str],
    recipe: Recipe,
    home: Home,
    path: Path,
    progress: Progress,
    *,
    data: Path | None,
    open_test: Callable[[Dataset], Part] | None,
) -> WrittenScript:
    """Write a Keras script that trains without hpsearch, and check its names.

    Args:
        source: gives the script's text for its data and the file that they go to.
        recipe: what it trains, of several networks the first: says which data these are.
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
    section = resolve_path(recipe.dataset, Path(), whose(recipe))
    dataset, parts = opened_data(section, home, progress, warn=False)
    if not same_data(recipe, dataset.fingerprint):
        progress.say("warning: the data are not the ones that the study used; results may differ")
    with made_beside(path) as partial, progress.steps() as report:
        partial.write_text(source(parts, _seen_from(path, data)), encoding="utf-8")
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


def open_for_script(study: OpenStudy, access: Access, progress: Progress, dataset: Dataset) -> Part:
    """Open the test split for a script, and record that, in the home and with the study.

    Args:
        study: whose script.
        access: what is recorded.
        progress: is told of it.
        dataset: the data.
    """
    progress.say(
        f"Accessing the test split of {dataset.source}; hpsearch show {study.name} counts it."
    )
    x, y = open_test(dataset, access)
    if dataset.fingerprint == study.data.get("fingerprint"):
        remember(study, access)
    return Part(x=x, y=y, rows=np.arange(len(y)))

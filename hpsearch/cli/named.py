"""Data in place of a study file: ``hpsearch run houses.csv --target price``, ``run photos/``."""

import os
import re
import shlex
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from hpsearch.cli.output import say, tell
from hpsearch.data.section import DatasetSection, resolve_path
from hpsearch.data.sources.source import Look
from hpsearch.errors import InputError, UnreachableError
from hpsearch.files import write_text
from hpsearch.formats import SUFFIXES
from hpsearch.locks import is_held_by_others, locked
from hpsearch.networks.network import is_image
from hpsearch.parsing import parse
from hpsearch.services.named import (
    TABLE,
    Named,
    Spelling,
    looks_like,
    named,
    place,
    public_sets,
    without_place,
)
from hpsearch.services.overwriting import is_there
from hpsearch.services.template import NETWORKS, study_text, with_keys
from hpsearch.study_file import StudyFile, apply_override, from_table, load, meant
from hpsearch.text import closest, nearest, show

_LONGEST = 95
"""Characters of a new study's name, at most, without what is put behind it."""


def typed(text: str) -> Path:
    """A study file or data as they were typed; the path of a public set's name is not the set.

    A path forgets its last slash and its "./", so that "mnist/" would be "mnist".

    Raises:
        InputError: nothing was typed.
    """
    if not text.strip():
        raise InputError("FILE: is empty; give a study file, or data")
    path = Path(text)
    return path.absolute() if os.sep in text and str(path) in public_sets() else path


FileOrData = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        parser=typed,
        help="Study file (.toml); or data: a table with --target, an .npz file, a folder of images,"
        " a public set such as mnist.",
    ),
]
NetworkOption = Annotated[
    str | None,
    typer.Option(
        "--network",
        metavar="KIND",
        help=f"Of a new study file, of networks: {' or '.join(NETWORKS)} (default: {NETWORKS[0]}).",
    ),
]


def is_data(given: Path) -> bool:
    """Whether what a command was given names data, and no study file.

    What is neither is taken for data, too, unless a study file has that name or nearly that.

    Args:
        given: a path, or the name of a public set.
    """
    if given.suffix in SUFFIXES:
        return False
    public = public_sets()
    if str(given) in public or looks_like(given) is not None:
        return True
    if is_there(given.with_name(f"{given.name}.toml")):
        return False
    return bool(nearest(str(given), public)) or not meant(given)


@dataclass(frozen=True)
class New:
    """The study file that named data have before one is written."""

    file: Path
    """Where it goes, in the working folder."""
    data: Named
    text: str

    def study(self, overrides: Sequence[str]) -> StudyFile:
        """What stands in it, checked.

        Args:
            overrides: of ``--set``.
        """
        return from_table(tomllib.loads(self.text), self.file, overrides)


def check_network(network: str | None, source: str, look: Look | None = None) -> None:
    """Refuse a kind of networks that there is not, or not for some data.

    Args:
        network: as it was asked for; None: not at all.
        source: of the data.
        look: what is known of them.

    Raises:
        InputError: what is wrong.
    """
    if network is not None and network not in NETWORKS:
        raise InputError(f"--network {network}: unknown; {closest(network, list(NETWORKS))}")
    if network == "conv" and source == TABLE:
        raise InputError("--network conv: is for images, and a table has none; leave it out")
    shape = None if look is None else look.shape
    if network == "conv" and shape is not None and not is_image(shape):
        raise InputError(
            f"--network conv: is for images, and an example has shape {shape}; leave it out"
        )


def new_study(given: Path, target: str | None = None, network: str | None = None) -> New:
    """The study file for data that were named in place of one.

    Args:
        given: a path, or the name of a public set.
        target: of a table the column to predict.
        network: the kind of networks; None: dense ones.

    Raises:
        InputError: nothing there, nobody knows what it is, a table without a target, a target of
            what is no table.
        UnreachableError: it cannot be read.
    """
    if given.suffix in SUFFIXES:
        option = f"--network {network}" if target is None else f"--target {target}"
        key = "preset" if target is None else "dataset.target"
        raise InputError(f"{option}: {given} is a study file; set {key} in it")
    spelling = Spelling(
        data=str(given),
        target=f"--target {target}",
        ask_target="--target COLUMN",
        ask_source="say what it is in a study file: hpsearch init FILE.toml --path"
        f" {shlex.quote(str(given))} --dataset NAME",
        or_else="; a study file ends in .toml",
    )
    source, path = place(str(given), spelling)
    check_network(network, source)
    word = source if path is None else Path(os.path.abspath(path)).name  # noqa: PTH100  # a link's own
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", word.partition(".")[0]).strip("-._")
    name = (name[:_LONGEST] or source) + "-conv" * (network == "conv")
    file = Path(f"{name}.toml")
    if target is None and is_there(file) and _is_of(known := load(file), source, path):
        target = _target(known)
    found = named(source, path, target, spelling)
    check_network(network, source, found.look)
    where = None if path is None else below(given, file, source)
    text = study_text(name, source, where, network or NETWORKS[0], target, look=found.look)
    return New(file, found, text)


def study_of(given: Path, target: str | None, overrides: Sequence[str]) -> StudyFile:
    """The study of named data: as their file in the working folder has it, or a new one.

    Args:
        given: a path, or the name of a public set.
        target: of a table the column to predict.
        overrides: of ``--set``.

    Raises:
        InputError: as of :func:`new_study`; what is wrong in the file.
        UnreachableError: data or a file that cannot be read.
    """
    new = new_study(given, target)
    if not is_there(new.file) or not _is_same(load(new.file), new.data):
        return new.study(overrides)
    say(f"These are the data as {new.file} has them.")
    return load(new.file, overrides)


@contextmanager
def study_file_of(
    given: Path,
    target: str | None = None,
    network: str | None = None,
    overrides: Sequence[str] = (),
) -> Iterator[Path]:
    """The study file of named data in the working folder; written where it is not there.

    One that is written goes again where the block finds the data wrong, unless another process
    has it in use, too.

    Args:
        given: a path, or the name of a public set.
        target: of a table the column to predict.
        network: the kind of networks; None: dense ones, or those of the study file.
        overrides: of ``--set``; keys of ``[dataset]`` are written into a new file.

    Raises:
        InputError: as of :func:`new_study`, or a file of that name that is of other data.
        UnreachableError: data that cannot be read, or the file cannot be written.
    """
    new = new_study(given, target, network)
    with ExitStack() as block:
        with locked(new.file.parent):  # nobody else writes or removes it meanwhile
            is_new = not is_there(new.file)
            if is_new:
                _write(new, given, network, overrides)
            held = block.enter_context(locked(new.file, shared=True))
        if not is_new:
            _check_same(new, given, network)
            tell(f"{new.file} is there already, and is run.")
            yield new.file
            return
        try:
            yield new.file
        except InputError:
            with locked(new.file.parent):
                if is_held_by_others(new.file, held):
                    raise
                new.file.unlink(missing_ok=True)  # or it is in the way when the data are mended
            say(
                f"Removed {new.file} again. To set a key of its [dataset]: --set dataset.KEY=VALUE;"
                f" to write one and edit it: {_init(new, given, network, new.file)}"
            )
            raise


def _write(new: New, given: Path, network: str | None, overrides: Sequence[str]) -> None:
    """Write a new study file, and tell of it.

    Raises:
        UnreachableError: it cannot be written.
    """
    try:
        write_text(new.file, with_keys(new.text, "dataset", _of_dataset(overrides)))
    except UnreachableError as error:
        raise UnreachableError(f"{error}; change to a folder that you may write") from None
    is_dense = network is None and new.study(()).preset == "images"
    hint = " for dense networks (convolutional ones: --network conv)" * is_dense
    if new.data.path is None and is_there(given):
        hint += f" with the public set (what is here: ./{given})"
    tell(f"Wrote {new.file}{hint}; edit it to search otherwise: hpsearch run {new.file}")


def _of_dataset(overrides: Sequence[str]) -> dict[str, Any]:
    """What ``--set`` says of ``[dataset]``, but for which data they are."""
    table: dict[str, Any] = {}
    for one in overrides:
        apply_override(table, one)
    return without_place(table.get("dataset"))


def _is_of(study: StudyFile, source: str, path: Path | None) -> bool:
    """Whether a study is of data."""
    known = study.dataset
    return known.source == source and (path is None or known.path == str(path.resolve()))


def _target(study: StudyFile) -> str | None:
    target: str | None = study.dataset.model_dump()["target"]
    return target


def _is_same(study: StudyFile, data: Named) -> bool:
    """Whether a study is of data, and with their target."""
    path = None if data.path is None else Path(data.path)
    return _is_of(study, data.source, path) and _target(study) == data.target


def _check_same(new: New, given: Path, network: str | None) -> None:
    """Refuse a study file that is there and of other data, or of other networks than asked for.

    Raises:
        InputError: what it is of.
    """
    data = new.data
    study = load(new.file)
    known = study.dataset
    if _is_same(study, data):
        if network is None or study.preset == new.study(()).preset:
            return
        told = f"the same data with preset {show(study.preset)}"
    else:
        of = "" if data.target is None else f" with target {show(data.target)}"
        told = f"{show(known.path or known.source)}, and not for {given}{of}"
    other = _init(new, given, network, Path("other.toml"))
    raise InputError(f"{new.file}: is there already, for {told}; write another one: {other}")


def _init(new: New, given: Path, network: str | None, file: Path) -> str:
    """The command that writes a study file for the same data."""
    data = new.data
    words = ["--dataset", data.source] if data.path is None else ["--path", str(given)]
    for option, value in (("--target", data.target), ("--network", network)):
        words += [] if value is None else [option, value]
    return shlex.join(["hpsearch", "init", str(file), *words])


def below(path: Path, file: Path, source: str) -> str:
    """The path as the study file has it: relative to its folder, where a relative one was typed.

    Raises:
        InputError: there is nothing at the path, or the source has none.
        UnreachableError: it may not be looked at.
    """
    section = parse(DatasetSection, {"source": source, "path": str(path)}, "--path")
    resolve_path(section, Path(), "--path")
    if path.is_absolute() or str(path).startswith("~"):
        return str(path)
    return os.path.relpath(path, file.parent)

"""Networks of one's own: a function in a Python file builds them in Keras."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, Strict

from hpsearch.data.tables.column import Kind
from hpsearch.errors import InputError, UnreachableError
from hpsearch.fields import of_form
from hpsearch.networks.imported import imported
from hpsearch.networks.network import MOST_WIDTHS, Network, Shape, Size
from hpsearch.searchable import Located, OwnNames
from hpsearch.text import show

FIELDS = ("type", "file", "function", "fit", "sha256")
"""Keys of ``[space.network.python]`` that are no settings of the model's own."""
_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_A_NAME = "the name of a function"


@dataclass(frozen=True, kw_only=True)
class InputColumn:
    """A column of a table, as an input of a model has it."""

    name: str
    """As the table has it."""
    input: str
    """What an input is called that takes it: the name, with "_" for "/"."""
    kind: Kind
    """"number", "category" or "date"."""
    width: int
    """Values of one row: of a number 1, scaled; of a category 1, its number; of a date 7, or 9 with
    times of day. One more, 1 where it is missing, if training rows lack it; of a category that is a
    number of its own."""
    categories: int
    """Numbers that a category can have, from 0, which is one that training rows have not."""


@dataclass(frozen=True, kw_only=True)
class Data:
    """What a function that builds a network is told of the data."""

    input_shape: tuple[int, ...]
    """Of one example as the network gets it, without the batch."""
    outputs: int
    """Values that the network puts out for an example: one for each class, or one number."""
    task: str
    """"classification" or "regression"."""
    class_names: tuple[str, ...]
    """In the order of the outputs; of a regression none."""
    training_rows: int
    """Examples that are trained on."""
    columns: tuple[InputColumn, ...] = ()
    """Of a table, in its order. A functional model may name its inputs after them, ``input``, or
    "numbers", "categories" and "features": all of a kind, and all that a model of one input gets.
    """


class Python(Network, OwnNames):
    """Built in Keras by your own ``build(config, data)``; all other keys, of any name, are config.

    Each is a plain value, a range, or a table of tables, of which one is chosen with its settings.
    The function gets them as a plain mapping, and of the data shape, outputs, task, class names and
    number of training rows (:class:`Data`). With ``fit`` your own loop trains it.
    """

    grows_with = ()
    has_metrics = True
    has_script = False
    depths = ()

    type: Literal["python"] = "python"
    file: Annotated[str, Strict(), Field(min_length=1), Located()]
    """The Python file, relative to this one; it may import what lies beside it."""
    function: Annotated[str, Strict(), of_form(_NAME, _A_NAME)] = "build"
    """The function in it, ``build(config, data) -> keras.Model``. ``config`` has the other keys,
    ``data`` input_shape, outputs, task, class_names, training_rows and, of tables, columns. The
    model takes one input, of tables several as well, and puts out logits or probabilities, or the
    standardised number of a regression; one that comes compiled keeps its loss, metrics and
    optimizer. A table of tables, ``norm = { batch = { ... }, layer = {} }``, is a choice:
    ``config["norm"]["type"]`` says which."""
    fit: Annotated[str, Strict(), of_form(rf"{_NAME}|", _A_NAME)] = ""
    """A function in it that trains, ``fit(model, data, config, report)``; left out, hpsearch
    does."""
    sha256: Annotated[str, Strict()] = ""
    """Of the file and of those beside it that it imports, found out when it is read: with another
    content it is another network."""

    @property
    def settings(self) -> dict[str, Any]:
        """What the function gets: a table that was chosen has its name as ``type``."""
        return {key: one for key, one in self.model_dump().items() if key not in FIELDS}

    def size(self, shape: Shape, outputs: int) -> Size | None:
        """None: it is counted when the network is built."""
        return None

    def without_place(self) -> "Python":
        """The same wherever the file lies."""
        return self.model_copy(update={"file": ""})

    def packed(self, stem: str) -> tuple["Python", dict[str, bytes]]:
        """The same with the file, and those that it imports, beside a recipe; and what they have.

        Args:
            stem: of the recipe's name: files of functions of a notebook are called alike.

        Raises:
            InputError: the file is gone, or has changed.
            UnreachableError: it cannot be read.
        """
        path, (content, _) = Path(self.file), unchanged(self)
        name = path.name if path.suffix == ".py" else f"{stem}.{path.name}"
        found = {name: content}
        for one, has in imported(path, content).items():
            found[str(one.relative_to(path.parent))] = has
        return self.model_copy(update={"file": name}), found

    @classmethod
    def located(cls, table: Mapping[str, Any], folder: Path, where: str) -> dict[str, Any]:
        """The table with an absolute ``file``, and what the file's SHA-256 is.

        Raises:
            InputError: there is no such file, or it is another one than the table says.
            UnreachableError: it cannot be read.
        """
        if not isinstance(given := table.get("file"), str) or not given:
            return dict(table)
        path = (folder / given).absolute()
        found = digest_of(path, read(path, f"{where}: file = {show(given)}"))
        if table.get("sha256") not in (None, "", found):
            raise InputError(
                f"{where}: {path}{or_beside(path)} has changed since this was written"
                f" (SHA-256 {found[:12]}, not {str(table['sha256'])[:12]}); restore it, or take"
                " sha256 out to use it as it is now"
            )
        return {**table, "file": str(path.resolve()), "sha256": found}

    @classmethod
    def summary(cls, network: Mapping[str, Any]) -> list[str]:
        """The file's name, the function where it is not as usual, and the first settings."""
        own = {key: one for key, one in network.items() if key not in FIELDS}
        words = [Path(network["file"]).stem]
        if network["function"] != cls.model_fields["function"].default:
            words.append(network["function"])
        told = [f"{key} {_short(one)}" for key, one in own.items()]
        return words + told[:MOST_WIDTHS] + ["…"] * (len(told) > MOST_WIDTHS)


def _short(value: Any) -> str:
    """A setting in a short line; of a table that was chosen its name."""
    if isinstance(value, Mapping):
        return str(value["type"])
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def read(path: Path, where: str) -> bytes:
    """The content of a network's file.

    Args:
        path: the file.
        where: what names it, for the message.

    Raises:
        InputError: there is none.
        UnreachableError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        raise InputError(f"{where} does not exist (looked for {path}); correct it") from None
    except OSError as error:
        raise UnreachableError(f"{where} cannot be read: {error.strerror}") from None


def unchanged(network: Python) -> tuple[bytes, str]:
    """The content of a network's file, and its SHA-256; see :func:`digest_of`.

    Raises:
        InputError: the file is gone, or is not as it was when the study or recipe was made.
        UnreachableError: it cannot be read.
    """
    path = Path(network.file)
    content = read(path, f"network.file = {network.file}")
    found = digest_of(path, content)
    if network.sha256 not in ("", found):
        raise InputError(
            f"{path}{or_beside(path)} has changed since the study or recipe was made"
            f" (SHA-256 {found[:12]}, not {network.sha256[:12]}); restore it, or start"
            " another study"
        )
    return content, found


def digest_of(path: Path, content: bytes) -> str:
    """The SHA-256 of a file's content, as hexadecimal digits; where it imports files from its
    folder that of their digests.

    Args:
        path: the file.
        content: what it has.

    Raises:
        UnreachableError: a file that it imports cannot be read.
    """
    found = [hashlib.sha256(content).hexdigest()]
    for one, has in imported(path, content).items():
        found.append(f"{one.relative_to(path.parent)} {hashlib.sha256(has).hexdigest()}")
    return found[0] if len(found) == 1 else hashlib.sha256("\n".join(found).encode()).hexdigest()


def or_beside(path: Path) -> str:
    """For a message: ", or a file beside it that it imports (blocks.py),"; empty: there is none."""
    beside = [str(one.relative_to(path.parent)) for one in imported(path, path.read_bytes())]
    if not beside:
        return ""
    told = ", ".join(beside[:MOST_WIDTHS]) + ", …" * (len(beside) > MOST_WIDTHS)
    return f", or a file beside it that it imports ({told}),"

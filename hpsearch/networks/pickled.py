"""Functions of a notebook in a file: written where they were defined, read where networks train.

cloudpickle writes the code itself, of helpers too: those of the notebook, of the function's own
package, and of modules that workers could not import. Code says where it is from by its function,
not by a file, so that the same functions make the same file another day. What reads such a file
runs what is in it, as it does with a Python file: read only files of your own.
"""

import hashlib
import io
import re
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import cloudpickle

from hpsearch.environment import for_child, python
from hpsearch.errors import InputError
from hpsearch.text import size

SUFFIX = ".pkl"
"""How the name of such a file ends."""

MOST = 2**28
"""Bytes of a file: each worker reads it."""
_INSTALLED = {"site-packages", "dist-packages"}
"""Folders of installed packages."""
_HEAD = f"hpsearch functions, Python {sys.version_info.major}.{sys.version_info.minor}\n".encode()
"""How such a file begins: code of one Python is none to another."""
_OF = "() of "
"""What stands in the place of a file between a function and what it is of."""
_NOTEBOOK = "the notebook"
"""What code is of that is of no file that lasts."""
_STANDS_FOR = b"hpsearch-class-%017d"
"""As long as the names that cloudpickle gives to classes."""

_PLACED = re.compile(rf"(<[^<>]+{re.escape(_OF)}[^<>]+>), line (\d+)")
_FIRST_LINES: dict[str, set[int]] = {}
"""Where functions that were written here begin in their files, by what stands in these' place."""

Function = Callable[..., Any]


def dumped(functions: Mapping[str, Function]) -> bytes:
    """A file's content with some functions, each by a name.

    Raises:
        InputError: a function uses what cannot be written, such as an open file, or too much.
    """
    found = io.BytesIO()
    try:
        with _by_value(_users_modules(_own_packages(functions))):
            _Pickler(found, protocol=5).dump(dict(functions))
    except Exception as error:  # noqa: BLE001  # what objects raise that cannot be pickled, it may be any
        raise InputError(
            f"{' and '.join(functions)}: cannot be handed to the workers, as what it uses cannot be"
            f" pickled ({type(error).__name__}: {' '.join(str(error).split())}); make that inside"
            " the function, or put the function into a Python file and import it"
        ) from None
    if found.tell() > MOST:
        raise InputError(
            f"{' and '.join(functions)}: cannot be handed to the workers, as what it uses takes"
            f" {size(found.tell())}; read large values inside the function, from a file"
        )
    return _HEAD + _named_by_content(found.getvalue())


def loaded(content: bytes, path: Path) -> dict[str, Function]:
    """The functions in a file, by their names.

    Args:
        content: of the file.
        path: the file, for messages.

    Raises:
        InputError: it is none that :func:`dumped` made, or was made by another Python.
        Exception: whatever the import of what the functions use raises.
    """
    head, newline, pickled = content.partition(b"\n")
    if head + newline == _HEAD:
        functions: dict[str, Function] = cloudpickle.loads(pickled)
        return functions
    if head.startswith(_HEAD.partition(b",")[0]):
        raise InputError(
            f"{path}: was made by {head.decode(errors='replace').rpartition(', ')[2]}, and this is"
            f" {_HEAD.decode().strip().rpartition(', ')[2]}; search with that one, or start another"
            " study"
        )
    raise InputError(
        f"{path}: is no file of functions that hpsearch wrote; name a Python file (.py), or give"
        " the function itself to hpsearch.search"
    )


def is_place(file: str) -> bool:
    """Whether what stands in the place of a file in a traceback is code of such a function."""
    return file.startswith("<") and _OF in file


def with_lines_of_files(text: str) -> str:
    """A message in which a line of such a function is followed by that of its file, where the
    function was written by this process, and is the only one of its name there.
    """

    def told(found: re.Match[str]) -> str:
        first = _FIRST_LINES.get(found[1], ())
        lines = [begins - 1 + int(found[2]) for begins in first]
        return f"{found[0]} (line {lines[0]} of the file)" if len(lines) == 1 else found[0]

    return _PLACED.sub(told, text)


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # it has no types
    """cloudpickle's, with code that does not say in which file it was, but of which function."""

    def reducer_override(self, obj: Any) -> Any:
        """As cloudpickle's; functions keep their module's name, and not where its file was."""
        if isinstance(obj, FunctionType):
            known = {key: obj.__globals__.get(key) for key in ("__name__", "__package__")}
            if known["__name__"] == "__main__":
                known["__package__"] = None
            self.globals_ref.setdefault(id(obj.__globals__), known)
        return super().reducer_override(obj)

    dispatch_table = cloudpickle.Pickler.dispatch_table.new_child(
        {CodeType: lambda code: cloudpickle.Pickler.dispatch_table[CodeType](_placed(code))}
    )


def _placed(code: CodeType) -> CodeType:
    """A function's code, whose lines are counted from its own first one."""
    if is_place(code.co_filename):  # within another function's: its lines are counted from there
        return code
    origin = _origin(code.co_filename)
    place = f"<{code.co_name.strip('<>')}{_OF}{origin}>"
    if origin != _NOTEBOOK:
        _FIRST_LINES.setdefault(place, set()).add(code.co_firstlineno)
    return _moved(code, place, code.co_firstlineno - 1)


def _moved(code: CodeType, place: str, up: int) -> CodeType:
    """Code with another place, so many lines further up."""

    def settled(one: Any) -> Any:
        if isinstance(one, CodeType):
            return _moved(one, place, up)
        return _InOrder(one) if isinstance(one, frozenset) else one

    return code.replace(
        co_filename=place,
        co_firstlineno=code.co_firstlineno - up,
        co_consts=tuple(map(settled, code.co_consts)),
    )


@dataclass(frozen=True)
class _InOrder:
    """Stands for a set among a code's constants: sets have another order in each process."""

    values: frozenset[Any]

    def __reduce__(self) -> tuple[Any, ...]:
        return frozenset, (sorted(self.values, key=repr),)


def _named_by_content(pickled: bytes) -> bytes:
    """What was written, in which the classes have names that follow from it.

    cloudpickle gives each class a random one of 32 characters, by which a process that reads it
    twice has one class.
    """
    tracked = getattr(cloudpickle.cloudpickle, "_DYNAMIC_CLASS_TRACKER_BY_CLASS", {})
    names = [name.encode() for name in tracked.values() if name.encode() in pickled]
    names.sort(key=pickled.index)
    for number, name in enumerate(names):
        pickled = pickled.replace(name, _STANDS_FOR % number)
    content = hashlib.sha256(pickled).hexdigest()
    for number in range(len(names)):
        name = hashlib.sha256(f"{content} {number}".encode()).hexdigest()[:32]
        pickled = pickled.replace(_STANDS_FOR % number, name.encode())
    return pickled


def _origin(file: str) -> str:
    """What code is of: the name of a file, "the notebook" of what has none that lasts."""
    path = Path(file)
    lasts = (
        path.suffix == ".py" and path.is_file() and not path.parent.name.startswith("ipykernel_")
    )
    return path.name if lasts else _NOTEBOOK


def _own_packages(functions: Mapping[str, Function]) -> set[str]:
    """Packages of which some functions are; a change in one makes other functions."""
    names = {str(getattr(one, "__module__", None)).partition(".") for one in functions.values()}
    return {top for top, _, below in names if below} - {"hpsearch"}


def _users_modules(packages: Collection[str]) -> list[ModuleType]:
    """Modules that are imported here, of files that a worker's import would not find.

    Args:
        packages: of these also those that it would find, unless they are installed.
    """
    folders, found = _workers_path(), []
    plainly = tuple(f"{folder}/" for folder in folders)
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        is_named = getattr(module, "__name__", None) == name != "__main__"
        if not (is_named and isinstance(file, str) and file.endswith(".py")):
            continue
        if name.partition(".")[0] in packages and not _INSTALLED & {*Path(file).parts}:
            found.append(module)
            continue
        if file.startswith(plainly):
            continue
        path = Path(file).resolve()
        if not any(path.is_relative_to(folder) for folder in folders):
            found.append(module)
    return found


@cache
def _workers_path() -> list[Path]:
    """Where a worker's import looks: what a notebook adds is not there, nor its own folder."""
    asked = python("-c", "import sys; print(*sys.path, sep=chr(0), end='')")
    done = subprocess.run(  # noqa: S603  # our own command
        asked, env=for_child(), capture_output=True, encoding="utf-8", check=True
    )
    own = Path(__file__).resolve().parents[1]
    return [own, *(Path(entry).resolve() for entry in done.stdout.split(chr(0)) if entry)]


@contextmanager
def _by_value(modules: list[ModuleType]) -> Iterator[None]:
    """While the block runs, have what some modules define written, and not only their names."""
    before = set(cloudpickle.list_registry_pickle_by_value())
    new = [module for module in modules if module.__name__ not in before]
    for module in new:
        cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        for module in new:
            cloudpickle.unregister_pickle_by_value(module)

"""Shared: functions of training as source for a script, with all that they need and no hpsearch."""

import ast
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).parents[1]
_OWN = f"{_PACKAGE.name}."


@dataclass
class Shared:
    """Collects definitions of modules, each once and behind those that it uses.

    Attributes:
        definitions: source of functions and constants, without types; of a layer that is one of
            Keras' but faster, that of Keras.
        imports: lines that import what they use of other packages.
    """

    definitions: list[str] = field(default_factory=list)
    imports: set[str] = field(default_factory=set)
    _seen: set[tuple[str, int]] = field(default_factory=set)
    _names: dict[str, str] = field(default_factory=dict)
    """Which module a name is of."""

    def add(self, module: str, name: str, known_as: str = "") -> None:
        """Collect one function or constant, and what it uses.

        Args:
            module: its name, "hpsearch.training.schedules".
            name: of the definition in it.
            known_as: its name in the script, of a function that no other definition uses; empty:
                the same.

        Raises:
            KeyError: the module has no such definition.
            ValueError: another module that was collected has one of that name, or it is a class,
                but none of Keras' made faster.
        """
        known = _read(module)
        node = known.definitions[name]
        if (module, node.lineno) in self._seen:
            return
        called = known_as or name
        if self._names.setdefault(called, module) != module:
            raise ValueError(f"{module} and {self._names[called]} both define {called}; rename one")
        self._seen.add((module, node.lineno))
        inside = node.bases[:1] if isinstance(node, ast.ClassDef) else [node]
        names = (one for part in inside for one in ast.walk(part) if isinstance(one, ast.Name))
        for used in sorted({one.id for one in names}):
            if used in known.definitions:
                self.add(module, used)
            elif used in known.own:
                self.add(known.own[used], used)
            elif used in known.others:
                self.imports.add(known.others[used])
        self.definitions.append(_source(node, known.lines, called))


@dataclass(frozen=True, kw_only=True)
class _Module:
    lines: list[str]
    definitions: dict[str, ast.stmt]
    """By name, without types."""
    own: dict[str, str]
    """Names that it imports from modules of hpsearch."""
    others: dict[str, str]
    """The lines by which it imports other names."""


@cache
def _read(module: str) -> _Module:
    """A module, without importing it."""
    path = _PACKAGE.joinpath(*module.removeprefix(_OWN).split(".")).with_suffix(".py")
    text = path.read_text(encoding="utf-8")
    definitions: dict[str, ast.stmt] = {}
    own: dict[str, str] = {}
    others: dict[str, str] = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            source = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            for alias in node.names:
                name = alias.asname or alias.name
                if source.startswith(_OWN):
                    own[name] = source
                else:
                    others[name] = ast.unparse(node)
        else:
            definitions |= {name: _untyped(node) for name in _names(node)}
    return _Module(lines=text.splitlines(), definitions=definitions, own=own, others=others)


def _names(node: ast.stmt) -> Iterator[str]:
    """What a statement defines."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.AnnAssign | ast.Assign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for target in targets:
            yield from (one.id for one in ast.walk(target) if isinstance(one, ast.Name))


def _untyped(node: ast.stmt) -> ast.stmt:
    """A definition without types, which name what a script has not."""
    if isinstance(node, ast.FunctionDef):
        node.returns = None
        arguments = node.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        for one in (*every, arguments.vararg, arguments.kwarg):
            if one is not None:
                one.annotation = None
    return node


def _source(node: ast.stmt, lines: list[str], called: str) -> str:
    """A definition as it was written; of a function the head anew, with the name it is called."""
    end = node.end_lineno
    if isinstance(node, ast.ClassDef):  # it only computes faster what its base does
        base = ast.unparse(node.bases[0]) if node.bases else ""
        if not base.startswith("keras."):
            raise ValueError(f"class {node.name} is none of Keras' made faster; write a function")
        return f"{node.name} = {base}"
    if not isinstance(node, ast.FunctionDef):
        return "\n".join(lines[node.lineno - 1 : end])
    head = copy(node)
    head.name, head.body = called, [ast.Pass()]
    first = ast.unparse(head).removesuffix("\n    pass").replace("'", '"')
    return "\n".join([first, *lines[node.body[0].lineno - 1 : end]])

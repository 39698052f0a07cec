"""Ranges of a space as they are written in Python: ``Int(1, 4)``, ``Float(0.0, 0.5)``, ``Choice``.

They are those of ``hpsearch.ranges``, and of ``[space]`` in a study file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, fields
from typing import Annotated, Any, ClassVar

from pydantic import Strict

from hpsearch.api.plain import plain
from hpsearch.parsing import parse
from hpsearch.ranges import LayerChoices, LayerFloats, LayerInts
from hpsearch.searchable import Plain

_KINDS: Mapping[str, Any] = {
    "int": LayerInts[Annotated[int, Strict()]],
    "float": LayerFloats[Annotated[float, Strict()]],
    "categorical": LayerChoices[Plain],
}


@dataclass(frozen=True)
class _Range:
    """What all ranges share: they are checked when they are made."""

    _type: ClassVar[str]

    def __post_init__(self) -> None:
        parse(_KINDS[self._type], self.table(), type(self).__name__)

    def table(self) -> dict[str, Any]:
        """As a study file has it; what is as usual is left out."""
        given = {one.name: getattr(self, one.name) for one in fields(self)}
        usual = {one.name: one.default for one in fields(self)}
        written = {key: one for key, one in given.items() if one is not usual[key]}
        found: dict[str, Any] = plain({"type": self._type, **written}, type(self).__name__)
        return found


@dataclass(frozen=True)
class Int(_Range):
    """Whole numbers from ``low`` to ``high``, both included: ``Int(16, 512, log=True)``.

    Raises:
        InputError: the ends are in the wrong order, or no whole numbers.
    """

    low: int
    high: int
    _: KW_ONLY
    log: bool = False
    """Draw the logarithm evenly; for values that span orders of magnitude."""
    step: int = 1
    per_layer: bool = False
    """Of a field that has a value for each layer: draw each anew."""
    ratio: Sequence[float] | None = None
    """Of such a field: each layer is so many times as wide as the one before, one of these."""
    _type: ClassVar[str] = "int"


@dataclass(frozen=True)
class Float(_Range):
    """Real numbers from ``low`` to ``high``, both included: ``Float(1e-4, 1e-2, log=True)``.

    Raises:
        InputError: the ends are in the wrong order, or no finite numbers.
    """

    low: float
    high: float
    _: KW_ONLY
    log: bool = False
    """Draw the logarithm evenly; for values that span orders of magnitude."""
    step: float | None = None
    per_layer: bool = False
    """Of a field that has a value for each layer: draw each anew."""
    _type: ClassVar[str] = "float"


@dataclass(frozen=True)
class Choice(_Range):
    """One of some values: ``Choice(["relu", "gelu"])``.

    Raises:
        InputError: there is none, one is there twice, or one is no number, text, True or False.
    """

    choices: Sequence[bool | int | float | str]
    _: KW_ONLY
    per_layer: bool = False
    """Of a field that has a value for each layer: draw each anew."""
    _type: ClassVar[str] = "categorical"

"""A preset: the space of a kind of data, its training, and its portfolio, from a TOML file."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

from hpsearch.presets.sizes import Sizes

PresetName = Literal["images", "images-conv", "vectors", "tables", "tables-realmlp"]
NAMES: tuple[PresetName, ...] = get_args(PresetName)
PresetKey = Literal["auto", PresetName]
"""As a study file has it; "auto": by the data."""

_SIZE = re.compile(
    r'"(width|depth|batch|epochs|filters|blocks|move|flip|flipped)(?:([/*])(\d+))?( doubling)?"'
    r"(?=\s*[,}\]\s])"
)
_CHOICE = '{ type = "categorical", choices = [false, true] }'


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A preset, sized for data; its parts are tables as a study file has them."""

    name: PresetName
    text: str
    """The TOML file with numbers in place of names."""

    @property
    def table(self) -> Mapping[str, Any]:
        """``training``, ``space``, and ``portfolio``, a list of what ``[[enqueue]]`` takes."""
        return tomllib.loads(self.text)

    @property
    def space_text(self) -> str:
        """The lines of ``[space]`` and its tables, with their comments."""
        start, end = self.text.index("\n[space]"), self.text.index("\n[[portfolio]]")
        return self.text[start:end].strip()


def preset(name: PresetName, sizes: Sizes) -> Preset:
    """A preset for data.

    Args:
        name: which.
        sizes: what follows from the data.
    """

    def sized(found: re.Match[str]) -> str:
        key, operator, number, doubling = found.groups()
        if key == "flip":
            return _CHOICE if sizes.may_flip else "false"
        if key == "flipped":
            return str(sizes.may_flip).lower()
        size: int = getattr(sizes, key)
        if operator is not None:
            size = size * int(number) if operator == "*" else max(1, size // int(number))
        # Of each block of convolutions twice as many as of the one before.
        return str([size * 2**block for block in range(sizes.blocks)] if doubling else size)

    return Preset(name=name, text=_SIZE.sub(sized, _written(name)))


@cache
def _written(name: PresetName) -> str:
    return (Path(__file__).parent / f"{name}.toml").read_text(encoding="utf-8")

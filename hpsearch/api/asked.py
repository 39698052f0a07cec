"""What a call of ``hpsearch.search`` asks for, and the study file that it stands for."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hpsearch.api import data as datas
from hpsearch.api import functions
from hpsearch.api.data import Data
from hpsearch.api.given import Keeping
from hpsearch.api.plain import plain
from hpsearch.api.table import HERE, laid_over, named, own_parts, own_space, template
from hpsearch.errors import InputError
from hpsearch.formats import SUFFIXES
from hpsearch.services.named import without_place
from hpsearch.study_file import read_study

_UNNAMED = "search"
"""How the name begins of a study of data without a name, and of no model."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The arguments of ``hpsearch.search`` that say what is searched; its docstring has more."""

    study: "str | os.PathLike[str] | Mapping[str, Any] | None"
    data: Any
    target: str | int | None
    model: "Callable[[Mapping[str, Any], Any], Any] | str | os.PathLike[str] | None"
    fit: "Callable[..., Any] | None"
    space: Mapping[str, Any] | None
    name: str | None
    sections: Mapping[str, Any]
    others: Sequence[str] = ()
    """All arguments that are no keys of a study file, for messages."""

    def written(self, keeping: Keeping) -> tuple[Path, dict[str, Any] | None]:
        """The study file, and what stands in it; None: it is as it is on the disk.

        Args:
            keeping: keeps data and functions.

        Raises:
            InputError: what is wrong; values of a study file's keys are checked later.
            UnreachableError: a file that cannot be read or written.
        """
        file, table = self._begun()
        rest = (self.data, self.target, self.model, self.fit, self.space, self.name)
        if table is None and not self.sections and all(one is None for one in rest):
            return file, None
        table = read_study(file) if table is None else table
        known = self._data(keeping)
        if known is not None:
            is_preset = self.model is None and self.space is None
            table = table or template(known, is_preset=is_preset)
            table["dataset"] = {**without_place(table.get("dataset")), **known.table()}
        elif self.target is not None:
            table = laid_over(table, {"dataset": {"target": str(self.target)}})
        own = self._functions(keeping)
        if self.space is not None or own:
            space = plain(table.get("space", {}) if self.space is None else self.space, "space")
            _check_table(space, "space")
            table["space"] = own_space(space, own) if own else space
        table = laid_over(table, self.sections, self.others)
        table |= own_parts(table, own) if own else {}
        if "dataset" not in table:
            raise InputError(
                f"{HERE}: nothing to train on; give data=..., a study file, or dataset={{...}}"
            )
        word = (known and known.word) or own.get("function") or _UNNAMED
        table["name"] = self.name or table.get("name") or named(table, word)
        return file, table

    @property
    def _places_data(self) -> bool:
        """Whether the path in place of a study is one of data, as ``hpsearch run`` takes them."""
        given = self.study
        if self.data is not None or not isinstance(given, (str, os.PathLike)):
            return False
        return Path(given).suffix not in SUFFIXES

    def _begun(self) -> tuple[Path, dict[str, Any] | None]:
        """The study file, and what stands in it as far as it is known without reading it."""
        if self.study is None or self._places_data:
            return HERE, {}
        if isinstance(self.study, Mapping):
            return HERE, plain(self.study, str(HERE))
        if isinstance(self.study, (str, os.PathLike)):
            return Path(self.study).expanduser(), None
        raise InputError(
            f"{HERE}: {type(self.study).__name__} is no study; give the path of a study file, or a"
            " mapping of what stands in one (data and model by their names: data=..., model=...)"
        )

    def _data(self, keeping: Keeping) -> Data | None:
        data = self.study if self._places_data else self.data
        if data is None:
            return None
        section = self.sections.get("dataset")
        task = section.get("task") if isinstance(section, Mapping) else None
        return datas.understood(data, self.target, task, keeping)

    def _functions(self, keeping: Keeping) -> dict[str, str]:
        """The keys that name the model's functions; none without a model."""
        given = self.model
        is_file = isinstance(given, (str, os.PathLike))
        if self.fit is not None and (given is None or is_file):
            raise InputError(
                "fit: trains a model that is a function; give it, too: model=build (in a Python"
                " file name both by network.python.function and network.python.fit)"
            )
        if given is None:
            return {}
        if isinstance(given, (str, os.PathLike)):
            return functions.of_file(given)
        own = {"function": given} | ({} if self.fit is None else {"fit": self.fit})
        return functions.handed_over(own, keeping)


def _check_table(space: Any, where: str) -> None:
    if not isinstance(space, dict):
        raise InputError(f'{where}: is no mapping; write {{"depth": hpsearch.Int(1, 4)}}')

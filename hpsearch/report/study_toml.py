"""A study file as a person would write it, in TOML: without what is the default."""

from typing import Any

from hpsearch.config import TrialConfig
from hpsearch.fields import Section
from hpsearch.formats import inline
from hpsearch.searchable import traits
from hpsearch.study_file import StudyFile

_SECTIONS = [trait.name for trait in traits(TrialConfig) if trait.section is not None]
"""The keys of ``[space]`` that are tables of one section."""


def as_toml(file: StudyFile, name: str) -> str:
    """A study file with what is other than the default, as a person would write it.

    Args:
        file: the study file.
        name: the name to write.
    """
    table = as_table(file, name)
    if file.first:
        table["enqueue"] = [
            one.model_dump(mode="json", exclude_unset=True, exclude_none=True) for one in file.first
        ]
    return as_text(table)


def as_text(table: dict[str, Any]) -> str:
    """The table of a study file as a person would write it: a range in one line."""
    lines = [f"{key} = {inline(value)}" for key, value in table.items() if _is_plain(value)]
    for key, value in table.items():
        for header, section in _sections(key, value):
            lines += ["", f"[{header}]", *(f"{k} = {inline(v)}" for k, v in section.items())]
    return "\n".join(lines) + "\n"


def _sections(key: str, value: Any) -> list[tuple[str, dict[str, Any]]]:
    """A table or list of tables as what stands below a header each."""
    if isinstance(value, list):
        return [(f"[{key}]", one) for one in value]
    if not isinstance(value, dict):
        return []
    below: list[tuple[str, dict[str, Any]]] = []
    rest = dict(value)
    for name, field in value.items():
        if key != "space" or not isinstance(field, dict) or "type" in field:
            continue
        del rest[name]
        if name in _SECTIONS:
            below.append((f"{key}.{name}", field))
        else:  # a choice: one table for each kind
            below += [(f"{key}.{name}.{kind}", table) for kind, table in field.items()]
    return [(key, rest), *below]


def _is_plain(value: Any) -> bool:
    return not isinstance(value, (dict, list))


def as_table(file: StudyFile, name: str) -> dict[str, Any]:
    """The study file as a table with what is other than the default, but for what is enqueued.

    Args:
        file: the study file.
        name: the name to write.
    """
    table: dict[str, Any] = {"name": name}
    if file.seed:
        table["seed"] = file.seed
    for key in ("dataset", "objective", "budget", "sampler", "pruner", "training", "workers"):
        section = getattr(file, key)
        if section != StudyFile.model_fields[key].default:
            table[key] = _section(section)
    stopping = file.training.early_stopping
    if stopping and stopping.monitor != file.objective.metric:  # else it follows the metric
        inner = {**_section(stopping), "monitor": stopping.monitor}
        table["training"] = {**table.get("training", {}), "early_stopping": inner}
    table["space"] = _space_table(file)
    if file.baseline is not None:
        optimizer = {"optimizer": _section(file.baseline.optimizer)}
        table["baseline"] = _section(file.baseline) | optimizer
    return table


def _section(section: Section) -> dict[str, Any]:
    """A section with what is other than the default, and its type if it has one."""
    whole = section.model_dump(mode="json", exclude_none=True)
    short = section.model_dump(mode="json", exclude_defaults=True)
    return {key: value for key, value in whole.items() if key in short or key == "type"}


def _space_table(file: StudyFile) -> dict[str, Any]:
    """``[space]`` with what is other than the default, ranges always with their type."""
    whole = file.space.model_dump(mode="json", exclude_none=True)
    short = file.space.model_dump(mode="json", exclude_defaults=True)
    for key in _SECTIONS:
        whole[key] = {name: one for name, one in whole[key].items() if name in short.get(key, {})}
    return {key: _compact(value) for key, value in whole.items() if key in short}


def _compact(value: Any) -> Any:
    """A range with its type first, and without ``log = false`` and the like."""
    if not isinstance(value, dict):
        return value
    plain: dict[str, Any] = {"log": False, "per_layer": False, "ratio": None}
    if value.get("type") == "int":  # a real range with a step of 1.0 is another one
        plain["step"] = 1
    keys = sorted(value, key=lambda key: key != "type")
    return {k: _compact(value[k]) for k in keys if k not in plain or value[k] != plain[k]}

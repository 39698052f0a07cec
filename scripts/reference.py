"""Writes the reference of the study file, from the fields and their docstrings.

``reference.py`` writes it into studies/README.md, ``reference.py --check`` says whether it is there
as it would be written.
"""

import ast
import inspect
import json
import sys
import textwrap
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from hpsearch.config import TrialConfig
from hpsearch.data.section import CommonKeys, DatasetSection
from hpsearch.data.sources import source_classes
from hpsearch.fields import Section
from hpsearch.searchable import traits
from hpsearch.study_file import StudyFile

PAGE = Path(__file__).parents[1] / "studies" / "README.md"
BEGIN, END = "<!-- made by scripts/reference.py -->", "<!-- end -->"
FIRST = tuple(f"| `{key}` " for key in ("name", "seed", "preset"))
PLAIN = {int: "whole number", float: "number", bool: "true, false", str: "text"}


@cache
def docs(model: type[BaseModel]) -> dict[str, str]:
    """What stands below each field of a class; those of ``[dataset]`` are the sources', too."""
    if model is DatasetSection:
        every = (CommonKeys, *source_classes())
        return {key: text for one in every for key, text in docs(one).items()}
    (made,) = ast.parse(textwrap.dedent(inspect.getsource(model))).body
    above = [one for one in model.__bases__ if issubclass(one, Section) and one is not Section]
    found = {key: text for one in above for key, text in docs(one).items()}
    last = ""
    for node in getattr(made, "body", []):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            last = node.target.id
        elif last and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            found[last] = " ".join(str(node.value.value).split())
            last = ""
        else:
            last = ""
    return found


def values(kind: Any, marks: tuple[Any, ...] = ()) -> str:
    """What a field takes, in a few words."""
    if get_origin(kind) is Annotated:
        inner, *more = get_args(kind)
        return values(inner, (*marks, *more))
    if get_origin(kind) is Literal:
        return ", ".join(f"`{json.dumps(one)}`" for one in get_args(kind))
    if get_origin(kind) in (Union, UnionType):
        return " or ".join(values(one) for one in get_args(kind) if one is not NoneType)
    if get_origin(kind) is tuple:
        return f"list of {values(get_args(kind)[0])}"
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return "table"
    if "parse_duration" in {getattr(getattr(mark, "func", None), "__name__", "") for mark in marks}:
        return '`"2h"`, `"90s"`, seconds'
    return f"{PLAIN.get(kind, 'text')}{bounds(marks)}"


def bounds(marks: tuple[Any, ...]) -> str:
    """The bounds of a number."""
    told = [one for mark in marks for one in getattr(mark, "metadata", [mark])]
    signs = {Ge: ("≥", "ge"), Gt: (">", "gt"), Le: ("≤", "le"), Lt: ("<", "lt")}
    ends = ((*signs[type(one)], one) for one in told if type(one) in signs)
    found = [f"{sign} {getattr(one, name):,}" for sign, name, one in ends]
    return f" {', '.join(found)}" if found else ""


def default(value: Any) -> str:
    """A default as a file would have it."""
    if value is PydanticUndefined:
        return "required"
    if isinstance(value, Section):
        inner = value.model_dump(mode="json", exclude_none=True)
        value = {key: one for key, one in inner.items() if not key.startswith("_")}
        return "`{ " + ", ".join(f"{k} = {json.dumps(v)}" for k, v in value.items()) + " }`"
    return "" if value in (None, ()) else f"`{json.dumps(value)}`"


def row(key: str, kind: str, given: str, text: str) -> str:
    """One line of a table."""
    return f"| {key} | {kind} | {given} | {text.replace('``', '`')} |".replace("  ", " ")


def section(model: type[Section]) -> Iterator[str]:
    """The lines of a section's fields, with those of the tables in them."""
    for name, field in model.model_fields.items():
        if name == "type":
            continue
        kind = (
            Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
        )
        yield row(f"`{name}`", values(kind), default(field.default), docs(model).get(name, ""))


def head(title: str, text: str, lines: Iterable[str] = ()) -> list[str]:
    """A section with its table."""
    text = text[:1].upper() + text[1:].replace("``", "`")
    table = ["", "| key | values | default | meaning |", "|---|---|---|---|", *lines]
    return ["", f"### `{title}`", "", text, *(table if len(table) > 3 else [])]


def first_line(model: type[Section]) -> str:
    """What a class is, without its own name."""
    line = (inspect.getdoc(model) or "").partition("\n")[0]
    return line.partition(": ")[2] or line


def sections_of(kind: Any) -> list[type[Section]]:
    """The tables that a field may be."""
    if get_origin(kind) is not None:
        return [one for inner in get_args(kind) for one in sections_of(inner)]
    return [kind] if isinstance(kind, type) and issubclass(kind, Section) else []


def reference() -> str:
    """The whole table."""
    top = StudyFile.model_fields
    first = [line for line in section(StudyFile) if line.startswith(FIRST)]
    lines = head("top", "Above the first table.", first)[4:]
    for name in ("dataset", "objective", "budget", "training", "workers", "transfer"):
        (model,) = sections_of(top[name].annotation)
        lines += head(f"[{name}]", first_line(model), section(model))
    for name in ("sampler", "pruner"):
        usual = top[name].default.type
        for model in sections_of(top[name].annotation):
            kind = model.model_fields["type"].default
            told = "The default. " if kind == usual else ""
            title = f'[{name}] type = "{kind}"'
            lines += head(title, told + first_line(model), section(model))
    lines += head(
        "[space]",
        "Each key a value or a range; what is left out has its default. "
        + docs(StudyFile)["space"],
        settings(TrialConfig),
    )
    for trait in traits(TrialConfig):
        if trait.section is not None:
            told = " Each key a value or a range."
            lines += head(
                f"[space.{trait.name}]", first_line(trait.section) + told, settings(trait.section)
            )
        for kind, model in (trait.members or {}).items():
            told = f" The keys may stand in `[space]`: {trait.name} is {kind} then."
            inner = () if kind == trait.lifted else settings(model)
            lifted = kind == trait.lifted
            text = first_line(model) + (told if lifted else "")
            lines += head(f"[space.{trait.name}.{kind}]", text, inner)
    lines += head("[[enqueue]]", docs(StudyFile)["enqueue"] + " Fields left out are sampled.")
    lines += head("[[portfolio]]", docs(StudyFile)["portfolio"])
    lines += head("[baseline]", docs(StudyFile)["baseline"])
    return "\n".join([*lines, ""])


def settings(model: type[Section]) -> Iterator[str]:
    """The lines of a configuration's fields, or of a section's in it; lifted ones among them."""
    for trait in traits(model):
        each = (
            f" One for all {trait.by}, a list, or a range with `per_layer = true`."
            if trait.by
            else ""
        )
        given = default(trait.default)
        if trait.members is not None and trait.lifted is not None:
            yield from settings(trait.members[trait.lifted])
            given = f"`{json.dumps(trait.lifted)}`"
        kinds = ", ".join(f"`{kind}`" for kind in trait.members or ()) or values(trait.value)
        text = docs(model).get(trait.name, "") + each
        yield row(f"`{trait.name}`", kinds, given, text)


def main(arguments: list[str]) -> int:
    """Write the page, or compare it; 1 where it is another one."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    now = f"{before}{BEGIN}\n{reference()}{END}{after}"
    if "--check" not in arguments:
        PAGE.write_text(now, encoding="utf-8")
        return 0
    if now != text:
        print(f"{PAGE}: is not as the fields say; run .venv/bin/python scripts/reference.py")
        return 1
    print("the reference is as the fields say")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

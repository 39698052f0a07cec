"""What the fields of a configuration say of themselves, from which all else is derived.

A hyperparameter is one pydantic field. Its place in ``[space]``, ``[[enqueue]]`` and
``[baseline]``, its name in Optuna, its range and its identity follow from the field's type and
three marks: :class:`Repeated`, :class:`OneOf` and :class:`Located` (``hpsearch.derived``,
``hpsearch.walks``). A field that is a section has its fields in a table. Beside its fields a
section may take settings of any name (:class:`OwnNames`).
"""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, reduce
from typing import Annotated, Any, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    GetCoreSchemaHandler,
    SerializerFunctionWrapHandler,
    Strict,
    Tag,
    TypeAdapter,
    ValidationError,
    model_serializer,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema

from hpsearch.fields import BY_TYPE, LIFTED, Lifted, Section
from hpsearch.text import show


@dataclass(frozen=True)
class Repeated:
    """Marks a tuple that has one value for each of what another field counts.

    In a file one value stands for all of them, and the count follows from a list's length.
    """

    by: str
    """The field that counts."""
    usual: Any = None
    """The default of one value, where the count's default is 0."""


@dataclass(frozen=True)
class OneOf:
    """Marks a section of one of several kinds, which its ``type`` tells apart."""

    members: tuple[type[Section], ...]
    lifted: type[Section] | None = None
    """The one whose fields a file has among those of the section around it, without a table."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """The schema of a union that is told apart by ``type``."""
        tagged = [Annotated[one, Tag(f"<{kind_of(one)}>")] for one in self.members]
        if self.lifted is not None:
            tagged.append(as_lifted(self.lifted))
        return handler.generate_schema(Annotated[reduce(operator.or_, tagged), BY_TYPE])


@dataclass(frozen=True)
class Located:
    """Marks a text that says where something lies: it is fixed, and makes no configuration another
    one.
    """


def as_lifted(section: type[Section]) -> Any:
    """The member of a union that takes a :class:`Lifted` table."""
    return Annotated[section, Tag(LIFTED), Field(json_schema_extra={LIFTED: True})]


@dataclass(frozen=True, kw_only=True)
class Trait:
    """One field of a configuration, as the walks see it."""

    name: str
    value: Any
    """The type of one value, with its bounds."""
    default: Any
    """The default of one value."""
    by: str | None = None
    """The field that counts the values, of a :class:`Repeated` one."""
    members: Mapping[str, type[Section]] | None = None
    """The sections that it may be, by their ``type``, of a :class:`OneOf`."""
    lifted: str | None = None
    """The ``type`` of the one whose fields need no table."""
    section: type[Section] | None = None
    """The section that it always is, whose fields have a table of their own."""
    is_place: bool = False
    """Whether it is a :class:`Located` one."""

    @cached_property
    def adapter(self) -> TypeAdapter[Any]:
        """What checks one value."""
        return TypeAdapter(self.value)

    def allows(self, value: Any) -> bool:
        """Whether the field may have a value."""
        try:
            self.adapter.validate_python(value)
        except ValidationError:
            return False
        return True


def kind_of(section: type[Section]) -> str:
    """The ``type`` by which a file names a section."""
    kind: str = section.model_fields["type"].default
    return kind


def traits(model: type[Section]) -> tuple[Trait, ...]:
    """The fields of a configuration or of one of its sections, but for ``type``."""
    return _traits(model)


@cache
def _traits(model: type[Section]) -> tuple[Trait, ...]:
    return tuple(
        _trait(name, field) for name, field in model.model_fields.items() if name != "type"
    )


def _trait(name: str, field: FieldInfo) -> Trait:
    marks = [mark for mark in field.metadata if isinstance(mark, Repeated | OneOf | Located)]
    rest = tuple(mark for mark in field.metadata if mark not in marks)
    match marks:
        case [Repeated(by, usual)]:
            value = get_args(field.annotation)[0]
            default = field.default[0] if field.default else usual
            return Trait(name=name, value=value, default=default, by=by)
        case [OneOf(members, lifted) as mark]:
            known = {kind_of(one): one for one in members}
            value = Annotated[(field.annotation, mark)]
            kind = kind_of(lifted) if lifted is not None else None
            return Trait(name=name, value=value, default=field.default, members=known, lifted=kind)
    value = Annotated[(field.annotation, *rest)] if rest else field.annotation
    told: Any = field.annotation
    section = told if isinstance(told, type) and issubclass(told, Section) else None
    is_place = bool(marks)
    return Trait(name=name, value=value, default=field.default, section=section, is_place=is_place)


def counts(model: type[Section]) -> dict[str, tuple[str, ...]]:
    """The fields that count others, each with those that it counts."""
    found: dict[str, tuple[str, ...]] = {}
    for trait in traits(model):
        if trait.by is not None:
            found[trait.by] = (*found.get(trait.by, ()), trait.name)
    return found


def per_layer(value: object, layers: int, key: str, by: str = "layers") -> tuple[Any, ...]:
    """One value for all layers, or a list of ``layers`` values, as a tuple of ``layers`` values.

    Args:
        value: what a file has.
        layers: how many values there are to be.
        key: the field, for the message.
        by: the field that counts, for the message.

    Raises:
        ValueError: a list of another length.
    """
    if not isinstance(value, (list, tuple)):
        return (value,) * layers
    if len(value) != layers:
        raise ValueError(
            f"{key} = {show(list(value))} is a list of {len(value)}, but {by} = {layers};"
            f" write one value for all {by}, or one for each"
        )
    return tuple(value)


def may_be_none(model: type[Section], by: str) -> bool:
    """Whether a field that counts is 0 where it is left out."""
    return bool(next(trait.default == 0 for trait in traits(model) if trait.name == by))


def listed(
    by: str, repeated: Sequence[str], table: Mapping[str, Any], *, may_be_empty: bool = False
) -> tuple[str, int] | None:
    """The first of some fields that is a list, with its length, which is the count.

    Args:
        by: the field that counts, for the message.
        repeated: the fields that it counts.
        table: fields by name, as a user writes them.
        may_be_empty: whether the count may be 0.

    Raises:
        ValueError: a list is empty that may not be, or they differ in length.
    """
    one = by.removesuffix("s")
    lists = {key: table[key] for key in repeated if isinstance(table.get(key), (list, tuple))}
    for key, values in lists.items():
        if not values and not may_be_empty:
            raise ValueError(f"{key} = [] is empty; write at least one value, one for each {one}")
    if len({len(values) for values in lists.values()}) > 1:
        told = " and ".join(f"{key} is a list of {len(values)}" for key, values in lists.items())
        raise ValueError(f"{told}; give each list one value for each {one}")
    return next(((key, len(values)) for key, values in lists.items()), None)


def with_counts(model: type[Section], table: Any) -> Any:
    """A table of fields with the counts that only follow from a list's length.

    Raises:
        ValueError: as :func:`listed`, or what is counted is there, but the count is left out as 0.
    """
    if not isinstance(table, dict):
        return table
    for by, repeated in counts(model).items():
        if table.get(by) is not None:
            continue
        empty = may_be_none(model, by)
        if found := listed(by, repeated, table, may_be_empty=empty):
            table = {**table, by: found[1]}
        elif empty and (told := [key for key in repeated if table.get(key) is not None]):
            raise ValueError(f"{told[0]} has no effect without {by}; add {by} = 1, or more")
    return table


def lift(model: type[Section], table: Mapping[str, Any]) -> dict[str, Any]:
    """A table of fields with those of a lifted section in a table of their own.

    It is there only where it has fields, or where the section is missing.

    Args:
        model: the section whose fields they are.
        table: fields by name, as a file has them.

    Raises:
        ValueError: a section is there both with a table and without.
    """
    found = dict(table)
    for trait in traits(model):
        if trait.members is None or trait.lifted is None:
            continue
        own = {one.name for one in traits(trait.members[trait.lifted])}
        inside = {key: found.pop(key) for key in table if key in own}
        if found.get(trait.name) is None:
            found[trait.name] = Lifted(inside)
        elif inside and isinstance(found[trait.name], Mapping | Section):  # else the field says it
            key = next(iter(inside))
            raise ValueError(
                f"{key} is a setting of {trait.name} = {show(trait.lifted)}, but there is a table"
                f" of {trait.name}, too; move {key} into it, or leave the table out"
            )
    return found


def lower(
    model: type[Section],
    section: Section,
    dumped: Mapping[str, Any],
    like: Callable[[type[Section]], type[Section]] = lambda member: member,
) -> dict[str, Any]:
    """What was dumped of a section, with the fields of a lifted one among its own.

    Args:
        model: the configuration's section.
        section: what was dumped: that section, a space or a part of it.
        dumped: its fields by name.
        like: what a lifted section's class is there.
    """
    lifted = {
        trait.name: like(trait.members[trait.lifted])
        for trait in traits(model)
        if trait.members is not None and trait.lifted is not None
    }
    found: dict[str, Any] = {}
    for key, value in dumped.items():
        if key in lifted and type(getattr(section, key)) is lifted[key]:
            found |= {inner: value[inner] for inner in value if inner != "type"}
        else:
            found[key] = value
    return found


class Searchable(Section):
    """A section with repeated fields, which a file may write as one value for all."""

    @model_validator(mode="before")
    @classmethod
    def _spread(cls, data: Any) -> Any:
        """Write each repeated field as one value for each of what is counted."""
        if not isinstance(data, dict):
            return data
        known = {trait.name: trait for trait in traits(cls)}
        for key, value in data.items():
            plain = key in known and known[key].members is None and known[key].section is None
            if isinstance(value, dict) and plain:
                raise ValueError(f"{key} = {show(value)} is a table; write a plain value")
        data = with_counts(cls, lift(cls, data))
        for by, repeated in counts(cls).items():
            count = data.get(by, known[by].default)
            if not known[by].allows(count):
                return data  # the field itself says what is wrong
            spread = {key: data.get(key, known[key].default) for key in repeated}
            spread = {key: _for_each(known[key], value, count) for key, value in spread.items()}
            data = {**data, **spread}
        return data

    @model_serializer(mode="wrap")
    def _lower(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return lower(type(self), self, dump(self))


def _for_each(trait: Trait, value: Any, count: int) -> tuple[Any, ...]:
    """One value for each of what is counted; a wrong one stands alone, to be told once."""
    if not isinstance(value, list | tuple) and not trait.allows(value):
        return (value,)
    return per_layer(value, count, trait.name, str(trait.by))


# --- settings of any name --------------------------------------------------------------------


Plain = Annotated[
    Annotated[bool, Strict(), Tag("<bool>")]
    | Annotated[int, Strict(), Tag("<int>")]
    | Annotated[float, Strict(), Tag("<float>")]
    | Annotated[str, Strict(), Tag("<str>")],
    Discriminator(lambda value: f"<{type(value).__name__}>"),
]
"""What a setting of any name may be."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
RANGE_TYPES = ("int", "float", "categorical")
"""The ``type`` of each kind of range; no table that is chosen may be called so."""


def check_own_name(name: str) -> str:
    """Return the name of a setting, or of one of its tables; else raise ValueError."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{show(name)}: a setting's name has letters, digits and _; change it")
    return name


class OwnNames(Searchable):
    """A section that takes settings of any name beside its fields.

    Each is a plain value, or a table that was chosen, with settings of its own.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, "OwnValue"]

    @model_validator(mode="before")
    @classmethod
    def _own_names_are_names(cls, data: Any) -> Any:
        return with_own_names(data)


class Chosen(OwnNames):
    """One of several tables that a setting of any name may be."""

    type: str
    """Which of them."""

    @model_validator(mode="after")
    def _is_no_range(self) -> "Chosen":
        if self.type in RANGE_TYPES:
            raise ValueError("is a range, but only a plain value fits here")
        return self


def own_form(value: Any) -> str:
    """The tag of a plain value, a list, or a table."""
    if isinstance(value, (Mapping, BaseModel)):
        return "<table>"
    return "<list>" if isinstance(value, (list, tuple)) else "<value>"


OwnValue = Annotated[
    Annotated[Plain, Tag("<value>")] | Annotated[Chosen, Tag("<table>")], Discriminator(own_form)
]
"""A setting of any name."""

OwnNames.model_rebuild()
Chosen.model_rebuild()


def with_own_names(data: Any) -> Any:
    """A table as it is, of which every key is a name.

    Raises:
        ValueError: a key is none.
    """
    if isinstance(data, Mapping):
        for name in data:
            check_own_name(str(name))
    return data


def own_names(section: Section) -> dict[str, Any]:
    """The settings of a section that are none of its fields."""
    return {
        name: value
        for name, value in (section.model_extra or {}).items()
        if name not in type(section).model_fields
    }


def value_of(section: Section, name: str) -> Any:
    """A field of a section, or a setting of any name; None: it has none."""
    if name in type(section).model_fields:
        return getattr(section, name)
    return own_names(section).get(name)  # a method may have the same name


def own_trait(name: str, *, is_table: bool) -> Trait:
    """A setting of any name, as the walks see it: a plain value, or one of several tables."""
    members: Mapping[str, type[Section]] | None = {} if is_table else None
    return Trait(name=name, value=Plain, default=None, members=members)


def _held(config: Section) -> tuple[Trait, ...]:
    """The fields of a configuration's section, and its settings of any name."""
    own = own_names(config).items()
    return (
        *traits(type(config)),
        *(own_trait(name, is_table=isinstance(value, Section)) for name, value in own),
    )


# --- identity --------------------------------------------------------------------------------


def identity(config: Section) -> dict[str, Any]:
    """What makes a configuration another one: its settings that differ from the defaults.

    JSON-ready. A field that a later version adds leaves the identity of older configurations as it
    is, as long as its default does what was done without it.
    """
    found: dict[str, Any] = {}
    for trait in _held(config):
        value, default = value_of(config, trait.name), trait.default
        if trait.is_place:
            continue
        if trait.by is not None:
            if any(one != default for one in value):
                found[trait.name] = list(value)
        elif trait.lifted == getattr(value, "type", ""):
            found |= identity(value)
        elif trait.members is not None:
            if value != default:
                found[trait.name] = {"type": value.type, **identity(value)}
        elif trait.section is not None:
            found |= {trait.name: identity(value)} if value != default else {}
        elif value != default:
            found[trait.name] = value
    return found

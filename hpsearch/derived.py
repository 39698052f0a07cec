"""What a file may write in place of a configuration: a space of it, or a part of it.

Both are made from the configuration's own fields (``hpsearch.searchable``). In a space each field
is a plain value or a range, and a section is a fixed one or a table of tables, one for each kind
that the search may choose, with settings of its own. In a part any field may be left out. Settings
of any name (``hpsearch.searchable.OwnNames``) are plain values or ranges, too, or tables of tables.
"""

import operator
from collections.abc import Mapping
from functools import cache, reduce
from typing import Annotated, Any, ClassVar, get_args, get_origin

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Discriminator,
    SerializerFunctionWrapHandler,
    Tag,
    create_model,
    model_serializer,
    model_validator,
)
from pydantic_core import PydanticUndefined

from hpsearch.fields import BY_TYPE, LIFTED, Lifted, Section
from hpsearch.ranges import (
    Categorical,
    FloatRange,
    IntRange,
    LayerChoices,
    LayerFloats,
    LayerInts,
)
from hpsearch.searchable import (
    RANGE_TYPES,
    Chosen,
    OneOf,
    OwnNames,
    OwnValue,
    Plain,
    Trait,
    as_lifted,
    counts,
    kind_of,
    lift,
    lower,
    own_form,
    own_names,
    own_trait,
    per_layer,
    traits,
    value_of,
    with_counts,
    with_own_names,
)
from hpsearch.text import show


class OpenSection(Section):
    """A section whose fields are plain values or ranges; None: left out, the default."""

    of: ClassVar[type[Section]]
    """The section whose fields these are."""

    @model_validator(mode="before")
    @classmethod
    def _as_tables(cls, data: Any) -> Any:
        return with_counts(cls.of, lift(cls.of, data)) if isinstance(data, dict) else data

    @model_validator(mode="after")
    def _lists_fit(self) -> "OpenSection":
        for by, repeated in counts(self.of).items():
            count = self.field(by)
            for key in repeated:
                value = getattr(self, key)
                if getattr(value, "ratio", None) is not None:
                    self._check_ratio(key, value, by)
                if not isinstance(value, tuple):
                    continue
                if not isinstance(count, int):
                    raise ValueError(
                        f"{key} is a list, but {by} is a range; fix {by}, or write"
                        f" {key} as one value or a range with per_layer = true"
                    )
                per_layer(value, count, key, by)
        return self

    def _check_ratio(self, key: str, field: LayerInts[Any], by: str) -> None:
        """Refuse what grows beyond what a layer may have.

        Raises:
            ValueError: the size that it would have.
        """
        count = self.field(by)
        most = (
            max(count.choices) if isinstance(count, Categorical) else getattr(count, "high", count)
        )
        trait = next(trait for trait in traits(self.of) if trait.name == key)
        last = field.from_first(int(field.high), max(field.ratio or ()), max(1, most))[-1]
        if not trait.allows(last):
            raise ValueError(f"{key} reaches {last:,} by its ratio; lower high, the ratio, or {by}")

    @model_serializer(mode="wrap")
    def _lower(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return lower(self.of, self, dump(self), space_of)

    def field(self, name: str) -> Any:
        """A plain value, a range or a section; what is left out has its default."""
        found = value_of(self, name)
        if found is not None:
            return found
        return next(trait.default for trait in self.traits() if trait.name == name)

    def traits(self) -> tuple[Trait, ...]:
        """Its fields, and its settings of any name."""
        own = own_names(self).items()
        return (
            *traits(self.of),
            *(own_trait(name, is_table=isinstance(field, Choice)) for name, field in own),
        )


class Part(Section):
    """Some fields of a section; None: left out."""

    of: ClassVar[type[Section]]
    """The section whose fields these are."""

    @model_validator(mode="before")
    @classmethod
    def _as_tables(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        # Where nothing of a lifted section is written the whole section is left out.
        lifted = lift(cls.of, {key: value for key, value in data.items() if value is not None})
        return {
            key: value
            for key, value in lifted.items()
            if not (isinstance(value, Lifted) and not value)
        }

    @model_serializer(mode="wrap")
    def _lower(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        dumped = {key: value for key, value in dump(self).items() if value is not None}
        # A section of which nothing but its kind is written keeps its table.
        alone = {
            key: value
            for key, value in dumped.items()
            if isinstance(value, dict) and value.keys() == {"type"}
        }
        return lower(self.of, self, dumped, partial_of) | alone


class Choice(Section):
    """One table for each kind of a section that the search may choose."""

    of: ClassVar[Trait]
    """The field whose kinds these are."""

    @model_validator(mode="after")
    def _not_empty(self) -> "Choice":
        if not self.tables():
            known = ", ".join(type(self).model_fields)
            raise ValueError(f"has no {self.of.name}; add at least one of {known}")
        return self

    def tables(self) -> dict[str, Any]:
        """The kinds that may be chosen, each with its settings."""
        return {kind: table for kind, table in self if table is not None}


class OwnSpace(OpenSection):
    """A section whose settings of any name are plain values, ranges, or tables of tables."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, "OwnField"]

    of: ClassVar[type[Section]] = Chosen

    @model_validator(mode="before")
    @classmethod
    def _own_names_are_names(cls, data: Any) -> Any:
        return with_own_names(data)


class OwnChoice(Choice):
    """One table for each that a setting of any name may be."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, OwnSpace]

    @model_validator(mode="before")
    @classmethod
    def _tables_can_be_told(cls, data: Any) -> Any:
        for name in RANGE_TYPES if isinstance(data, Mapping) else ():
            if name in data:
                raise ValueError(f"{name} is the type of a range; call the table otherwise")
        if data == {}:
            raise ValueError("has no table; add at least one, or write a plain value or a range")
        return with_own_names(data)


def _own_tag(value: Any) -> str:
    """The tag of a plain value, a list, a range by its type, a table of tables, or a chosen one."""
    if isinstance(value, Chosen):
        return "<fixed>"
    if isinstance(value, Mapping):
        return f"<{value['type']}>" if "type" in value else "<choice>"
    kind = getattr(value, "type", None)
    return "<choice>" if isinstance(value, Choice) else f"<{kind}>" if kind else own_form(value)


OwnField = Annotated[
    Annotated[Plain, Tag("<value>")]
    | Annotated[IntRange[int], Tag("<int>")]
    | Annotated[FloatRange[float], Tag("<float>")]
    | Annotated[Categorical[Plain], Tag("<categorical>")]
    | Annotated[OwnChoice, Tag("<choice>")]
    | Annotated[Chosen, Tag("<fixed>")],
    Discriminator(_own_tag),
]
"""What a space may have for a setting of any name."""

OwnSpace.model_rebuild()
OwnChoice.model_rebuild()


class OwnPart(Part):
    """A part of a section with settings of any name."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, OwnValue]


@cache
def space_of(model: type[Section]) -> type[OpenSection]:
    """``[space]`` of a configuration: what is left out is fixed to its default."""
    return _open(model, {t.name: (_open_field(t), _open_default(t)) for t in traits(model)})


@cache
def _settings_of(model: type[Section]) -> type[OpenSection]:
    """A table of a :class:`Choice`: None stands for what is left out, as it is not drawn."""
    return _open(
        model,
        {
            t.name: (_open_field(t), ...)
            if t.default is PydanticUndefined
            else (_open_field(t) | None, None)
            for t in traits(model)
        },
    )


def _open(model: type[Section], fields: Mapping[str, Any]) -> type[OpenSection]:
    doc = f"{model.__name__}, each field a plain value or a range."
    base: type[OpenSection] = OwnSpace if issubclass(model, OwnNames) else OpenSection
    made = create_model(f"{model.__name__}Space", __base__=base, __doc__=doc, **fields)
    made.of = model
    return made


def _open_default(trait: Trait) -> Any:
    if trait.section is not None:
        return space_of(trait.section)()
    if trait.members is not None and trait.lifted is not None:
        return space_of(trait.members[trait.lifted])()
    return trait.default


def _open_field(trait: Trait) -> Any:
    """The type of a field that is a plain value or a range, or fixed or a choice.

    The tags keep an error message to the member that was meant.
    """
    if trait.section is not None:
        return space_of(trait.section)
    if trait.members is not None:
        return _section_field(trait, trait.members)
    if trait.is_place:
        return trait.value
    ranges: dict[type, Any] = {int: IntRange, float: FloatRange}
    choices: Any = Categorical
    if trait.by is not None:
        ranges, choices = {int: LayerInts, float: LayerFloats}, LayerChoices
    members = _values(trait)
    plain = _plain(trait.value)
    if plain in ranges:
        members.append(Annotated[ranges[plain][trait.value], Tag(f"<{plain.__name__}>")])
    members.append(Annotated[choices[trait.value], Tag("<categorical>")])
    return Annotated[reduce(operator.or_, members), BY_TYPE]


def _section_field(trait: Trait, members: Mapping[str, type[Section]]) -> Any:
    tables: dict[str, Any] = {
        kind: (_settings_of(one) | None, None) for kind, one in members.items()
    }
    doc = f"One table for each {trait.name} that the search may choose."
    name = f"{trait.name.title()}Choice"
    choice = create_model(name, __base__=Choice, __doc__=doc, **tables)
    choice.of = trait
    forms: Any = Annotated[trait.value, Tag("<fixed>")] | Annotated[choice, Tag("<choice>")]
    if trait.lifted is not None:
        forms |= as_lifted(space_of(members[trait.lifted]))
    return Annotated[
        forms,
        Discriminator(_form),
        BeforeValidator(lambda value: _one_kind(value, trait.name, members)),
    ]


def _form(value: Any) -> str:
    """A table with a type is one fixed section; without, a table of tables."""
    if isinstance(value, Lifted | OpenSection):
        return LIFTED
    fixed = "type" in value if isinstance(value, dict) else hasattr(value, "type")
    return "<fixed>" if fixed else "<choice>"


def _one_kind(value: Any, name: str, members: Mapping[str, type[Section]]) -> Any:
    """Say what is meant where a section is neither fixed nor searched, or both."""
    if isinstance(value, str) and value in members:
        raise ValueError(f"is not a table; write {{ type = {show(value)} }}")
    if not isinstance(value, dict) or isinstance(value, Lifted):
        return value
    if "type" not in value:
        settings = {key for one in members.values() for key in one.model_fields}
        if set(value) & settings - members.keys():
            example = next(iter(members))
            raise ValueError(
                f"has no type; write {{ type = {show(example)}, ... }} for one fixed {name},"
                f" or {example} = {{ ... }} to search its settings"
            )
        return value
    kind = value["type"]
    if not isinstance(kind, str) or kind not in members:
        return value
    for key, setting in value.items():
        known = key in members or key in members[kind].model_fields
        if known and isinstance(setting, dict):
            raise ValueError(
                f"type = {show(kind)} fixes the {name}, but {key} = {show(setting)} does not;"
                f" to search its settings write {kind} = {{ ... }} without a type"
            )
    return value


@cache
def partial_of(model: type[Section]) -> type[Part]:
    """``[[enqueue]]`` of a configuration: any of its fields."""
    fields: dict[str, Any] = {}
    if "type" in model.model_fields:
        fields["type"] = (model.model_fields["type"].annotation, kind_of(model))
    for trait in traits(model):
        kind = trait.value
        if trait.members is not None:
            lifted = trait.members[trait.lifted] if trait.lifted else None
            parts = tuple(map(partial_of, trait.members.values()))
            kind = Annotated[Part, OneOf(parts, lifted and partial_of(lifted))]
        elif trait.section is not None:
            kind = partial_of(trait.section)
        elif trait.by is not None:
            kind = Annotated[reduce(operator.or_, _values(trait)), BY_TYPE]
        fields[trait.name] = (kind | None, None)
    doc = f"Some fields of {model.__name__}; those left out are sampled."
    base: type[Part] = OwnPart if issubclass(model, OwnNames) else Part
    made = create_model(f"Partial{model.__name__}", __base__=base, __doc__=doc, **fields)
    made.of = model
    return made


def _values(trait: Trait) -> list[Any]:
    """One value, and of a repeated field a list of them."""
    kinds = {"<value>": trait.value}
    if trait.by is not None:
        kinds["<list>"] = tuple[trait.value, ...]  # type: ignore[name-defined]  # as it runs
    return [Annotated[kind, Tag(tag)] for tag, kind in kinds.items()]


def _plain(kind: Any) -> Any:
    """A type without its bounds."""
    return _plain(get_args(kind)[0]) if get_origin(kind) is Annotated else kind

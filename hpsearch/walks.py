"""Walks over a configuration's fields and a space of it: drawing, naming, settling, comparing.

A parameter has the name of its field ("batch_size"), with the layer's number where each layer draws
its own ("units_0"), with "_ratio" for what each layer is to the one before, and of the kind's
setting where the search chooses ("adam.learning_rate"); below a setting of any name its own name is
before that ("python.pool.max.size").
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from hpsearch.derived import Choice, OpenSection, OwnChoice, space_of
from hpsearch.fields import Section
from hpsearch.ranges import RANGES, Categorical, Suggest, extent
from hpsearch.searchable import (
    Trait,
    counts,
    kind_of,
    listed,
    may_be_none,
    own_names,
    per_layer,
    traits,
    value_of,
)
from hpsearch.text import show

Params = dict[str, Any]
"""Values of parameters, by name."""


def is_per_layer(field: Any) -> bool:
    """Whether a field of a space is a range from which each layer draws its own value."""
    return bool(getattr(field, "per_layer", False))


def has_ratio(field: Any) -> bool:
    """Whether a field of a space is a range of the first layer, which the others follow from."""
    return getattr(field, "ratio", None) is not None


_RATIO = "_ratio"
"""How the name of the parameter ends that the other layers follow by."""


# --- what there is ---------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Place:
    """One field of a space."""

    name: str
    """Of its parameter, without a layer's number."""
    keys: tuple[str, ...]
    """Where the study file has it, below ``[space]``."""
    field: Any
    """A plain value, a fixed section, or a range; the kinds of a choice are a range, too."""
    trait: Trait
    lifted: bool = False
    """Whether a configuration has it without a table of its section."""
    table: str | None = None
    """The section that it is always in."""

    def within(self, table: Mapping[str, Any]) -> Any:
        """What a table of the whole space has here."""
        for key in self.keys:
            table = table[key]
        return table

    def values(self, config: Mapping[str, Any]) -> list[Any]:
        """What a configuration, as :func:`hpsearch.config.flat` gives it, has here.

        One value, or one for each layer where each draws its own; none of another kind's setting.
        """
        found = self.of_layers(config)
        return found if is_per_layer(self.field) else found[:1]

    def of_layers(self, config: Mapping[str, Any]) -> list[Any]:
        """The same with the values of all layers, however they were drawn."""
        *sections, last = self.keys
        if self.table is not None:
            config, sections = config.get(self.table, {}), sections[1:]
        for section, kind in zip(sections[::2], sections[1::2], strict=True):
            inner = config.get(section, config if self.lifted else {})
            if inner.get("type", kind) != kind:
                return []
            config = inner
        if last not in config:
            return [] if self.trait.lifted is None else [self.trait.lifted]
        if self.trait.members is not None:
            return [config[last]["type"]]
        value = config[last]
        return [value] if self.trait.by is None else list(value)


def places(space: OpenSection) -> list[Place]:
    """Every field of a space, the settings of a choice's kinds after all others.

    A setting that a kind leaves to its default is none of them.
    """
    found: list[Place] = []
    later: list[Place] = []
    for trait in space.traits():
        name, field = trait.name, value_of(space, trait.name)
        if isinstance(field, OpenSection):
            found += [_inside(name, one) if trait.section else one for one in places(field)]
            continue
        if isinstance(field, Choice):
            later += [
                replace(
                    one,
                    name=f"{_of_kind(field, kind, name)}{one.name}",
                    keys=(name, kind, *one.keys),
                    lifted=kind == trait.lifted,
                )
                for kind, table in field.tables().items()
                for one in places(table)
            ]
            field = Categorical(choices=tuple(field.tables()))
        if field is not None:
            found.append(Place(name=name, keys=(name,), field=field, trait=trait))
    return found + later


def _of_kind(choice: Choice, kind: str, name: str) -> str:
    """What stands before the names of the settings of a kind that may be chosen."""
    return f"{name}.{kind}." if isinstance(choice, OwnChoice) else f"{kind}."


def _inside(name: str, one: Place) -> Place:
    """A field of a section as one of the configuration's."""
    return replace(one, name=f"{name}.{one.name}", keys=(name, *one.keys), table=name)


def place_of(space: OpenSection, parameter: str) -> Place | None:
    """The field that a parameter is drawn from; None where the space has none."""
    stem, _, number = parameter.rpartition("_")
    field = stem if number.isdecimal() or f"_{number}" == _RATIO else parameter
    by_name = {place.name: place for place in places(space)}
    return by_name.get(parameter) or by_name.get(field)


def named_fields(space: OpenSection) -> dict[str, Any]:
    """Every field of a space by its parameter's name, plain value or range; see :func:`places`."""
    return {place.name: place.field for place in places(space)}


# --- drawing ---------------------------------------------------------------------------------


def suggest(space: OpenSection, ask: Suggest, prefix: str = "", kind: str | None = None) -> Any:
    """One configuration of a space.

    Args:
        space: of whatever section.
        ask: what chooses the values; only ranges are asked for.
        prefix: what stands before the parameters' names.
        kind: the ``type`` of the section, where it was chosen.
    """
    found: Params = {} if kind is None else {"type": kind}
    for trait in space.traits():  # what counts others is declared before them
        field, name = value_of(space, trait.name), prefix + trait.name
        if field is None:
            continue
        if isinstance(field, OpenSection):
            found[trait.name] = suggest(field, ask, f"{name}." if trait.section else prefix)
        elif isinstance(field, Choice):
            tables = field.tables()
            kind = ask.suggest_categorical(name, tuple(tables))
            found[trait.name] = suggest(tables[kind], ask, _of_kind(field, kind, name), kind)
        elif trait.by is not None:
            count = found.get(trait.by, space.field(trait.by))
            found[trait.name] = _draw_layers(field, ask, name, count, trait.by)
        else:
            found[trait.name] = _draw(field, ask, name)
    return space.of(**found)


def _draw(field: Any, ask: Suggest, name: str) -> Any:
    return field.draw(ask, name) if isinstance(field, RANGES) else field


def _draw_layers(field: Any, ask: Suggest, name: str, count: int, by: str) -> tuple[Any, ...]:
    """One value for each layer; where there are none nothing is asked for."""
    if not count:
        return ()
    if is_per_layer(field):
        return tuple(_draw(field, ask, f"{name}_{layer}") for layer in range(count))
    if has_ratio(field):
        first = _draw(field, ask, name)
        ratio = ask.suggest_categorical(f"{name}{_RATIO}", field.ratio)
        return tuple(field.from_first(first, ratio, count))
    return per_layer(_draw(field, ask, name), count, name, by)


# --- settling: what a file fixes -------------------------------------------------------------


def settle(space: OpenSection, wanted: Section, prefix: str = "", within: str = "") -> Params:
    """The parameters that a configuration, or a part of one, fixes.

    Args:
        space: of the configuration, or of a section.
        wanted: what is left out is None.
        prefix: what stands before the parameters' names.
        within: what stands before the fields' names in a file.

    Raises:
        ValueError: a value that the space cannot yield, with the field and the cure.
    """
    params: Params = {}
    sizes = _sizes(space, wanted, within)
    for unknown in _unknown(space, wanted):
        raise ValueError(
            f"{within}{unknown} is no setting of the space; take it out, or add it there"
        )
    for trait in sorted(space.traits(), key=lambda trait: _turn(space, trait, sizes)):
        field, value = space.field(trait.name), sizes.get(trait.name, value_of(wanted, trait.name))
        name, key = prefix + trait.name, within + trait.name
        if value is None or trait.is_place:
            continue
        if trait.by is not None:
            count = sizes[trait.by]
            count = _most(space.field(trait.by)) if count is None else count
            spread = per_layer(value, count, key, trait.by)
            params |= _settle_layers(field, name, key, spread, trait.by)
        elif trait.section is not None:
            params |= settle(field, value, f"{name}.", f"{key}.")
        elif trait.members is not None:
            params |= _settle_section(field, trait, value, prefix, within)
        else:
            params |= _settle(field, name, key, value)
    return params


def _unknown(space: OpenSection, wanted: Section) -> list[str]:
    """The settings of any name that a space does not have."""
    return [name for name in own_names(wanted) if name not in own_names(space)]


def _sizes(space: OpenSection, wanted: Section, within: str) -> dict[str, int | None]:
    """The counts that a configuration names, if only by a list's length."""
    found: dict[str, int | None] = {}
    for by, repeated in counts(space.of).items():
        found[by] = getattr(wanted, by)
        if found[by] is not None:
            continue
        field = space.field(by)
        fixed = field if isinstance(field, int) else None
        empty = may_be_none(space.of, by)
        of_list = listed(by, repeated, dict(wanted), may_be_empty=empty)
        if of_list is not None and fixed is not None and of_list[1] != fixed:
            key, length = of_list
            raise ValueError(
                f"{within}{key} = {show(list(getattr(wanted, key)))} is a list of {length}, but the"
                f" space fixes {by} to {fixed}; write one value for all {by}, or make {by} a"
                " range in the space"
            )
        found[by] = of_list[1] if of_list else fixed
    return found


def _turn(space: OpenSection, trait: Trait, sizes: Mapping[str, Any]) -> int:
    """When a field is settled: counts, what they count, plain ones, sections."""
    if trait.name in sizes or isinstance(value_of(space, trait.name), OpenSection):
        return 0
    if trait.by is not None:
        return 1
    return 2 if trait.members is None else 3


def _most(count: Any) -> int:
    """The largest value of a field that counts."""
    if isinstance(count, Categorical):
        return int(max(count.choices))
    return int(getattr(count, "high", count))


def _settle(field: Any, name: str, key: str, value: Any) -> Params:
    """The parameter of a range that has a value; none of a plain value that is the same.

    Args:
        field: the field of the space.
        name: of the parameter.
        key: where the value was written, for the message.
        value: what is wanted.

    Raises:
        ValueError: the field cannot have the value.
    """
    given = f"{key} = {show(value)}"
    if isinstance(field, RANGES):
        if not field.contains(value):
            raise ValueError(
                f"{given} is not in the space ({extent(field)}); change it or widen the range"
            )
        return {name: value}
    if field != value:
        raise ValueError(
            f"{given}, but the space fixes it to {show(field)}; change it, or make it a range in"
            " the space"
        )
    return {}


def _settle_layers(
    field: Any, name: str, key: str, values: tuple[Any, ...], by: str
) -> Params:  # fmt: skip
    """One parameter for each layer, or the one that all layers share; none where there are none."""
    if not values:
        return {}
    if is_per_layer(field):
        params: Params = {}
        for layer, value in enumerate(values):
            params |= _settle(field, f"{name}_{layer}", f"{key}[{layer}]", value)
        return params
    if isinstance(field, tuple):
        return _settle(field, name, key, values)
    if has_ratio(field):
        if (ratio := field.ratio_of(values)) is None:
            raise ValueError(
                f"{key} = {show(list(values))} is of no ratio in the space (one of"
                f" {show(list(field.ratio))}, of each layer to the one before); change it, or set"
                " per_layer = true in the space"
            )
        return _settle(field, name, key, values[0]) | {f"{name}{_RATIO}": ratio}
    if len(set(values)) > 1:
        raise ValueError(
            f"{key} = {show(list(values))} differs between {by}, but the space has one {name}"
            f" for all {by}; write one value, or set per_layer = true in the space"
        )
    return _settle(field, name, key, values[0])


def _settle_section(field: Any, trait: Trait, wanted: Any, prefix: str, before: str) -> Params:
    """The parameters of a section's kind, and of those of its settings that are not left out."""
    name = prefix + trait.name
    if isinstance(field, Choice):
        tables = field.tables()
        if not isinstance(wanted, Section):
            raise ValueError(
                f"{before}{trait.name} = {show(wanted)} is not in the space; write a table with a"
                f" type, one of {', '.join(tables)}"
            )
        kind = value_of(wanted, "type")
        if kind not in tables:
            raise ValueError(
                f"{before}{trait.name}.type = {show(kind)} is not in the space (one of"
                f" {', '.join(tables)}); choose one of them or add a table for it"
            )
        inside = f"{before}{_within(trait, wanted)}"
        settings = settle(tables[kind], wanted, _of_kind(field, kind, name), inside)
        return {name: kind, **settings}
    model: type[Section] = field.of if isinstance(field, OpenSection) else type(field)
    key = f"{trait.name}.type"
    _settle(kind_of(model), key, key, wanted.type)
    if isinstance(field, OpenSection):
        return settle(field, wanted, prefix)
    names = [*(one.name for one in traits(model)), *own_names(field)]
    fixed = space_of(model)(**{one: value_of(field, one) for one in names})
    return settle(fixed, wanted, within=_within(trait, wanted))


def _within(trait: Trait, section: Any) -> str:
    """What stands before the names of a section's fields where a file has them."""
    return "" if section.type == trait.lifted else f"{trait.name}."


# --- comparing -------------------------------------------------------------------------------


def misfits(space: OpenSection, config: Section, within: str = "") -> list[str]:
    """The fields of a configuration that a space cannot yield: "units", "optimizer.learning_rate".

    None: the configuration lies in the space, and :func:`settle` gives its parameters.

    Args:
        space: of the configuration, or of a section.
        config: the configuration, or the section.
        within: what stands before the fields' names.
    """
    found: list[str] = []
    sections: list[str] = []
    for trait in space.traits():
        key, field = within + trait.name, space.field(trait.name)
        value = value_of(config, trait.name)
        if trait.is_place:
            continue
        if isinstance(field, OpenSection):
            inside = f"{key}." if trait.section else ""
            found += misfits(field, value, inside) if type(value) is field.of else [key]
        elif trait.members is not None:
            sections += _misfits_of_section(field, trait, value, within)
        elif trait.by is not None:
            if not _settles(_settle_layers, field, key, key, value, trait.by):
                found.append(key)
        elif not _settles(_settle, field, key, key, value):
            found.append(key)
    return found + sections + [within + name for name in _unknown(space, config)]


def _misfits_of_section(field: Any, trait: Trait, value: Any, before: str) -> list[str]:
    if not isinstance(value, Section):
        return [before + trait.name]
    kind, within = type(value), f"{before}{_within(trait, value)}"
    if isinstance(field, Choice):
        table = field.tables().get(value_of(value, "type"))
        return [before + trait.name] if table is None else misfits(table, value, within)
    if type(field) is not kind:
        return [trait.name]
    return [
        f"{within}{name}"
        for name in dict.fromkeys(
            [
                *(t.name for t in traits(kind) if not t.is_place),
                *own_names(field),
                *own_names(value),
            ]
        )
        if value_of(field, name) != value_of(value, name)
    ]


def _settles(settling: Callable[..., Params], *values: Any) -> bool:
    """Whether values can be recorded by one of the functions above."""
    try:
        settling(*values)
    except ValueError:
        return False
    return True


def opened(space: OpenSection, config: Section) -> dict[str, Any]:
    """What of a configuration a space leaves open, as ``[[enqueue]]`` has it; {}: nothing."""
    whole, found = config.model_dump(mode="json"), dict[str, Any]()
    for trait in traits(space.of):  # a section of any names is a choice's, or a fixed one
        field, value = getattr(space, trait.name), getattr(config, trait.name)
        if isinstance(field, OpenSection):
            inner = opened(field, value) if type(value) is field.of else {}
            found |= {trait.name: inner} if inner and trait.section else inner
        elif isinstance(field, Choice):
            found[trait.name] = _as_chosen(field, value)
        elif isinstance(field, RANGES):
            found[trait.name] = whole[trait.name]
            if trait.by is not None:
                found[trait.by] = whole[trait.by]
    return found


def _as_chosen(field: Choice, section: Section) -> dict[str, Any]:
    """A section with those of its settings that the space names."""
    kind = kind_of(type(section))
    table = field.tables().get(kind)
    named = {one.trait.name for one in places(table)} if table is not None else set()
    settings = section.model_dump(mode="json")
    return {key: value for key, value in settings.items() if key == "type" or key in named}

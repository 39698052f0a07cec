"""Data in words: what ``hpsearch data`` says of a data set, by label, and of a table's columns."""

from collections import Counter
from typing import Any

from hpsearch.data.dataset import Dataset
from hpsearch.data.parts import Parts
from hpsearch.data.section import DatasetSection, Folds
from hpsearch.data.tables.look import ColumnLook
from hpsearch.text import brief, plural, shortened, size

ROLES = ("ignore", "group", "time", "weight")
"""Keys of a table that name columns beside inputs and target."""
COLUMN_HEADS = ("column", "kind", "missing", "distinct", "values", "first values")
"""Of :func:`column_cells`."""
_NEWEST = "the newest"
_LONGEST = 24
"""Characters of a category or a date in a list of some."""


def described(
    dataset: Dataset, section: DatasetSection, parts: Parts, copies: int
) -> dict[str, str]:
    """What the data are, by label, for a reader.

    Args:
        dataset: the imported data set.
        section: the data section of a study or recipe.
        parts: the training and validation parts that it asks for.
        copies: validation examples that occur in the training part too.
    """
    return {
        "data": f"{dataset.source}{f', {dataset.path}' if dataset.path else ''}",
        **(_of_table(dataset, section) if dataset.columns else _of_arrays(dataset, section, parts)),
        **_of_target(dataset, section),
        **_of_parts(dataset, section, parts),
        "copies": f"{dataset.summary.copies['train']:,} within the training split,"
        f" {copies:,} of its examples in the validation part,"
        f" {dataset.summary.copies['test']:,} in the test split",
        "fingerprint": dataset.fingerprint,
        "imported": f"{dataset.imported}, {size(dataset.bytes_on_disk)}",
        **({"notes": "; ".join(dataset.notes)} if dataset.notes else {}),
    }


def roles(section: DatasetSection) -> dict[str, Any]:
    """The columns of a table that are neither inputs nor target, by the key that names them."""
    named = {key: getattr(section, key, None) for key in ROLES}
    return {key: list(name) if key == "ignore" else name for key, name in named.items() if name}


def column_cells(look: ColumnLook, rows: int) -> tuple[str, ...]:
    """A column of a table, as a line of a table for readers; see :data:`COLUMN_HEADS`.

    Args:
        look: at the column.
        rows: that were looked at.
    """
    present = max(1, rows - look.missing)
    shares = (f"{_cut(name)} {_percent(n / present)}" for name, n in look.commonest)
    values = f"{look.low} to {look.high}, median {look.median}" if look.low is not None else ""
    return (
        shortened(look.name),
        look.kind,
        f"{look.missing:,}",
        f"{look.distinct:,}",
        ", ".join(shares) or values,
        ", ".join(map(_cut, look.samples)),
    )


def _percent(share: float) -> str:
    """A share above 0, to a whole per cent: "37 %"; "<1 %" and ">99 %" where that would mislead."""
    if share < 0.01:
        return "<1 %"
    return ">99 %" if 0.99 < share < 1 else f"{100 * share:.0f} %"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _of_arrays(dataset: Dataset, section: DatasetSection, parts: Parts) -> dict[str, str]:
    summary = dataset.summary
    top = f" (at most {dataset.maximum:g})" if dataset.maximum is not None else ""
    return {
        "example": f"{' x '.join(map(str, dataset.input_shape))} {dataset.dtype}",
        "values": f"{summary.low:g} to {summary.high:g}{top}; scale = {section.scale}",
        "features": f"{parts.inputs:,}, of which {summary.constant_features:,} never vary and"
        f" {summary.equal_features:,} copy another one",
    }


def _of_table(dataset: Dataset, section: DatasetSection) -> dict[str, str]:
    """Its inputs by kind, and the columns that are none."""
    kinds = Counter(column.kind for column in dataset.columns)
    told = ", ".join(plural(count, kind) for kind, count in kinds.most_common())
    lacking = sum(look.missing for look in dataset.summary.columns)
    cells = dataset.train_size * len(dataset.columns)
    missing = f"; {100 * lacking / cells:.2g} % of the values are missing" if lacking else ""
    named = {
        key: ", ".join(map(shortened, [name] if isinstance(name, str) else name))
        for key, name in roles(section).items()
    }
    return {"inputs": f"{plural(len(dataset.columns), 'column')}: {told}{missing}", **named}


def _of_target(dataset: Dataset, section: DatasetSection) -> dict[str, str]:
    look, name = dataset.summary.target, dataset.target
    if look is None:
        classes = f"{len(dataset.class_names):,}"
        return {"target": f"{shortened(name)}, {classes} classes"} if name else {"classes": classes}
    quartiles = "; ".join(map(brief, look.quartiles))
    logarithm = "; networks model log(1 + target)" if section.log_target else ""
    return {
        "target": f"{shortened(name)}, regression" if name else "regression",
        "range": f"{brief(look.low)} to {brief(look.high)}; quartiles {quartiles}",
        "shape": f"mean {brief(look.mean)}; deviation {brief(look.deviation)}; skewness"
        f" {look.skewness:.1f}{logarithm}",
    }


def _of_parts(dataset: Dataset, section: DatasetSection, parts: Parts) -> dict[str, str]:
    """How many examples are in each part, and how they came there."""
    how, test = _drawn(dataset), "given by the source"
    if dataset.test_taken:
        test = f"a fifth of the source, {how}; the same for all studies"
    return {
        "training": f"{len(parts.train):,} of {dataset.train_size:,} in the training split",
        "validation": _validation(section, parts, how),
        "test": f"{dataset.test_size:,} ({test})",
    }


def _validation(section: DatasetSection, parts: Parts, how: str) -> str:
    if section.validation == "given":
        return f"{len(parts.validation):,} (given by the source)"
    if isinstance(section.validation, Folds) and parts.others:
        sizes = sorted(len(fold.validation) for fold in parts.folds)
        span = f"{sizes[0]:,}" if sizes[0] == sizes[-1] else f"{sizes[0]:,} to {sizes[-1]:,}"
        how = "in order of time" if how == _NEWEST else how
        again = section.validation.repeats
        dealt = f", dealt out {again} times" if again > 1 else ""
        return f"{len(sizes)} folds of {span} of the training split ({how}{dealt})"
    return f"{len(parts.validation):,} (taken from the training split, {how})"


def _drawn(dataset: Dataset) -> str:
    """By what examples are held out; see ``hpsearch.data.splitting``."""
    if "time_train" in dataset.beside:
        return _NEWEST
    if "group_train" in dataset.beside:
        return "whole groups"
    return "stratified by class" if dataset.class_names else "at random"

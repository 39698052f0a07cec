"""Advice: what a user should know of a data set before trusting figures that come from it."""

import re
from collections.abc import Iterator, Sequence

import numpy as np

from hpsearch.data.arrays import PartName
from hpsearch.data.dataset import Dataset
from hpsearch.data.parts import Parts
from hpsearch.data.section import DatasetSection
from hpsearch.data.summary import row_digests
from hpsearch.text import brief, show

IMBALANCE = 3.0
"""So many times as many training examples in the largest as in the smallest class are told."""
_FEW = 10
"""Fewer training examples of a class are told."""
_NAMED = 3
_LARGE = 10.0
"""Unscaled inputs beyond this make the usual initializers and learning rates diverge."""
_FLAWS = 5
_COPIED = 0.05
"""Share of copies from which on they are told of a table: rows of few columns are often alike."""
_SKEWED = 3.0
"""Skewness of a target from which on its logarithm is worth a try; an exponential one has 2."""
_WHOLE = re.compile(r"-?\d+")
_JUDGED: dict[PartName, str] = {"test": "test", "val": "validation"}
"""Parts on which a network is judged."""


def advise(
    dataset: Dataset, section: DatasetSection, parts: Parts, *, all_flaws: bool = False
) -> list[str]:
    """Warnings about the data, one sentence or two each, what matters most first.

    Args:
        dataset: the imported data set.
        section: the data section of a study or recipe.
        parts: the training and validation parts that it asks for.
        all_flaws: name every flaw of a table's columns, not only the first five.
    """
    return [
        *_skipped(dataset),
        *_flaws(dataset, None if all_flaws else _FLAWS),
        *_merged(dataset, section),
        *_unused(dataset, section),
        *_copies(dataset, section),
        *_drawn(dataset, section, parts),
        *_classes(dataset, section, parts),
        *_features(dataset),
        *_stretched(dataset, section),
        *_range(dataset, section),
        *_tail(dataset, section),
    ]


def validation_copies(parts: Parts) -> int:
    """Validation examples whose inputs occur in the training part too, to the last bit."""
    train, validation = (row_digests(p.x, p.rows) for p in (parts.train, parts.validation))
    return int(np.isin(validation, train).sum())


def _listed(items: Sequence[str]) -> str:
    """The first few, and how many more there are."""
    more = f" and {len(items) - _NAMED:,} more" if len(items) > _NAMED else ""
    return "; ".join(items[:_NAMED]) + more


def _skipped(dataset: Dataset) -> Iterator[str]:
    if dataset.skipped:
        yield (
            f"{len(dataset.skipped):,} files could not be read as images and were skipped:"
            f" {_listed(dataset.skipped)}. Fix or remove them"
        )


def _judged(section: DatasetSection) -> Iterator[tuple[PartName, str]]:
    """The parts of the source that a study judges by, with their names."""
    return ((p, name) for p, name in _JUDGED.items() if p != "val" or section.validation == "given")


def _unused(dataset: Dataset, section: DatasetSection) -> Iterator[str]:
    size = sum(dataset.summary.counts.get("val", ()))
    if size and section.validation != "given":
        yield (
            f"the source's own validation part of {size:,} examples is not used: validation"
            " examples are taken from the training split. To use it, set"
            ' dataset.validation = "given"'
        )


def _flaws(dataset: Dataset, most: int | None) -> Iterator[str]:
    """What is suspicious about a table's columns, as the import has found it."""
    flaws = dataset.summary.flaws
    yield from flaws[:most]
    if most is not None and len(flaws) > most:
        yield f"and {len(flaws) - most:,} more about columns: hpsearch data FILE tells all"


def _are_many(copies: int, size: int, dataset: Dataset) -> bool:
    """Whether copies are to be told: any, but of a table a share that is more than chance."""
    return copies > (_COPIED * size if dataset.columns else 0)


def _judgement(dataset: Dataset, name: str) -> str:
    """What copies make look too good."""
    return f"{name} accuracy" if dataset.class_names else f"{name} results"


def _twice(dataset: Dataset) -> str:
    """Copies in a table of few columns may be of different cases."""
    return " where they are the same cases" if dataset.columns else ""


def _copies(dataset: Dataset, section: DatasetSection) -> Iterator[str]:
    summary = dataset.summary
    for part, name in _judged(section):
        copies, size = summary.copies.get(part, 0), sum(summary.counts.get(part, ()))
        if _are_many(copies, size, dataset):
            yield (
                f"{copies:,} of {size:,} {name} examples also occur in the training split (exact"
                f" copies): {_judgement(dataset, name)} will look too good{_twice(dataset)};"
                " remove them from one of the two"
            )
    yield from _contradictions(dataset)


def _contradictions(dataset: Dataset) -> Iterator[str]:
    """Copies with another target; of a table's regression they are ordinary noise."""
    count, is_table = dataset.summary.contradictions, bool(dataset.columns)
    what = "label" if dataset.class_names else "target"
    if is_table and what == "target":
        return
    if _are_many(count, dataset.train_size, dataset):
        cure = "add a column that tells them apart" if is_table else "remove the examples"
        yield (
            f"{count:,} training examples have an exact copy with another {what}:"
            f" no network can learn both; fix the {what}s or {cure}"
        )


def _drawn(dataset: Dataset, section: DatasetSection, parts: Parts) -> Iterator[str]:
    """Copies that a validation part drawn from the training split brings with it."""
    if section.validation == "given" or not dataset.summary.copies["train"]:
        return
    copies = validation_copies(parts)
    if _are_many(copies, len(parts.validation), dataset):
        cure = ", or name the column that such rows share: dataset.group" if dataset.columns else ""
        yield (
            f"{copies:,} of {len(parts.validation):,} validation examples also occur in the"
            f" training part (exact copies): {_judgement(dataset, 'validation')} will look too"
            f" good{_twice(dataset)}; remove the copies{cure}"
        )


def _classes(dataset: Dataset, section: DatasetSection, parts: Parts) -> Iterator[str]:
    names = parts.class_names
    if not names:
        return
    counts = np.bincount(parts.train.y[parts.train.rows], minlength=len(names))
    least, most = int(counts.argmin()), int(counts.argmax())
    if counts[most] >= IMBALANCE * counts[least] and section.class_weights == "none":
        yield (
            f"imbalanced classes: {counts[most]:,} training examples of class {show(names[most])},"
            f" {counts[least]:,} of {show(names[least])}; predicting the first alone has accuracy"
            f' {counts[most] / counts.sum():.4f}. Consider dataset.class_weights = "balanced" and'
            ' objective.metric = "val_f1_macro"'
        )
    few = [f"{show(names[i])} ({counts[i]})" for i in np.flatnonzero(counts < _FEW)]
    if few:
        yield (
            f"fewer than {_FEW} training examples of {_listed(few)}: too few to learn from"
            f"{_as_numbers(dataset, section)}"
        )
    validated = [fold.validation.y[fold.validation.rows] for fold in parts.folds]
    judged = {
        "test": np.array(dataset.summary.counts["test"]),
        "validation": np.bincount(np.concatenate(validated), minlength=len(names)),
    }
    for name, counts in judged.items():
        none = [show(names[i]) for i in np.flatnonzero(counts == 0)]
        if none:
            yield f"no {name} examples of {_listed(none)}: accuracy on these is not measured"


def _as_numbers(dataset: Dataset, section: DatasetSection) -> str:
    """What to do where numbers of a table were taken as classes, and are counts perhaps."""
    names = dataset.class_names
    is_guessed = section.task is None and bool(dataset.columns) and len(names) > 2
    if not (is_guessed and all(_WHOLE.fullmatch(name) for name in names)):
        return ""
    return '; if the target is a count or an amount, set dataset.task = "regression"'


def _merged(dataset: Dataset, section: DatasetSection) -> Iterator[str]:
    """Features of which float32 merges values: of a time stamp, for one, it leaves little."""
    summary = dataset.summary
    standardized = section.scale == "standardize"
    named = [
        f"feature {one.feature} keeps {kept:,} of {one.values:,}"
        for one in summary.merged_named
        if (kept := one.standardized if standardized else one.kept) < one.values
    ]
    if named:
        unnamed = summary.merged_features - len(summary.merged_named)
        several = f"{len(named) + unnamed:,} features lose"
        yield (
            f"{several if len(named) > 1 else 'a feature loses'} distinct values in float32, in"
            f" which networks compute: {_listed(named)} (counted from 0). Subtract an offset"
            " before you save them, for instance x - x_train.min(axis=0), and the same offset from"
            " all later inputs"
        )


def _features(dataset: Dataset) -> Iterator[str]:
    """Constant and equal features; of images these are ordinary (borders, grey as colour)."""
    summary = dataset.summary
    if len(dataset.input_shape) > 1:
        return
    merged = {one.feature for one in summary.merged_named}  # they vary, but not in float32
    constant = [feature for feature in summary.constant_named if feature not in merged]
    if constant:
        count = summary.constant_features - len(summary.constant_named) + len(constant)
        never = "features never vary" if count > 1 else "feature never varies"
        yield (
            f"{count:,} {never} in the training split (from 0: {_listed([*map(str, constant)])}):"
            " leave them out, as they carry no information"
        )
    if summary.equal_features:
        named = [f"{feature} = {first}" for feature, first in summary.equal_named]
        copy = "features copy" if summary.equal_features > 1 else "feature copies"
        yield (
            f"{summary.equal_features:,} {copy} another one (from 0: {_listed(named)});"
            " leave out the copies"
        )


def _stretched(dataset: Dataset, section: DatasetSection) -> Iterator[str]:
    """Features of which standardizing leaves a few values and makes all others alike."""
    summary = dataset.summary
    count = summary.stretched_features
    if count and section.scale == "standardize":
        has = "features have" if count > 1 else "a feature has"
        yield (
            f"{f'{count:,} ' if count > 1 else ''}{has} values so far from the others (from 0:"
            f" {_listed([*map(str, summary.stretched_named)])}) that standardizing makes those"
            " alike: if they stand for missing values, replace them; else clip them, or take"
            " logarithms, before you save the arrays"
        )


def _range(dataset: Dataset, section: DatasetSection) -> Iterator[str]:
    """Inputs that the scale does not fit; of tables it says nothing."""
    summary, top = dataset.summary, dataset.maximum
    if dataset.columns:
        return
    if top is not None and section.scale in ("unit", "symmetric") and summary.high <= top / 2:
        yield (
            f'the largest training input is {summary.high:g}, but scale = "{section.scale}"'
            f' divides by {top:g}: consider dataset.scale = "standardize"'
        )
    largest = max(abs(summary.low), abs(summary.high))
    if section.scale == "none" and largest > _LARGE:
        yield (
            f"inputs reach {largest:g} and are not scaled: networks train badly on such inputs;"
            ' consider dataset.scale = "standardize"'
        )


def _tail(dataset: Dataset, section: DatasetSection) -> Iterator[str]:
    """A target of a regression with few large values, which the squared error is about then."""
    look = dataset.summary.target
    if look is None or section.log_target or look.skewness <= _SKEWED or look.low <= -1:
        return
    name = f" {show(dataset.target)}" if dataset.target else ""
    yield (
        f"the target{name} has a heavy tail (skewness {look.skewness:.1f}, half of the examples"
        f" below {brief(look.quartiles[1])}, the largest {brief(look.high)}): consider"
        " dataset.log_target = true"
    )

"""Advice: what a user should know of a data set before trusting figures that come from it."""

from collections.abc import Iterator, Sequence

import numpy as np

from hpsearch.data.arrays import PartName
from hpsearch.data.dataset import Dataset
from hpsearch.data.parts import Parts
from hpsearch.data.section import DatasetSection
from hpsearch.data.summary import row_digests
from hpsearch.text import show

IMBALANCE = 3.0
"""So many times as many training examples in the largest as in the smallest class are told."""
_FEW = 10
"""Fewer training examples of a class are told."""
_NAMED = 3
_LARGE = 10.0
"""Unscaled inputs beyond this make the usual initializers and learning rates diverge."""
_JUDGED: dict[PartName, str] = {"test": "test", "val": "validation"}
"""Parts on which a network is judged."""


def advise(dataset: Dataset, section: DatasetSection, parts: Parts) -> list[str]:
    """Warnings about the data, one sentence or two each, what matters most first.

    Args:
        dataset: the imported data set.
        section: the data section of a study or recipe.
        parts: the training and validation parts that it asks for.
    """
    return [
        *_skipped(dataset),
        *_merged(dataset, section),
        *_unused(dataset, section),
        *_copies(dataset, section),
        *_drawn(dataset, section, parts),
        *_classes(dataset, section, parts),
        *_features(dataset),
        *_range(dataset, section),
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


def _copies(dataset: Dataset, section: DatasetSection) -> Iterator[str]:
    summary = dataset.summary
    for part, name in _judged(section):
        copies, size = summary.copies.get(part, 0), sum(summary.counts.get(part, ()))
        if copies:
            yield (
                f"{copies:,} of {size:,} {name} examples also occur in the training split (exact"
                f" copies): {name} accuracy will look too good; remove them from one of the two"
            )
    if summary.contradictions:
        yield (
            f"{summary.contradictions:,} training examples have an exact copy with another label:"
            " no network can learn both; fix the labels or remove the examples"
        )


def _drawn(dataset: Dataset, section: DatasetSection, parts: Parts) -> Iterator[str]:
    """Copies that a validation part drawn from the training split brings with it."""
    if section.validation == "given" or not dataset.summary.copies["train"]:
        return
    copies = validation_copies(parts)
    if copies:
        yield (
            f"{copies:,} of {len(parts.validation):,} validation examples also occur in the"
            " training part (exact copies): validation accuracy will look too good; remove the"
            " copies"
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
            f" {counts[least]:,} of {show(names[least])}. Consider dataset.class_weights ="
            ' "balanced" and objective.metric = "val_f1_macro"'
        )
    few = [f"{show(names[i])} ({counts[i]})" for i in np.flatnonzero(counts < _FEW)]
    if few:
        yield f"fewer than {_FEW} training examples of {_listed(few)}: too few to learn from"
    for part, name in _judged(section):
        given = dataset.summary.counts.get(part, ())
        none = [show(names[i]) for i, count in enumerate(given) if count == 0]
        if none:
            yield f"no {name} examples of {_listed(none)}: accuracy on these is not measured"


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


def _range(dataset: Dataset, section: DatasetSection) -> Iterator[str]:
    summary, top = dataset.summary, dataset.maximum
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

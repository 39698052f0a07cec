"""Drawing: the training and validation parts that a data section asks for, and what is fitted."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from hpsearch.data.arrays import Targets
from hpsearch.data.dataset import Dataset
from hpsearch.data.parts import Part, Parts
from hpsearch.data.section import DatasetSection, Folds
from hpsearch.data.sources import source_classes
from hpsearch.data.splitting import folds, held_out, thinned
from hpsearch.data.stratify import Rows
from hpsearch.data.tables.fitted import fit_table
from hpsearch.data.target import fit_target
from hpsearch.data.transform import fit
from hpsearch.errors import InputError


def usually_scaled(section: DatasetSection, dataset: Dataset) -> DatasetSection:
    """The section with the scale that is usual for a data set's inputs, where it names none.

    Args:
        section: the section.
        dataset: the data set.
    """
    is_known = dataset.maximum is not None or bool(dataset.columns)  # which have their own
    if is_known or "scale" in section.model_fields_set:
        return section
    return section.model_copy(update={"scale": "standardize"})


def split(dataset: Dataset, section: DatasetSection) -> Parts:
    """The training and validation parts that a data section asks for.

    Validation examples are drawn from the training split by ``split_seed``, stratified, or are
    the source's own, or there are several folds; ``limit`` then thins the training part, so that it
    leaves validation as it is. All that is fitted comes from the training part alone.

    Args:
        dataset: the imported data set.
        section: the data section; its ``source`` and ``path`` no longer matter here.

    Raises:
        InputError: a share or limit that leaves a class without examples, ``validation =
            "given"`` where nothing is given, a scale that the inputs do not allow.
        UnreachableError: files of the data set that cannot be read.
    """
    first, *others = (
        _fitted(dataset, section, train, validation)
        for train, validation in _drawn(dataset, section)
    )
    return replace(first, others=tuple(others))


class Splits:
    """What :func:`split` gives for the data sections of several networks, each drawn once."""

    def __init__(self, dataset: Dataset) -> None:
        """Args: the data set of all of them."""
        self._dataset = dataset
        self._known: dict[str, Parts] = {}

    def __call__(self, section: DatasetSection) -> Parts:
        """The parts that a section asks for; raises as :func:`split`."""
        key = section.model_dump_json()
        if key not in self._known:
            self._known[key] = split(self._dataset, section)
        return self._known[key]


def _drawn(dataset: Dataset, section: DatasetSection) -> Iterator[tuple[Part, Part]]:
    """The training and the validation part; of a cross-validation those of each fold."""
    x, y = dataset.train()
    weights = dataset.known("weight", "train")
    splits = _splits(dataset, section, x, y)
    if section.include_validation and isinstance(section.validation, Folds):
        *_, (_, validation) = splits
        every = np.arange(len(y))
        rows = _limit(dataset, section, every, y)
        yield Part(x=x, y=y, rows=rows, weights=weights), validation
        return
    for rows, validation in splits:
        train = Part(x=x, y=y, rows=_limit(dataset, section, rows, y), weights=weights)
        if section.include_validation:
            train, validation = _together(dataset, train, validation)  # noqa: PLW2901  # both in one
        yield train, validation


def _fitted(dataset: Dataset, section: DatasetSection, train: Part, validation: Part) -> Parts:
    """A training and a validation part, with all that is fitted to the former."""
    where, is_regression = section.path or section.source, dataset.task == "regression"
    if train.weights is not None:
        train = replace(train, weights=_normalised(train.weights, train.rows, where))
    return Parts(
        train=train,
        validation=validation,
        input_shape=dataset.input_shape,
        class_names=dataset.class_names,
        transform=(
            fit_table(dataset.columns, train.x, train.rows)
            if dataset.columns
            else fit(section.scale, train.x, train.rows, dataset.maximum)
        ),
        target=(
            fit_target(
                train.y,
                train.rows,
                validation.y[validation.rows],
                is_log=section.log_target,
                where=where,
            )
            if is_regression
            else None
        ),
        class_weights=(
            _balanced(train.y[train.rows], len(dataset.class_names))
            if section.class_weights == "balanced" and not is_regression
            else None
        ),
        fingerprint=dataset.fingerprint,
    )


def _splits(
    dataset: Dataset, section: DatasetSection, x: npt.NDArray[np.generic], y: Targets
) -> Iterator[tuple[Rows, Part]]:
    """Rows left for training, and the validation part; of a cross-validation those of each fold."""
    if not isinstance(section.validation, Folds):
        yield _validation(dataset, section, section.validation, x, y)
        return
    number, repeats = section.validation.folds, section.validation.repeats
    group, time = dataset.known("group", "train"), dataset.known("time", "train")
    try:
        for repeat in range(repeats):
            # As it is for the first, so that more repeats leave the first as they were.
            seed = section.split_seed if repeat == 0 else _derived(section.split_seed, repeat)
            for rows, taken in folds(
                np.arange(len(y)), y, number, seed, dataset.class_names, group=group, time=time
            ):
                yield rows, Part(x=x, y=y, rows=taken)
    except ValueError as error:
        raise InputError(
            f"dataset.validation = {{ folds = {number} }} of {len(y)} training examples: {error};"
            " use fewer folds, or add examples"
        ) from None


def _derived(seed: int, repeat: int) -> int:
    """The seed of a further repeat, 0 ... 2**31 - 1."""
    return int(np.random.SeedSequence((seed, repeat)).generate_state(1)[0]) & (2**31 - 1)


def _validation(
    dataset: Dataset,
    section: DatasetSection,
    share: float | Literal["given"],
    x: npt.NDArray[np.generic],
    y: Targets,
) -> tuple[Rows, Part]:
    """Rows left for training, and the validation part."""
    rows = np.arange(len(y))
    if share == "given":
        given = dataset.validation()
        if given is None:
            cures = [f"{one.given} ({one.name})" for one in source_classes() if one.given]
            raise InputError(
                f'dataset.validation = "given", but {section.path or section.source} has no'
                f" validation part; add {' or '.join(cures)}, or write a share such as"
                " dataset.validation = 0.1"
            )
        return rows, Part(x=given[0], y=given[1], rows=np.arange(len(given[1])))
    group, time = dataset.known("group", "train"), dataset.known("time", "train")
    try:
        left, taken = held_out(
            rows, y, share, section.split_seed, dataset.class_names, group=group, time=time
        )
    except ValueError as error:
        given_too = ', or "given"' if dataset.summary.counts.get("val") else ""
        raise InputError(
            f"dataset.validation = {share} of {len(y)} training examples: {error}; choose a share"
            f" closer to 0.5, add examples, or use validation = {{ folds = 5 }}{given_too}"
        ) from None
    return left, Part(x=x, y=y, rows=taken)


def _together(dataset: Dataset, train: Part, validation: Part) -> tuple[Part, Part]:
    """Both parts as the training part, and the validation part among them."""
    if validation.x is train.x:
        rows = np.sort(np.concatenate([train.rows, validation.rows]))
        return replace(train, rows=rows), validation
    x = np.concatenate([train.x, validation.x])  # not mapped any more: a copy in this process
    y = np.concatenate([train.y, validation.y])
    weights = train.weights
    if weights is not None:
        weights = np.concatenate([weights, dataset.known("weight", "val")])
    behind = Part(x=x, y=y, rows=len(train.y) + validation.rows)
    rows = np.concatenate([train.rows, behind.rows])
    return Part(x=x, y=y, rows=rows, weights=weights), behind


def _limit(dataset: Dataset, section: DatasetSection, rows: Rows, y: Targets) -> Rows:
    """At most ``limit`` of the rows."""
    if section.limit is None or section.limit >= len(rows):
        return rows
    try:
        return thinned(rows, y, section.limit, section.split_seed, dataset.class_names)
    except ValueError as error:
        raise InputError(
            f"dataset.limit = {section.limit} of {len(rows)} training examples: {error};"
            " raise the limit, or leave it out"
        ) from None


def _normalised(
    weights: npt.NDArray[np.generic], rows: Rows, where: str
) -> npt.NDArray[np.float32]:
    """Weights whose mean over the training rows is 1, so that their unit does not matter.

    Raises:
        InputError: all of these are 0.
    """
    mean = float(weights[rows].astype(np.float64).mean())
    if not mean:
        raise InputError(
            f"{where}: the weights of all {len(rows):,} training examples are 0; give some a weight"
            " above 0"
        )
    return (weights.astype(np.float64) / mean).astype(np.float32)


def _balanced(y: Targets, classes: int) -> npt.NDArray[np.float32]:
    """Weights n / (classes * n_c), whose mean over the examples is 1 (King & Zeng, 2001)."""
    return (len(y) / (classes * np.bincount(y, minlength=classes))).astype(np.float32)

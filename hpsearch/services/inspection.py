"""Inspecting data before training: classes or target, columns, splits, images, problems."""

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL.Image import Image

from hpsearch.augment import Augment
from hpsearch.data.advice import advise, validation_copies
from hpsearch.data.dataset import Dataset
from hpsearch.data.drawing import usually_scaled
from hpsearch.data.parts import Part, Parts
from hpsearch.data.section import DatasetSection
from hpsearch.errors import InputError
from hpsearch.figures.data_page import data_page
from hpsearch.figures.samples import MOST_CLASSES, contact_sheet, displayable, png
from hpsearch.files import write_bytes, write_text
from hpsearch.home import Home
from hpsearch.services.data import advise_flips, opened_data
from hpsearch.services.described import COLUMN_HEADS, column_cells, described, roles
from hpsearch.services.progress import Progress
from hpsearch.training.start import start_tensorflow

PARTS = ("training", "validation", "test")
_SAMPLES = 10
"""Pictures of each class."""


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """All that is told of the data of one study."""

    dataset: Dataset
    parts: Parts
    facts: dict[str, str]
    """What the data are, by label, for a reader."""
    classes: list[dict[str, Any]]
    """Each class: name, and its training, validation and test examples; of a regression none."""
    roles: dict[str, Any]
    """Of a table: columns that are neither inputs nor target, by the key that names them."""
    warnings: list[str]
    validation_copies: int
    """Validation examples that occur in the training part too."""
    augment: Augment
    """How training changes the examples; off unless they are images."""

    def plain(self, page: Path | None) -> dict[str, Any]:
        """What is known, as JSON, with the page that was written."""
        summary = self.dataset.summary
        return {
            **import_facts(self.dataset),
            "low": summary.low,
            "high": summary.high,
            "maximum": self.dataset.maximum,
            "per_class": self.classes,
            "roles": self.roles,
            "columns": [look.model_dump(mode="json") for look in summary.columns],
            "target_values": None
            if summary.target is None
            else summary.target.model_dump(mode="json"),
            "train": len(self.parts.train),
            "validation": len(self.parts.validation),
            "folds": self._folds(),
            "constant_features": summary.constant_features,
            "equal_features": summary.equal_features,
            "copies": {
                "train_split": summary.copies["train"],
                "validation_split": summary.copies.get("val", 0),
                "test": summary.copies["test"],
                "validation": self.validation_copies,
            },
            "contradictions": summary.contradictions,
            "skipped": list(self.dataset.skipped),
            "notes": list(self.dataset.notes),
            "warnings": self.warnings,
            "page": None if page is None else str(page),
        }

    def write(self, file: Path) -> Path:
        """Write the page, or the sample images alone, to a file; gives it.

        Raises:
            InputError: pictures are asked for, but the examples are none.
            UnreachableError: the file cannot be written.
        """
        sheets = self._sheets() if displayable(self.dataset.input_shape) else {}
        if file.suffix == ".png":
            if not sheets:
                shape = " x ".join(map(str, self.dataset.input_shape))
                raise InputError(f"-o {file}: examples of shape {shape} are not images; use .html")
            write_bytes(file, png([*sheets.values()][-1]))
        else:
            page = data_page(
                f"Data: {self.dataset.source}",
                facts=self.facts,
                parts=PARTS,
                heads=COLUMN_HEADS,
                classes=[(row["name"], [row[part] for part in PARTS]) for row in self.classes],
                warnings=self.warnings,
                sheets={title: png(sheet) for title, sheet in sheets.items()},
                columns=self.column_rows(),
                target=self.dataset.summary.target,
            )
            write_text(file, page)
        return file

    def column_rows(self) -> list[tuple[str, ...]]:
        """Of a table each input column, for a reader, below :data:`COLUMN_HEADS`; else nothing."""
        rows = self.dataset.train_size
        return [column_cells(look, rows) for look in self.dataset.summary.columns]

    def _folds(self) -> list[dict[str, int]]:
        """The examples of each fold of a cross-validation; none without one."""
        folds = self.parts.folds if self.parts.others else ()
        return [{"train": len(fold.train), "validation": len(fold.validation)} for fold in folds]

    def _sheets(self) -> dict[str, Image]:
        """The sheets of sample images, by title; the last one as training sees them."""
        chosen = _chosen(self)
        part = self.parts.train
        found = {"Training images": _sheet(self, part.x[chosen], chosen)}
        if self.augment.is_on:
            start_tensorflow()
            from hpsearch.training.augment import samples  # noqa: PLC0415  # imports TensorFlow

            grey = self.parts.affine.zero(part.x.dtype)
            changed = samples(self.augment, 0, part.x[chosen], grey)
            found["The same images augmented"] = _sheet(self, changed, chosen)
        return found


def inspect(
    section: DatasetSection, augment: Augment, home: Home, progress: Progress
) -> Inspection:
    """Look at the data of a study or recipe; they are imported where need be.

    Args:
        section: the data section.
        augment: how training changes the examples, at the most.
        home: where data sets are kept.
        progress: is told of the import.

    Raises:
        InputError: data that are wrong or not there.
        UnreachableError: data that cannot be read.
    """
    dataset, parts = opened_data(section, home, progress, warn=False)
    section = usually_scaled(section, dataset)
    copies = validation_copies(parts)
    warnings = advise(dataset, section, parts, all_flaws=True)
    if refusal := augment.refusal(parts.shape):
        warnings, augment = [*warnings, refusal], Augment()
    warnings += advise_flips([augment], parts.class_names)
    return Inspection(
        dataset=dataset,
        parts=parts,
        facts=described(dataset, section, parts, copies) | _augmented(augment),
        classes=_classes(dataset, parts),
        roles=roles(section),
        warnings=warnings,
        validation_copies=copies,
        augment=augment,
    )


def import_facts(dataset: Dataset) -> dict[str, Any]:
    """What an import is, for JSON."""
    return {
        "source": dataset.source,
        "path": dataset.path,
        "input_shape": list(dataset.input_shape),
        "dtype": dataset.dtype,
        "task": dataset.task,
        "target": dataset.target,
        "classes": len(dataset.class_names),
        "train_split": dataset.train_size,
        "validation_split": dataset.val_size,
        "test": dataset.test_size,
        "test_split": "taken" if dataset.test_taken else "given",
        "fingerprint": dataset.fingerprint,
        "imported": dataset.imported,
        "bytes": dataset.bytes_on_disk,
    }


def _classes(dataset: Dataset, parts: Parts) -> list[dict[str, Any]]:
    """Each class with its examples in each part, in the order of the labels."""
    if not parts.class_names:
        return []
    test = dataset.summary.counts["test"]
    trained, validated = _counts(parts.train), _counts(parts.validation)
    return [
        {"name": name, "training": trained[i], "validation": validated[i], "test": test[i]}
        for i, name in enumerate(parts.class_names)
    ]


def _counts(part: Part) -> Counter[int]:
    """Examples of each label in a part."""
    return Counter(part.y[part.rows].tolist())


def _augmented(augment: Augment) -> dict[str, str]:
    """How training changes the examples, for a reader; nothing where it does not."""
    words = augment.summary()
    return {"augmented": f"at most {', '.join(words)}; in training alone"} if words else {}


def _groups(view: Inspection) -> tuple[npt.NDArray[np.int64], list[str]]:
    """What sample images are sorted by: the label of every training example, and names by label.

    Classes; of a regression the four quarters of the targets.
    """
    part, look = view.parts.train, view.dataset.summary.target
    if look is None:
        return part.y.astype(np.int64), list(view.parts.class_names)
    ends = pairwise((look.low, *look.quartiles, look.high))
    return np.searchsorted(look.quartiles, part.y), [
        f"{low:.3g} to {high:.3g}" for low, high in ends
    ]


def _chosen(view: Inspection) -> npt.NDArray[np.int64]:
    """The rows of a few training images of each group, the same at every call."""
    of, names = _groups(view)
    rows = np.random.default_rng(0).permutation(view.parts.train.rows)
    labels = of[rows]
    return np.concatenate(
        [rows[labels == label][:_SAMPLES] for label in range(min(MOST_CLASSES, len(names)))]
    )


def _sheet(view: Inspection, images: npt.NDArray[np.generic], rows: npt.NDArray[np.int64]) -> Image:
    """Training images, as they are or augmented, by group.

    Args:
        view: of the data.
        images: shape (n, *input_shape).
        rows: where each comes from, shape (n,).
    """
    summary = view.dataset.summary
    labels, names = _groups(view)
    counts = np.bincount(labels[view.parts.train.rows], minlength=len(names))
    return contact_sheet(
        images,
        labels[rows],
        names,
        counts=counts.tolist(),
        columns=_SAMPLES,
        low=0.0 if view.dataset.maximum else summary.low,
        high=view.dataset.maximum or summary.high,
    )

"""Inspecting data before training: classes, splits, sample images, problems."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL.Image import Image

from hpsearch.augment import Augment
from hpsearch.data.advice import advise, validation_copies
from hpsearch.data.dataset import Dataset
from hpsearch.data.parts import Part, Parts
from hpsearch.data.section import DatasetSection
from hpsearch.errors import InputError
from hpsearch.figures.data_page import data_page
from hpsearch.figures.samples import MOST_CLASSES, contact_sheet, displayable, png
from hpsearch.files import write_bytes, write_text
from hpsearch.home import Home
from hpsearch.services.data import advise_flips, opened_data
from hpsearch.services.progress import Progress
from hpsearch.text import size
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
    """Each class: name, and its training, validation and test examples."""
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
            "train": len(self.parts.train),
            "validation": len(self.parts.validation),
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
        shown = displayable(self.dataset.input_shape) and self.classes
        sheets = self._sheets() if shown else {}
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
                classes=[(row["name"], [row[part] for part in PARTS]) for row in self.classes],
                warnings=self.warnings,
                sheets={title: png(sheet) for title, sheet in sheets.items()},
            )
            write_text(file, page)
        return file

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
    test = dataset.summary.counts["test"]
    trained, validated = _counts(parts.train), _counts(parts.validation)
    classes = [
        {"name": name, "training": trained[i], "validation": validated[i], "test": test[i]}
        for i, name in enumerate(parts.class_names)
    ]
    copies = validation_copies(parts)
    warnings = advise(dataset, section, parts)
    if refusal := augment.refusal(parts.shape):
        warnings, augment = [*warnings, refusal], Augment()
    warnings += advise_flips([augment], parts.class_names)
    return Inspection(
        dataset=dataset,
        parts=parts,
        facts=_described(dataset, section, parts, copies) | _augmented(augment),
        classes=classes,
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
        "classes": len(dataset.class_names),
        "train_split": dataset.train_size,
        "validation_split": dataset.val_size,
        "test": dataset.test_size,
        "test_split": "taken" if dataset.test_taken else "given",
        "fingerprint": dataset.fingerprint,
        "imported": dataset.imported,
        "bytes": dataset.bytes_on_disk,
    }


def _counts(part: Part) -> Counter[int]:
    """Examples of each label in a part."""
    return Counter(part.y[part.rows].tolist())


def _described(
    dataset: Dataset, section: DatasetSection, parts: Parts, copies: int
) -> dict[str, str]:
    """What the data are, by label, for a reader."""
    summary = dataset.summary
    top = f" (at most {dataset.maximum:g})" if dataset.maximum is not None else ""
    own = "given by the source"
    drawn = own if section.validation == "given" else "taken from the training split"
    test = "a fifth of the source, chosen with a fixed seed" if dataset.test_taken else own
    return {
        "data": f"{dataset.source}{f', {dataset.path}' if dataset.path else ''}",
        "example": f"{' x '.join(map(str, dataset.input_shape))} {dataset.dtype}",
        "values": f"{summary.low:g} to {summary.high:g}{top}; scale = {section.scale}",
        "classes": str(len(dataset.class_names)),
        "training": f"{len(parts.train):,} of {dataset.train_size:,} in the training split",
        "validation": f"{len(parts.validation):,} ({drawn})",
        "test": f"{dataset.test_size:,} ({test})",
        "features": f"{parts.inputs:,}, of which {summary.constant_features:,} never vary and"
        f" {summary.equal_features:,} copy another one",
        "copies": f"{summary.copies['train']:,} within the training split,"
        f" {copies:,} of its examples in the validation part,"
        f" {summary.copies['test']:,} in the test split",
        "fingerprint": dataset.fingerprint,
        "imported": f"{dataset.imported}, {size(dataset.bytes_on_disk)}",
        **({"notes": "; ".join(dataset.notes)} if dataset.notes else {}),
    }


def _augmented(augment: Augment) -> dict[str, str]:
    """How training changes the examples, for a reader; nothing where it does not."""
    words = augment.summary()
    return {"augmented": f"at most {', '.join(words)}; in training alone"} if words else {}


def _chosen(view: Inspection) -> npt.NDArray[np.int64]:
    """The rows of a few training images of each class, the same at every call."""
    part = view.parts.train
    rows = np.random.default_rng(0).permutation(part.rows)
    labels = part.y[rows]
    return np.concatenate(
        [rows[labels == label][:_SAMPLES] for label in range(min(MOST_CLASSES, len(view.classes)))]
    )


def _sheet(view: Inspection, images: npt.NDArray[np.generic], rows: npt.NDArray[np.int64]) -> Image:
    """Training images, as they are or augmented, by class.

    Args:
        view: of the data.
        images: shape (n, *input_shape).
        rows: where each comes from, shape (n,).
    """
    summary = view.dataset.summary
    return contact_sheet(
        images,
        view.parts.train.y[rows].astype(np.int64),
        view.parts.class_names,
        counts=[row["training"] for row in view.classes],
        columns=_SAMPLES,
        low=0.0 if view.dataset.maximum else summary.low,
        high=view.dataset.maximum or summary.high,
    )

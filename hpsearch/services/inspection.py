"""Inspecting data before training: classes, splits, sample images, problems."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL.Image import Image

from hpsearch.data.advice import advise, validation_copies
from hpsearch.data.dataset import Dataset
from hpsearch.data.parts import Part, Parts
from hpsearch.data.section import DatasetSection
from hpsearch.errors import InputError
from hpsearch.figures.data_page import data_page
from hpsearch.figures.samples import MOST_CLASSES, contact_sheet, displayable, png
from hpsearch.files import write_bytes, write_text
from hpsearch.home import Home
from hpsearch.services.data import opened_data
from hpsearch.services.progress import Progress
from hpsearch.text import size

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
        sheet = _sheet(self) if displayable(self.dataset.input_shape) else None
        if file.suffix == ".png":
            if sheet is None:
                shape = " x ".join(map(str, self.dataset.input_shape))
                raise InputError(f"-o {file}: examples of shape {shape} are not images; use .html")
            write_bytes(file, png(sheet))
        else:
            page = data_page(
                f"Data: {self.dataset.source}",
                facts=self.facts,
                parts=PARTS,
                classes=[(row["name"], [row[part] for part in PARTS]) for row in self.classes],
                warnings=self.warnings,
                sheet=None if sheet is None else png(sheet),
            )
            write_text(file, page)
        return file


def inspect(section: DatasetSection, home: Home, progress: Progress) -> Inspection:
    """Look at the data of a study or recipe; they are imported where need be.

    Args:
        section: the data section.
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
    return Inspection(
        dataset=dataset,
        parts=parts,
        facts=_described(dataset, section, parts, copies),
        classes=classes,
        warnings=advise(dataset, section, parts),
        validation_copies=copies,
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


def _sheet(view: Inspection) -> Image:
    """A few training images of each class, the same at every call."""
    part, summary = view.parts.train, view.dataset.summary
    rows = np.random.default_rng(0).permutation(part.rows)
    labels = part.y[rows]
    chosen = np.concatenate(
        [rows[labels == label][:_SAMPLES] for label in range(min(MOST_CLASSES, len(view.classes)))]
    )
    return contact_sheet(
        part.x[chosen],
        part.y[chosen],
        view.parts.class_names,
        counts=[row["training"] for row in view.classes],
        columns=_SAMPLES,
        low=0.0 if view.dataset.maximum else summary.low,
        high=view.dataset.maximum or summary.high,
    )

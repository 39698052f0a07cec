"""``hpsearch data``: shows the data of a study file, or what is imported; removes imports."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hpsearch.cli.common import (
    HomeOption,
    JsonOption,
    SetOption,
    opened_data,
    print_json,
    print_table,
    progress,
    say,
    size,
    stdout,
    tell,
)
from hpsearch.home import Home
from hpsearch.text import plural

if TYPE_CHECKING:
    from PIL.Image import Image

    from hpsearch.data.dataset import Dataset
    from hpsearch.data.parts import Part, Parts
    from hpsearch.data.section import DatasetSection

PAGE = "data.html"
"""In a data set's folder: the page about it, where no other name is given."""
_PARTS = ("training", "validation", "test")
_SAMPLES = 10
"""Pictures of each class."""


def data(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="Study file or recipe (default: list all imported"
                                              " data)."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="FILE",
            help="File for the page (.html), or for the sample images alone (.png).",
        ),
    ] = None,
    clear: Annotated[
        bool, typer.Option("--clear", help="Remove the imported data of FILE, or all imported"
                                           " data.")
    ] = False,
    overrides: SetOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Inspect data before training: classes, splits, sample images, problems."""
    from hpsearch.cli.forms import refuse_to_replace
    from hpsearch.errors import InputError
    from hpsearch.study_file import load_either

    place = Home.find(home)
    if file is None and (output is not None or overrides):
        raise InputError("-o and --set need a study file; name it: hpsearch data FILE")
    if clear and (output is not None or as_json):
        raise InputError("--clear only removes data; leave out -o and --json")
    if output is not None and output.suffix not in (".html", ".png"):
        raise InputError(f"-o {output}: unknown ending; use a name that ends in .html or .png")
    if output is not None:
        refuse_to_replace(output, "samples" if output.suffix == ".png" else "data")
    section = None if file is None else load_either(file, overrides or ()).dataset
    if clear:
        _clear(place, section)
    elif section is None:
        _list(place, as_json)
    else:
        _show(section, place, output, as_json)


def _clear(home: Home, section: "DatasetSection | None") -> None:
    from hpsearch.data.cache import clear

    with progress() as report:
        removed = clear(home, section, report)
    tell(f"Removed {plural(removed, 'imported data set')}.")


def _list(home: Home, as_json: bool) -> None:
    """All imported data sets."""
    from hpsearch.data.cache import list_datasets

    rows = [_facts(dataset) for dataset in list_datasets(home)]
    if as_json:
        print_json(rows)
    elif rows:
        print_table(
            ("data set", "from", "train", "test", "size", "imported"),
            [
                [row["source"], row["path"] or "", f"{row['train_split']:,}", f"{row['test']:,}",
                 size(row["bytes"]), row["imported"]]
                for row in rows
            ],
            words=["from", "imported"],
        )  # fmt: skip
    else:
        stdout().print(f"No data are imported in {home.datasets}.")


def _facts(dataset: "Dataset") -> dict[str, Any]:
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


@dataclass(frozen=True, kw_only=True)
class _View:
    """All that is told of the data of one study."""

    dataset: "Dataset"
    parts: "Parts"
    facts: dict[str, str]
    """What the data are, by label, for a reader."""
    classes: list[dict[str, Any]]
    """Each class: name, and its training, validation and test examples."""
    warnings: list[str]
    validation_copies: int
    """Validation examples that occur in the training part too."""


def _show(section: "DatasetSection", home: Home, output: Path | None, as_json: bool) -> None:
    """The data of one study: facts, classes, warnings, and the page with sample images."""
    dataset, parts = opened_data(section, home, warn=False)
    view = _view(dataset, section, parts)
    page = _write(view, output) if output else _kept(view)
    if as_json:
        print_json(_as_json(view, page))
        return
    out = stdout()
    width = max(len(label) for label in view.facts)
    for label, text in view.facts.items():
        out.print(f"{label:{width}}  {text}")
    print_table(
        ("class", *_PARTS),
        [[row["name"], *(f"{row[part]:,}" for part in _PARTS)] for row in view.classes],
    )
    for warning in view.warnings:
        say(f"warning: {warning}.")
    if page is not None:
        out.print(f"{'sample images' if page.suffix == '.png' else 'page'}: {page}")


def _kept(view: _View) -> Path | None:
    """The page beside the data set's arrays; None in a home that this user cannot write."""
    from hpsearch.errors import UnreachableError

    try:
        return _write(view, view.dataset.folder / PAGE)
    except UnreachableError as error:
        say(f"warning: {error}; -o FILE.html writes the page elsewhere.")
        return None


def _view(dataset: "Dataset", section: "DatasetSection", parts: "Parts") -> _View:
    from hpsearch.data.advice import advise, validation_copies

    test = dataset.summary.counts["test"]
    trained, validated = _counts(parts.train), _counts(parts.validation)
    classes = [
        {"name": name, "training": trained[i], "validation": validated[i], "test": test[i]}
        for i, name in enumerate(parts.class_names)
    ]
    copies = validation_copies(parts)
    return _View(
        dataset=dataset,
        parts=parts,
        facts=_described(dataset, section, parts, copies),
        classes=classes,
        warnings=advise(dataset, section, parts),
        validation_copies=copies,
    )


def _counts(part: "Part") -> Counter[int]:
    """Examples of each label in a part."""
    return Counter(part.y[part.rows].tolist())


def _described(
    dataset: "Dataset", section: "DatasetSection", parts: "Parts", copies: int
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


def _as_json(view: _View, page: Path | None) -> dict[str, Any]:
    summary = view.dataset.summary
    return {
        **_facts(view.dataset),
        "low": summary.low,
        "high": summary.high,
        "maximum": view.dataset.maximum,
        "per_class": view.classes,
        "train": len(view.parts.train),
        "validation": len(view.parts.validation),
        "constant_features": summary.constant_features,
        "equal_features": summary.equal_features,
        "copies": {
            "train_split": summary.copies["train"],
            "validation_split": summary.copies.get("val", 0),
            "test": summary.copies["test"],
            "validation": view.validation_copies,
        },
        "contradictions": summary.contradictions,
        "skipped": list(view.dataset.skipped),
        "notes": list(view.dataset.notes),
        "warnings": view.warnings,
        "page": None if page is None else str(page),
    }


def _write(view: _View, file: Path) -> Path:
    """Write the page, or the sample images alone, to a file; gives it.

    Raises:
        InputError: pictures are asked for, but the examples are none.
        UnreachableError: the file cannot be written.
    """
    from hpsearch.errors import InputError
    from hpsearch.figures.data_page import data_page
    from hpsearch.figures.samples import displayable, png
    from hpsearch.files import write_bytes, write_text

    sheet = _sheet(view) if displayable(view.dataset.input_shape) else None
    if file.suffix == ".png":
        if sheet is None:
            shape = " x ".join(map(str, view.dataset.input_shape))
            raise InputError(f"-o {file}: examples of shape {shape} are not images; use .html")
        write_bytes(file, png(sheet))
    else:
        page = data_page(
            f"Data: {view.dataset.source}",
            facts=view.facts,
            parts=_PARTS,
            classes=[(row["name"], [row[part] for part in _PARTS]) for row in view.classes],
            warnings=view.warnings,
            sheet=None if sheet is None else png(sheet),
        )
        write_text(file, page)
    return file


def _sheet(view: _View) -> "Image":
    """A few training images of each class, the same at every call."""
    import numpy as np

    from hpsearch.figures.samples import MOST_CLASSES, contact_sheet

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

"""What a network's inputs are: kept beside its weights, so that it can be used without its data."""

from pathlib import Path

import numpy as np
from pydantic import ValidationError

from hpsearch.data.parts import Part, Parts
from hpsearch.data.tables.fitted import Tabular
from hpsearch.data.target import Standard
from hpsearch.data.transform import Affine
from hpsearch.fields import Section
from hpsearch.files import write_text

_Factor = float | list[float] | list[list[float]] | list[list[list[float]]]
"""A number for all features, for each channel, or for each feature."""


class Inputs(Section):
    """All of ``Parts`` that a trained network depends on."""

    input_shape: tuple[int, ...]
    dtype: str
    """NumPy's name of the type that inputs are stored in."""
    class_names: tuple[str, ...]
    multiplier: _Factor | None = None
    offset: _Factor | None = None
    table: Tabular | None = None
    """Of a table, in place of multiplier and offset."""
    target: Standard | None = None
    fingerprint: str
    training_rows: int | None = None
    """Examples that it was trained on."""
    others: "tuple[Inputs, ...]" = ()
    """Of a cross-validation the other folds."""


def write_inputs(file: Path, parts: Parts) -> None:
    """Write what the inputs of a network are that was trained on some data.

    Raises:
        UnreachableError: the file cannot be written.
    """
    write_text(file, _told(parts).model_dump_json(), makes_folder=False)


def read_inputs(file: Path) -> Parts | None:
    """The data that :func:`write_inputs` was given, without any example; None: it is not there."""
    try:
        return _parts(Inputs.model_validate_json(file.read_bytes()))
    except (OSError, ValidationError, TypeError, ValueError):
        return None


def _told(parts: Parts) -> Inputs:
    return Inputs(
        input_shape=parts.input_shape,
        dtype=parts.train.x.dtype.name,
        class_names=parts.class_names,
        **(
            {"table": parts.transform}
            if isinstance(parts.transform, Tabular)
            else {
                "multiplier": parts.transform.multiplier.tolist(),
                "offset": parts.transform.offset.tolist(),
            }
        ),
        target=parts.target,
        fingerprint=parts.fingerprint,
        training_rows=parts.training_rows,
        others=tuple(_told(fold) for fold in parts.others),
    )


def _parts(told: Inputs) -> Parts:
    """The data without any example."""
    nothing = Part(
        x=np.empty((0, *told.input_shape), told.dtype),
        y=np.empty(0, np.int64 if told.class_names else np.float64),
        rows=np.empty(0, np.int64),
    )
    return Parts(
        train=nothing,
        validation=nothing,
        input_shape=told.input_shape,
        class_names=told.class_names,
        transform=told.table
        or Affine(
            multiplier=np.asarray(told.multiplier, np.float32),
            offset=np.asarray(told.offset, np.float32),
        ),
        target=told.target,
        class_weights=None,
        fingerprint=told.fingerprint,
        trained_on=told.training_rows,
        others=tuple(_parts(fold) for fold in told.others),
    )

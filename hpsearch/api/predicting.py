"""Predictions for data from Python, by the service that predicts files."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl

from hpsearch.api import arrays, frames
from hpsearch.errors import InputError
from hpsearch.services.predict import predict
from hpsearch.services.progress import Progress
from hpsearch.services.workspace import Workspace


def predicted(
    study: str,
    data: Any,
    place: Workspace,
    progress: Progress,
    *,
    trial: int | None,
    ensemble: bool,
    refit: bool,
) -> pl.DataFrame:
    """What a study's network says of new examples; see ``Study.predict``."""
    given = not isinstance(data, (str, os.PathLike))
    if given and not frames.is_frame(data):
        with place.study(study) as found:
            if found.file.dataset.source == "table":
                raise InputError(
                    f"data: is {type(data).__name__}, and study {study} was trained on a table;"
                    " give a data frame with its columns"
                )
    with TemporaryDirectory(prefix="hpsearch-") as folder:
        file = _written(data, Path(folder)) if given else Path(data).expanduser()
        output = Path(folder) / "predictions.parquet"
        try:
            predict(
                study, file, place, progress,
                output=output, trial=trial, ensemble=ensemble, refit=refit,
                called="data" if given else None,
            )  # fmt: skip
        except InputError as error:
            told = str(error)
            raise type(error)(told.replace(str(file), "data") if given else told) from None
        return pl.read_parquet(output, memory_map=False)


def _written(data: Any, folder: Path) -> Path:
    """The file that an array or a frame is written into, in a folder.

    Raises:
        InputError: what is neither.
    """
    if frames.is_frame(data):
        file = folder / "new.parquet"
        file.write_bytes(frames.parquet(frames.as_polars(data)))
        return file
    file = folder / "new.npy"
    np.save(file, arrays.array("x", data), allow_pickle=False)
    return file

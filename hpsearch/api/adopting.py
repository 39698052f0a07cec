"""Adopting from Python: a search learns from an Optuna study that another program made."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, Strict

from hpsearch.api.plain import plain
from hpsearch.errors import InputError
from hpsearch.fields import Section
from hpsearch.parsing import parse
from hpsearch.services.adopt import RETRAIN, adopt
from hpsearch.services.progress import Progress
from hpsearch.services.workspace import Workspace
from hpsearch.text import plural


class _Source(Section):
    """What is adopted; ``hpsearch.services.adopt`` has more."""

    storage: str
    study: str | None = None
    rename: Mapping[str, str] = Field(default_factory=dict)
    metric: str | None = None
    retrain: Annotated[int, Strict(), Field(ge=0)] = RETRAIN


def adopted(
    given: Any, file: Path, table: Mapping[str, Any] | None, place: Workspace, progress: Progress
) -> None:
    """Adopt what fits of an Optuna study; see ``hpsearch.search``.

    Args:
        given: where that is kept, or a mapping of that and options of ``hpsearch adopt``.
        file: the study file, which messages name.
        table: what stands in it; None: it is read.
        place: home and storage.
        progress: is told what was adopted.

    Raises:
        InputError: nothing fits, or there is no such study.
        UnreachableError: a storage that cannot be reached.
    """
    table_of = {"storage": given} if isinstance(given, (str, os.PathLike)) else given
    if not isinstance(table_of, Mapping):
        raise InputError(
            'adopt: give the URL of an Optuna storage, or {"storage": URL, "study": NAME}'
        )
    one = parse(_Source, plain(table_of, "adopt"), "adopt")
    found = adopt(
        one.storage, file, place, progress, study=one.study, rename=one.rename, metric=one.metric,
        retrain=one.retrain, table=table,
    ).found  # fmt: skip
    new = len(found.fitting) - found.there
    progress.say(f"Adopted {plural(new, 'trial')} of {found.source}; already there: {found.there}")

"""Winners of earlier studies, which a new study of the same kind of data tries first."""

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from hpsearch.errors import InputError, NoTrialError, UnknownStudyError
from hpsearch.parsing import parse
from hpsearch.search.attributes import DATASET_KEY
from hpsearch.search.lookup import load_study
from hpsearch.search.queueing import check_size
from hpsearch.search.storage import Storage
from hpsearch.search.study import OpenStudy
from hpsearch.search.trials import best
from hpsearch.search.trials import config as config_of
from hpsearch.space import PartialConfig
from hpsearch.study_file import StudyFile
from hpsearch.text import plural
from hpsearch.walks import misfits, opened

MOST = 3
"""Winners that are tried where the study file names no studies: of the data most alike."""

_LOOKED_AT = 50
"""Studies among which they are, the newest ones."""

Winner = Mapping[str, Any]
"""``study`` and ``trial``: where a configuration comes from."""


def with_winners(
    storage: Storage, file: StudyFile, dataset: Mapping[str, Any]
) -> tuple[StudyFile, list[Winner]]:
    """A new study's file with the winners of earlier studies in front of its portfolio.

    Those of ``transfer.studies``; left out, where a preset is searched, those of the studies of the
    same storage whose data are of the same kind, at most three, the most similar data first. A
    winner that does not lie in the space, or is too large for the budget, is passed over.

    Args:
        storage: where the studies are.
        file: the new study's file.
        dataset: the facts of its data.

    Raises:
        InputError: ``transfer.studies`` names a study that is not there, or has no winner.
    """
    named = file.transfer.studies
    if named is not None:
        found = [_named(storage, name) for name in named]
    elif file.preset is not None and file.sampler.portfolio:
        found = _alike(storage, file, dataset)
    else:
        return file, []
    taken: list[PartialConfig] = []
    winners: list[Winner] = []
    for study in found:
        trial = best(study)
        config = config_of(study, trial)
        if config is None or misfits(file.space, config):
            continue
        partial = parse(PartialConfig, opened(file.space, config), f"study {study.name}")
        if partial in taken:
            continue
        with suppress(InputError):
            check_size(file, partial, dataset, study.name)
            taken.append(partial)
            winners.append({"study": study.name, "trial": trial.number})
        if named is None and len(taken) == MOST:
            break
    first = (*taken, *(one for one in file.portfolio if one not in taken))
    return file.model_copy(update={"portfolio": first}), winners


def in_words(preset: str | None, portfolio: int, winners: Sequence[Winner]) -> str:
    """What a study searches and tries first, in one line; empty: a space of its own alone.

    Args:
        preset: its name; None: the space is not as a whole a preset's.
        portfolio: how many configurations are tried first.
        winners: those of earlier studies among them.
    """
    told = [f"preset {preset}, sized by the data"] if preset else []
    told += [f"{plural(portfolio, 'configuration')} of the portfolio first"] if portfolio else []
    if winners:
        named = ", ".join(f"{one['study']} (trial {one['trial']})" for one in winners)
        told.append(f"the winners of {named} among them")
    return ", ".join(told)


def _named(storage: Storage, name: str) -> OpenStudy:
    try:
        study = load_study(storage, name)
        best(study)
    except UnknownStudyError:
        raise InputError(
            f"transfer.studies: there is no study {name} in this storage; correct it, or leave it"
            " out"
        ) from None
    except NoTrialError as error:
        raise InputError(f"transfer.studies: {error}") from None
    return study


def _alike(storage: Storage, file: StudyFile, dataset: Mapping[str, Any]) -> list[OpenStudy]:
    """The studies with a winner whose data are of the same kind, the most similar ones first."""
    found: list[tuple[float, str, OpenStudy]] = []
    for name in storage.ours(newest=_LOOKED_AT):
        if name == file.name or name.startswith("."):
            continue
        with suppress(InputError, NoTrialError, ValueError):
            study = load_study(storage, name)
            known: Mapping[str, Any] = study.optuna.user_attrs.get(DATASET_KEY) or {}
            if study.is_closed or not known.get("train") or _kind(known) != _kind(dataset):
                continue
            best(study)
            found.append((_distance(known, dataset), name, study))
    return [study for _, _, study in sorted(found, key=lambda one: one[:2])]


def _kind(facts: Mapping[str, Any]) -> tuple[bool, bool, bool]:
    """Whether data are a table, images, classes."""
    is_table = facts.get("table") is not None
    return is_table, len(facts["input_shape"]) > 1, bool(facts["class_names"])


def _distance(one: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    """How different two data sets are in examples, inputs and classes: of their logarithms."""

    def sizes(facts: Mapping[str, Any]) -> list[int]:
        return [facts["train"], math.prod(facts["input_shape"]), len(facts["class_names"]) or 1]

    pairs = zip(sizes(one), sizes(other), strict=True)
    return sum(abs(math.log(a) - math.log(b)) for a, b in pairs)

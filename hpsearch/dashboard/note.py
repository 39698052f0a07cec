"""The note of a study: what is searched, on which data, in which space, and how it was started."""

import re
from collections.abc import Sequence
from typing import Any

from optuna_dashboard import get_note, save_note

from hpsearch.data.facts import sizes, words
from hpsearch.ranges import words as range_words
from hpsearch.search.attributes import DATASET_KEY, NOTE_KEY, WINNERS_KEY
from hpsearch.search.study import OpenStudy
from hpsearch.search.winners import in_words
from hpsearch.search_sections import BudgetSection
from hpsearch.study_file import StudyFile
from hpsearch.walks import named_fields


def has_note(study: OpenStudy) -> bool:
    """Whether a note of ours was written into a study, whoever changed it since then."""
    return NOTE_KEY in study.optuna.user_attrs


def write_note(study: OpenStudy, command: Sequence[str]) -> None:
    """Write the note, unless a user has changed it.

    Args:
        study: the study.
        command: what was typed to run it; nothing secret.
    """
    text = note_of(study, command)
    before = study.optuna.user_attrs.get(NOTE_KEY)
    if text == before or get_note(study.optuna) not in ("", before):
        return
    save_note(study.optuna, text)
    study.optuna.set_user_attr(NOTE_KEY, text)


def note_of(study: OpenStudy, command: Sequence[str]) -> str:
    """The note, in Markdown."""
    file, attrs = study.file, study.optuna.user_attrs
    objective, training = file.objective, file.training
    direction = objective.measure.direction
    winners = attrs.get(WINNERS_KEY) or []
    searched = in_words(file.preset, len(file.portfolio), winners)
    space = f"- space: {_plain(searched)}\n" if searched else ""
    kinds = f"{file.sampler.type} sampler, {file.pruner.type} pruner"
    trained = f"at most {training.epochs} epochs, {kinds}"
    rows = "\n".join(
        f"| {name} | {_plain(range_words(field))} |"
        for name, field in named_fields(file.space).items()
    )
    return f"""\
Networks on **{file.dataset.source}**: {direction} `{objective.metric}` of the
{objective.epoch} epoch.

- data: {_plain(data_words(file, attrs.get(DATASET_KEY) or {}))}
- budget: {budget_words(study.budget)}
{space}- training: {trained}
- command: {_code(" ".join(command))}
- started {study.made}; the study's seed is {file.seed}

| parameter | space |
|---|---|
{rows}
"""


def data_words(file: StudyFile, facts: dict[str, Any]) -> str:
    """What a study knows of its data, in one line."""
    told = [words(facts)]
    told += [] if facts.get("table") else [f"scale {file.dataset.scale}"]  # tables have their own
    told.append(f"fingerprint {str(facts.get('fingerprint'))[:12]}")
    return (
        f"{sizes(facts)} ({facts.get('test', '?')} set aside for testing),"
        f" {', '.join(filter(None, told))}"
    )


def budget_words(budget: BudgetSection) -> str:
    """The limits of a study, in one line."""
    limits = [f"{budget.trials} trials"]
    limits += [f"{budget.timeout:.0f} s"] if budget.timeout else []
    limits += [f"{budget.plateau} trials without a better one"] if budget.plateau else []
    if budget.max_parameters:
        limits.append(f"networks of at most {budget.max_parameters:,} parameters")
    if budget.max_macs:
        limits.append(f"networks of at most {budget.max_macs:,} MACs")
    return ", ".join(limits)


def _code(text: str) -> str:
    """The text as code, in more backticks than there are in it and in one line."""
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    gap = " " if len(fence) > 1 else ""
    return f"{fence}{gap}{' '.join(text.splitlines())}{gap}{fence}"


def _plain(text: str) -> str:
    """The text where Markdown would see signs of its own."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>|" else c for c in text)

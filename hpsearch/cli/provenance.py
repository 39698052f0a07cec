"""Provenance: what commands note of themselves in a study, and ``show --provenance``."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpsearch.cli.common import print_json, print_table, size, stdout, tell

if TYPE_CHECKING:
    from hpsearch.search.study import OpenStudy

TRIAL_SEEDS = 'the first 31 bits of SHA-256("SEED/trial/NUMBER"), SEED the study\'s'
"""How a trial's seed follows (``hpsearch.search.sampling.samplers.derive_seed``)."""


def record(study: "OpenStudy", file: Path | None = None) -> None:
    """Note in a study that this process's command touches it.

    Args:
        study: the study.
        file: the study file that was given; None: there was none.
    """
    from hpsearch.search import history
    from hpsearch.workers.machine import git_state, machine

    git = None if file is None else git_state(file.absolute().parent)
    history.record(study, sys.argv[1:], machine(), git=git)


def provenance(study: "OpenStudy") -> dict[str, Any]:
    """Where a study's results come from, as ``show --provenance --json`` prints it."""
    from hpsearch.report.following import as_toml
    from hpsearch.search.attributes import DATASET_KEY, FORKED_KEY, VERSIONS_KEY
    from hpsearch.search.history import history

    attrs, file = study.optuna.user_attrs, study.file
    dataset = attrs.get(DATASET_KEY) or {}
    budget = {"budget": study.budget}  # which run may have changed
    return {
        "name": study.name,
        "created": study.made,
        "forked_from": attrs.get(FORKED_KEY),
        "data_fingerprint": dataset.get("fingerprint"),
        "split_fingerprint": dataset.get("split_fingerprint"),
        "seeds": {
            "study": file.seed,
            "split": file.dataset.split_seed,
            "trials": TRIAL_SEEDS,
        },
        "versions": attrs.get(VERSIONS_KEY),
        **history(study),
        "study_file": as_toml(file.model_copy(update=budget), study.name),
    }


def show_provenance(study: "OpenStudy", *, as_json: bool) -> None:
    """Print where a study's results come from."""
    facts = provenance(study)
    if as_json:
        print_json(facts)
        return
    out, seeds, old = stdout(), facts["seeds"], facts["forked_from"]
    rows = {
        "made": facts["created"],
        "forked": old and f"from {old['study']}: {old['trials']} trials, {old['date']}",
        "data": f"fingerprint {facts['data_fingerprint']}",
        "split": f"fingerprint {facts['split_fingerprint'] or 'not known'}",
        "seeds": f"study {seeds['study']}, split {seeds['split']}, trials {seeds['trials']}",
        "versions": _pairs(facts["versions"] or {}),
    }
    out.print(facts["name"], style="bold")
    for name, value in rows.items():
        if value:
            out.print(f"{name:<10}{value}")
    for key, machine in facts["machines"].items():
        out.print(f"{'machine':<10}{key}: {_machine(machine)}")
        out.print(f"{'':<10}{_pairs(machine['versions'])}")
    print_table(
        ("date", "machine", "git", "command"),
        [_command(entry) for entry in facts["commands"]],
        words=["machine", "git", "command"],
        title="Commands",
    )
    out.print("# The study file")
    tell(facts["study_file"].removesuffix("\n"))  # not folded for the terminal: to be copied


def _command(entry: dict[str, Any]) -> list[str]:
    """A command as a row of the table."""
    git = entry.get("git")
    commit = "" if git is None else git["commit"][:12] + (" changed" if git["changed"] else "")
    of = f" (of {entry['study']})" if "study" in entry else ""
    return [entry["date"], entry["machine"], commit, entry["command"] + of]


def _machine(machine: dict[str, Any]) -> str:
    """A machine in one line."""
    gpus = ", ".join(machine["gpus"]) or "no GPU"
    return (
        f"{machine['host']}, {machine['cpu']}, {machine['cores']} cores,"
        f" {size(machine['memory'])}, {gpus}, {machine['os']}"
    )


def _pairs(values: dict[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in values.items())

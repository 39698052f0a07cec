"""``hpsearch show --provenance``: where a study's results come from, for a reader."""

from typing import Any

from hpsearch.cli.output import print_json, print_table, stdout, tell
from hpsearch.text import size


def print_provenance(facts: dict[str, Any], *, as_json: bool) -> None:
    """Print where a study's results come from."""
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

"""``hpsearch delete``: removes a study and its files."""

import contextlib
import shutil
from typing import Annotated

import typer

from hpsearch.cli.common import HomeOption, StorageOption, StudyArgument, opened_study
from hpsearch.home import Home


def delete(
    study: StudyArgument,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    home: HomeOption = None,
    storage: StorageOption = None,
) -> None:
    """Remove a study: its trials, runs and logs. Data sets and exported files stay."""
    from hpsearch.errors import InputError, UnreachableError
    from hpsearch.search import study as studies
    from hpsearch.search.artifacts import attached
    from hpsearch.workers.lease import LEASE, mend

    place = Home.find(home)
    with opened_study(study, home, storage) as found:
        mend(found)
        pulses = found.storage.pulses(found.study_id)
        running = [pulse for pulse in pulses if pulse.age is not None and pulse.age < LEASE]
        foreign = sum(pulse.age is None for pulse in pulses)
        if running:
            raise InputError(
                f"study {study}: {len(running)} trials are running; stop them first: hpsearch stop"
                f" {study}. Of a machine that is gone they count as dead {LEASE:.0f} seconds after"
                " their last sign of life"
            )
        total = found.storage.get_n_trials(found.study_id)
        others = f" ({foreign} of them running by another program than hpsearch)" if foreign else ""
        question = f"Remove study {study} with {total} trials{others} and its files?"
        if not (yes or typer.confirm(question)):
            typer.echo("Nothing removed.")
            return
        files = attached(found.storage.get_study_system_attrs(found.study_id))
        studies.delete(found)
    for file in files:
        with contextlib.suppress(OSError):
            (place.artifacts / file).unlink()
    for folder in (place.study_runs(study), place.study_logs(study)):
        try:
            if folder.exists():
                shutil.rmtree(folder)
        except OSError as error:
            raise UnreachableError(
                f"{folder}: cannot be removed: {error.strerror}; remove it by hand"
            ) from None
    typer.echo(f"Removed study {study} ({total} trials).")

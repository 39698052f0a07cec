"""``hpsearch delete``: removes a study and its files."""

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
    from hpsearch.workers.identity import mend

    place = Home.find(home)
    with opened_study(study, home, storage) as found:
        mend(found)
        counts = found.counts()
        if counts.running:
            raise InputError(
                f"study {study}: {counts.running} trials are running; stop its run first (Ctrl-C)."
                " If their machine is gone: hpsearch run FILE --take-over"
            )
        total = len(found.trials())
        if not (yes or typer.confirm(f"Remove study {study} with {total} trials and its files?")):
            typer.echo("Nothing removed.")
            return
        studies.delete(found)
    for folder in (place.study_runs(study), place.study_logs(study)):
        try:
            if folder.exists():
                shutil.rmtree(folder)
        except OSError as error:
            raise UnreachableError(
                f"{folder}: cannot be removed: {error.strerror}; remove it by hand"
            ) from None
    typer.echo(f"Removed study {study} ({total} trials).")

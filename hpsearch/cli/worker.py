"""``hpsearch worker``: one more worker for a study, from any machine that reaches the storage."""

import typer

from hpsearch.cli.common import ForceOption, HomeOption, SetOption, StorageOption, StudyArgument
from hpsearch.home import Home


def worker(
    study: StudyArgument,
    overrides: SetOption = None,
    home: HomeOption = None,
    storage: StorageOption = None,
    force: ForceOption = False,
) -> None:
    """Claim trials of a study and train them until none are left."""
    from hpsearch.search.opening import readable_errors
    from hpsearch.workers.by_hand import settle_device
    from hpsearch.workers.worker import log_to_stderr, work

    log_to_stderr()
    settle_device()
    place = Home.find(home)
    url = place.storage_url(storage)
    with readable_errors(url):
        code = work(study, url=url, home=place, overrides=overrides or (), force=force)
    raise typer.Exit(code)

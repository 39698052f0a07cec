"""``hpsearch confirm``: trains a study's leaders and its baseline again with new seeds."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from hpsearch.cli.common import (
    DataPathOption,
    ForceOption,
    GpusOption,
    HomeOption,
    JsonOption,
    StorageOption,
    StudyArgument,
    WorkersOption,
    opened_storage,
    print_json,
    say,
)
from hpsearch.home import Home

if TYPE_CHECKING:
    from hpsearch.search.confirmation import Leader
    from hpsearch.search.shapes import ConfirmRequest
    from hpsearch.search.study import OpenStudy
    from hpsearch.search.verdict import Verdict

TOP, SEEDS = 3, 5
"""How many leaders are trained again, and with how many seeds each, unless told otherwise."""


def confirm(
    study: StudyArgument,
    top: Annotated[
        int | None,
        typer.Option(
            "--top", min=1, metavar="K", help=f"Confirm the best K configurations (default: {TOP})."
        ),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            "--seeds", min=2, metavar="N", help=f"Use N new seeds for each (default: {SEEDS})."
        ),
    ] = None,
    new_split: Annotated[
        bool, typer.Option("--new-split", help="Also draw a new validation split for each seed.")
    ] = False,
    smallest: Annotated[
        bool | None,
        typer.Option(
            "--smallest/--first",
            help="Choose the smallest network that the seeds cannot tell from the first, or the"
            " first by its mean (default: --first). Given alone, the option chooses among the"
            " configurations of the last confirm.",
        ),
    ] = None,
    workers: WorkersOption = None,
    gpus: GpusOption = "all",
    overrides: DataPathOption = None,
    home: HomeOption = None,
    storage: StorageOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Retrain the leaders and the baseline with new seeds: means, intervals, the winner."""
    from hpsearch.cli.jobs import run_jobs
    from hpsearch.cli.provenance import record
    from hpsearch.cli.verdict import plain_verdict, print_verdict
    from hpsearch.search.confirmation import (
        check_kind,
        ensure_confirmation_study,
        queue,
        refuse_confirmation_study,
        requested_leaders,
    )
    from hpsearch.search.study import load_study

    place = Home.find(home)
    with opened_storage(place, storage, force=force) as opened:
        found = load_study(opened, study)
        refuse_confirmation_study(found)
        anew = smallest is None or new_split or (top, seeds) != (None, None)
        wanted = _wanted(found, top or TOP, seeds or SEEDS, new_split, bool(smallest), anew=anew)
        check_kind(found, wanted.kind)
        chosen, confirmation = requested_leaders(found, wanted), ensure_confirmation_study(found)
        record(found)
        new = queue(
            confirmation, found, chosen, wanted.seeds, wanted.kind, smallest=wanted.smallest
        )  # fmt: skip
        _say_what_comes(confirmation, chosen, wanted, new)
        run_jobs(confirmation, place, storage, workers, gpus, overrides or (), force=force)
        verdict = _judge(found, confirmation, chosen, wanted)
    if as_json:
        print_json(plain_verdict(study, chosen, verdict, wanted.kind))
    else:
        print_verdict(found.file, chosen, verdict, wanted)


def _wanted(
    study: "OpenStudy", top: int, count: int, new_split: bool, smallest: bool, *, anew: bool
) -> "ConfirmRequest":
    """What is to be confirmed: what the options say, or once more what the last ``confirm`` was.

    Args:
        study: the study.
        top: how many of the best.
        count: how many seeds.
        new_split: whether the validation splits are new as well.
        smallest: whether the winner is the smallest.
        anew: whether the options say it; else the last one counts, if there is one.
    """
    from hpsearch.search.confirmation import last_request, leaders, seeds
    from hpsearch.search.shapes import ConfirmRequest, Kind
    from hpsearch.search.study import confirmation_studies

    if not anew:
        for confirmation in confirmation_studies(study):
            if (last := last_request(confirmation)) is not None:
                return last.model_copy(update={"smallest": smallest})
    return ConfirmRequest(
        kind=Kind.SPLIT if new_split else Kind.SEED,
        of=[one.of for one in leaders(study, top)],
        seeds=seeds(study, count),
        smallest=smallest,
    )


def _say_what_comes(
    confirmation: "OpenStudy", chosen: "Sequence[Leader]", wanted: "ConfirmRequest", new: int
) -> None:
    """Tell what is trained."""
    from hpsearch.cli.verdict import listed

    names = listed([one.name for one in chosen])
    splits = " and validation splits" if wanted.kind == "split" else ""
    say(f"Confirming {names} with {len(wanted.seeds)} seeds{splits} each; new runs: {new}.")
    if (others := confirmation.counts().waiting - new) > 0:
        say(f"Runs queued by an earlier command, which are trained as well: {others}.")


def _judge(
    study: "OpenStudy",
    confirmation: "OpenStudy",
    chosen: "Sequence[Leader]",
    wanted: "ConfirmRequest",
) -> "Verdict":
    """What the runs of the chosen configurations came to.

    Raises:
        NoTrialError: none of them completed.
    """
    from hpsearch.cli.confirmed import verdict_on
    from hpsearch.errors import NoTrialError
    from hpsearch.search.confirmation import results

    found = results(study, confirmation, wanted.seeds, wanted.kind)
    runs = {one.of: found[one.of] for one in chosen if one.of in found}
    if not runs:
        raise NoTrialError(
            f"study {confirmation.name}: no run completed; hpsearch trials {confirmation.name}"
            " shows why"
        )
    return verdict_on(study, runs, smallest=wanted.smallest)

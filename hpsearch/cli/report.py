"""``hpsearch report``: one page about a study, to read, to print and to pass on."""

from pathlib import Path
from typing import Annotated

import typer

from hpsearch.cli.common import (
    HomeOption,
    JsonOption,
    StorageOption,
    StudyArgument,
    opened_study,
    print_json,
    progress,
    say,
    size,
    tell,
)
from hpsearch.home import Home


def report(
    study: StudyArgument,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE.html", help="The page (default: STUDY.html)."),
    ] = None,
    home: HomeOption = None,
    storage: StorageOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a report, one HTML page: result, what mattered, what to try next, figures."""
    from hpsearch.cli.confirmed import winner_of
    from hpsearch.cli.forms import refuse_to_replace
    from hpsearch.errors import InputError
    from hpsearch.figures.points import points
    from hpsearch.figures.trials import search_figures
    from hpsearch.files import write_bytes
    from hpsearch.outputs.test_access import accesses
    from hpsearch.outputs.trainings import accuracies_on_test, trainings
    from hpsearch.report.facts import facts
    from hpsearch.report.page import page
    from hpsearch.search.confirmation import values
    from hpsearch.search.trials import row
    from hpsearch.space import searched

    file = output or Path(f"{study}.html")
    if file.suffix not in (".html", ".htm"):
        raise InputError(f"-o {file}: is not a page; give a name that ends in .html")
    if not as_json:
        refuse_to_replace(file, "report")
    place = Home.find(home)
    with opened_study(study, home, storage) as found, progress() as show:
        total = found.storage.get_n_trials(found.study_id)
        show("reading trials", 0, total)
        trials = found.trials()
        show("reading trials", total, total)
        rows = [row(found, trial) for trial in trials]
        trained = trainings(found, place)
        opened, winner = accesses(found, place), winner_of(found)
        known = facts(found, trials, rows, trained, values(found), opened=opened, winner=winner)
    if as_json:
        print_json(known)
        return
    drawn = points(
        rows,
        [trial.intermediate_values for trial in trials],
        accuracies_on_test(trained),
    )
    objective = found.file.objective
    figures = search_figures(drawn, objective.measure, searched(found.file.space))
    # Names of files and hosts may be no text.
    content = page(known, figures).encode("utf-8", "backslashreplace")
    write_bytes(file, content)
    say(f"{len(rows)} trials, {size(len(content))}; open it in a browser:")
    tell(str(file))

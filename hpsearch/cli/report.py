"""``hpsearch report``: one page about a study, to read, to print and to pass on."""

from pathlib import Path
from typing import Annotated

import typer

from hpsearch.cli.options import HomeOption, JsonOption, StudyArgument
from hpsearch.cli.output import Screen, print_json, say, tell
from hpsearch.cli.server import ServerOption, service_of
from hpsearch.cli.workspace import StorageOption, workspace
from hpsearch.errors import InputError
from hpsearch.services import report as service
from hpsearch.services.overwriting import refuse_to_replace
from hpsearch.text import plural, size


def report(
    context: typer.Context,
    study: StudyArgument,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE.html", help="The page (default: STUDY.html)."),
    ] = None,
    server: ServerOption = None,
    home: HomeOption = None,
    storage: StorageOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a report, one HTML page: result, what mattered, what to try next, figures."""
    file = output or Path(f"{study}.html")
    if file.suffix not in (".html", ".htm"):
        raise InputError(f"-o {file}: is not a page; give a name that ends in .html")
    client = service_of(context, server, "study", "output", "as_json")
    if not as_json:
        refuse_to_replace(file, "report")
    if client is not None:
        with client:
            if as_json:
                print_json(client.study(study).facts())
                return
            count = client.study(study).report(file).stat().st_size
        say(f"{size(count)}; open it in a browser:")
        tell(str(file))
        return
    found = service.report(study, workspace(home, storage), Screen())
    if as_json:
        print_json(found.facts)
        return
    count = found.write(file)
    say(f"{plural(len(found.rows), 'trial')}, {size(count)}; open it in a browser:")
    tell(str(file))

"""``hpsearch serve``: a team submits studies over HTTP, and this machine searches them."""

from pathlib import Path
from typing import Annotated

import typer

from hpsearch.cli.options import ForceOption, GpusOption, HomeOption
from hpsearch.cli.output import Screen, say, tell
from hpsearch.cli.workspace import StorageOption, workspace
from hpsearch.errors import InputError
from hpsearch.services.plans import chosen_gpus
from hpsearch.services.rules import Rules
from hpsearch.services.upload import Limits
from hpsearch.workers.cores import available_cores
from hpsearch.workers.slots import Count, make_slots
from hpsearch.workers.worker import log_to_stderr


def serve(
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; 0.0.0.0 for the whole network.")
    ] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(
            "--port", min=0, max=65535,
            help="Port to listen on; 0 for any free one (default: 8080, or a free one if it is"
            " taken).",
        ),
    ] = None,
    tls_cert: Annotated[
        Path | None, typer.Option("--tls-cert", metavar="FILE", help="Certificate (PEM), for TLS.")
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option("--tls-key", metavar="FILE", help="Its private key (PEM).")
    ] = None,
    plain_http: Annotated[
        bool,
        typer.Option("--plain-http", help="Let other machines connect without TLS, for a proxy."),
    ] = False,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-host", metavar="NAME",
            help="Also answer to this host name, such as a proxy's (repeatable).",
        ),
    ] = None,
    data_root: Annotated[
        Path | None,
        typer.Option(
            "--data-root", metavar="DIR",
            help="Folder of data: submitted studies may read what lies below it, and nothing else.",
        ),
    ] = None,
    allow_code: Annotated[
        bool,
        typer.Option("--allow-code", help="Run Python networks that lie below --data-root."),
    ] = False,
    max_upload: Annotated[
        float,
        typer.Option("--max-upload", metavar="GIB", min=0, help="GiB of one upload at most."),
    ] = 4,
    max_uploads: Annotated[
        float,
        typer.Option(
            "--max-uploads", metavar="GIB", min=0, help="GiB of all uploads of one user at most."
        ),
    ] = 20,
    workers: Annotated[
        str, typer.Option("--workers", metavar="N|auto", help="Number of worker processes.")
    ] = "auto",
    per_user: Annotated[
        int | None,
        typer.Option("--per-user", metavar="N", min=1, help="Workers of one user at most."),
    ] = None,
    gpus: GpusOption = "all",
    home: HomeOption = None,
    storage: StorageOption = None,
    force: ForceOption = False,
) -> None:  # fmt: skip
    """Run the service: studies are submitted over HTTP, queued, and searched by this machine."""
    try:
        from hpsearch.server.serve import Settings  # noqa: PLC0415  # an extra
        from hpsearch.server.serve import serve as run  # noqa: PLC0415  # see above
    except ModuleNotFoundError as error:
        raise InputError(
            f"hpsearch serve: {error.name} is not installed; install it: pip install"
            " 'hpsearch[serve]'"
        ) from None
    settings = Settings(
        host=host,
        port=port,
        allowed=allow_host or (),
        certificate=tls_cert,
        key=tls_key,
        plain=plain_http,
        limits=Limits(most=int(max_upload * 2**30), most_of_user=int(max_uploads * 2**30)),
        rules=Rules(data_root=data_root and data_root.absolute(), allow_code=allow_code),
        most_of_user=per_user,
    )
    plan = make_slots(
        chosen_gpus(gpus, Screen()), cores=available_cores().count, count=_count(workers)
    )
    log_to_stderr()
    say(plan.summary)
    raise typer.Exit(run(settings, plan.slots, workspace(home, storage, force=force), tell, say))


def _count(text: str) -> Count:
    """The number of workers that was typed.

    Raises:
        InputError: it is none.
    """
    if text == "auto":
        return "auto"
    if not text.isdecimal() or not 1 <= int(text[:9]) <= 1000:
        raise InputError(f"--workers {text}: write a whole number from 1 to 1000, or auto")
    return int(text)

"""``hpsearch serve``: a team submits studies over HTTP, and this machine searches them."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hpsearch.cli.engine import AddressOption, EngineOption
from hpsearch.cli.options import ForceOption, GpusOption, HomeOption
from hpsearch.cli.output import Screen, say, tell
from hpsearch.cli.workspace import StorageOption, workspace
from hpsearch.errors import InputError
from hpsearch.search.database.urls import absolute_url
from hpsearch.server.logs import Format, Level, log_to_stderr
from hpsearch.services.plans import Engine, chosen_gpus, connected_cluster
from hpsearch.services.rules import Rules
from hpsearch.services.upload import Limits
from hpsearch.services.webhook_hosts import receivers
from hpsearch.services.workspace import Workspace
from hpsearch.workers.cores import available_cores
from hpsearch.workers.slots import Count, Slot, make_slots

if TYPE_CHECKING:
    from hpsearch.server.child import Assignable


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
    webhook_host: Annotated[
        list[str] | None,
        typer.Option(
            "--webhook-host", metavar="HOST[:PORT]",
            help="Let submitted studies name a webhook there, which is told of their end"
            " (repeatable; a network like 10.1.0.0/16 lets hosts have addresses in it).",
        ),
    ] = None,
    log_format: Annotated[
        Format, typer.Option("--log-format", help="Of the log's lines.")
    ] = Format.TEXT,
    log_level: Annotated[
        Level,
        typer.Option(
            "--log-level",
            help="warning: what is wrong; info: decisions, too; debug: requests, too.",
        ),
    ] = Level.INFO,
    gpus: GpusOption = "all",
    engine: EngineOption = Engine.LOCAL,
    address: AddressOption = None,
    home: HomeOption = None,
    storage: StorageOption = None,
    force: ForceOption = False,
) -> None:  # fmt: skip
    """Run the service: studies are submitted over HTTP, queued, and searched by this machine."""
    try:
        from hpsearch.server.serve import serve as run  # noqa: PLC0415  # an extra
        from hpsearch.server.settings import Settings  # noqa: PLC0415  # see above
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
        rules=Rules(
            data_root=data_root and data_root.absolute(),
            allow_code=allow_code,
            receivers=receivers(webhook_host or ()),
        ),
        most_of_user=per_user,
    )
    settings.check()  # before a cluster is started
    where = workspace(home, storage, force=force)
    where = replace(where, storage=absolute_url(where.url))  # also for what works elsewhere
    log_to_stderr(log_format, log_level)
    speak = say if log_format is Format.TEXT else logging.getLogger(__name__).info
    with _placed(engine, address, gpus, _count(workers), where) as (slots, make_child, summary):
        speak(summary)
        raise typer.Exit(run(settings, slots, where, tell, speak, make_child=make_child))


@contextmanager
def _placed(
    engine: Engine, address: str | None, gpus: str, count: Count, where: Workspace
) -> "Iterator[tuple[Sequence[Slot], Callable[..., Assignable], str]]":
    """The slots for the block, what makes their workers, and that in one line.

    Args:
        engine: who places them.
        address: of Ray's cluster.
        gpus: as typed.
        count: of the workers.
        where: with the storage.

    Raises:
        InputError: what was typed does not fit together.
        UnreachableError: there is no cluster.
    """
    if engine == Engine.LOCAL:
        from hpsearch.server.child import AssignedChild  # noqa: PLC0415  # an extra

        if address is not None:
            raise InputError("--address: needs --engine ray")
        chosen = chosen_gpus(gpus, Screen())
        plan = make_slots(chosen, cores=available_cores().count, count=count)
        yield plan.slots, AssignedChild, plan.summary
        return
    with connected_cluster(address, gpus, where, Screen()) as cluster:
        from hpsearch.server.ray_child import RayAssigned  # noqa: PLC0415  # an extra
        from hpsearch.services.ray_plan import service_plan  # noqa: PLC0415  # see above

        slots, portion, summary = service_plan(cluster, count, use_gpus=gpus != "none")
        yield slots, partial(RayAssigned, portion=portion), summary


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

"""The networks: one file each, with its fields, its size and its summary.

A new one is a file beside its siblings, listed in :data:`NETWORKS`, and its builder in
``hpsearch.training.networks``.
"""

from pathlib import Path
from typing import Annotated, Any

from hpsearch.networks.conv import Conv
from hpsearch.networks.dense import Dense
from hpsearch.networks.network import Network
from hpsearch.networks.python import Python
from hpsearch.searchable import OneOf, kind_of

NETWORKS: dict[str, type[Network]] = {kind_of(one): one for one in (Dense, Conv, Python)}
"""Every network by the ``type`` that a file names it by."""

AnyNetwork = Annotated[Network, OneOf((*NETWORKS.values(),), lifted=Dense)]
"""The field of a configuration that holds one of them; those of a dense one need no table."""


def locate(data: dict[str, Any], folder: Path, where: str) -> None:
    """Find what networks name in a study file's or a recipe's table, in place; see
    :meth:`Network.located`.

    Args:
        data: the table, not checked yet.
        folder: what paths are relative to.
        where: the file, for a message.
    """
    parts = [one for key in ("enqueue", "portfolio") for one in _list(data.get(key))]
    for holder in (*(data.get(key) for key in ("config", "space", "baseline")), *parts):
        network = holder.get("network") if isinstance(holder, dict) else None
        if not isinstance(network, dict):
            continue
        if "type" in network:
            kind = NETWORKS.get(str(network["type"]), Network)
            network.update(kind.located(network, folder, where))
            continue
        for name, table in network.items():
            if isinstance(table, dict):
                kind = NETWORKS.get(name, Network)
                network[name] = kind.located(table, folder, where)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []

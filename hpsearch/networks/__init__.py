"""The networks: one file each, with its fields, its size and its summary.

A new one is a file beside its siblings, listed in :data:`NETWORKS`, and its builder in
``hpsearch.training.networks``.
"""

from typing import Annotated

from hpsearch.networks.conv import Conv
from hpsearch.networks.dense import Dense
from hpsearch.networks.network import Network
from hpsearch.searchable import OneOf, kind_of

NETWORKS: dict[str, type[Network]] = {kind_of(one): one for one in (Dense, Conv)}
"""Every network by the ``type`` that a file names it by."""

AnyNetwork = Annotated[Network, OneOf((*NETWORKS.values(),), lifted=Dense)]
"""The field of a configuration that holds one of them; those of a dense one need no table."""

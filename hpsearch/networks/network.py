"""Network: what every kind of network has, its size and its summary."""

from collections.abc import Mapping
from typing import Any, ClassVar

from hpsearch.searchable import Searchable

Shape = tuple[int, ...]
"""Of one example, without the batch."""


class Network(Searchable):
    """The fields of one kind of network; nothing left to choose."""

    type: str
    grows_with: ClassVar[tuple[str, ...]]
    """The fields that its number of parameters depends on."""

    def parameters(self, shape: Shape, outputs: int) -> int:
        """Trainable parameters.

        Args:
            shape: of an example.
            outputs: values that the network puts out for an example.
        """
        raise NotImplementedError

    def output_sizes(self, shape: Shape, outputs: int) -> list[int]:
        """How many values each layer puts out for one example, the scaled inputs first.

        Args:
            shape: of an example.
            outputs: values that the network puts out for an example.
        """
        raise NotImplementedError

    @classmethod
    def summary(cls, network: Mapping[str, Any]) -> list[str]:
        """The words of a short line.

        Args:
            network: the fields, JSON-ready.
        """
        raise NotImplementedError

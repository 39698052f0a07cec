"""The sources of data: a module each, with a class that has its keys of ``[dataset]`` and reads it.

A new one is a module beside its siblings and a line in :data:`SOURCES`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hpsearch.data.sources.source import Source

SOURCES = {
    "digits": "Digits",
    "mnist": "Mnist",
    "fashion_mnist": "FashionMnist",
    "cifar10": "Cifar10",
    "cifar100": "Cifar100",
    "npz": "Npz",
    "image_folder": "ImageFolder",
    "table": "Table",
}
"""The class of each source, by the name that ``dataset.source`` has, which is its module's, too.

Names alone, as ``--help`` and processes that decode images do without all that modules import.
"""


def source_class(name: str) -> "type[Source]":
    """The class of one source.

    Args:
        name: one of :data:`SOURCES`.
    """
    found: type[Source] = getattr(import_module(f"{__name__}.{name}"), SOURCES[name])
    return found


def source_classes() -> "list[type[Source]]":
    """The classes of all sources, in the order of :data:`SOURCES`."""
    return [source_class(name) for name in SOURCES]

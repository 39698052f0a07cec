"""The networks in Keras: one file each, with the layers of a network's fields."""

import functools
from collections.abc import Callable

import keras

from hpsearch.networks.network import Network
from hpsearch.networks.python import Data
from hpsearch.training.networks import conv, dense, members, python

Builder = Callable[..., keras.KerasTensor]
"""(network, scaled inputs, data, seed, policy of the hidden layers) to float32 outputs."""


def _by_outputs(build: Builder) -> Builder:
    """A builder that needs nothing of the data but how many values the network puts out."""

    @functools.wraps(build)
    def built(
        network: Network, x: keras.KerasTensor, data: Data, seed: int, policy: keras.DTypePolicy
    ) -> keras.KerasTensor:
        return build(network, x, data.outputs, seed, policy)

    return built


BUILDERS: dict[str, Builder] = {
    "dense": _by_outputs(dense.build),
    "members": _by_outputs(members.build),
    "conv": _by_outputs(conv.build),
    "python": python.build,
}
"""By the ``builder`` of the network, which is its module's name, too.

Exported scripts take ``build`` as it stands, with what it uses (``hpsearch.script.shared``): it
asks nothing of the network but fields.
"""


def build(
    network: Network,
    x: keras.KerasTensor | python.Given,
    data: Data,
    seed: int,
    policy: keras.DTypePolicy,
) -> keras.KerasTensor:
    """The layers of a network.

    Its trainable parameters are those that ``network.size`` counts, where it can.

    Args:
        network: its fields.
        x: scaled inputs, shape (batch, ...); of a network of the user's own all that it may take.
        data: what is known of the data.
        seed: the trial's seed; same seed, same weights and dropout masks.
        policy: types of the hidden layers; the outputs are float32 always.

    Returns:
        the outputs, shape (batch, outputs).
    """
    return BUILDERS[network.builder](network, x, data, seed, policy)

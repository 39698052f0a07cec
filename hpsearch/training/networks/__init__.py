"""The networks in Keras: one file each, with the layers of a network's fields."""

from collections.abc import Callable

import keras

from hpsearch.networks.network import Network
from hpsearch.training.networks import conv, dense, members

Builder = Callable[..., keras.KerasTensor]
"""(network, scaled inputs, outputs, seed, policy of the hidden layers) to float32 outputs."""

BUILDERS: dict[str, Builder] = {
    "dense": dense.build,
    "members": members.build,
    "conv": conv.build,
}
"""By the ``builder`` of the network, which is its module's name, too.

Exported scripts take ``build`` as it stands, with what it uses (``hpsearch.script.shared``): it
asks nothing of the network but fields.
"""


def build(
    network: Network, x: keras.KerasTensor, outputs: int, seed: int, policy: keras.DTypePolicy
) -> keras.KerasTensor:
    """The layers of a network.

    Its trainable parameters are those that ``network.parameters`` counts.

    Args:
        network: its fields.
        x: scaled inputs, shape (batch, ...).
        outputs: values that the network puts out for an example.
        seed: the trial's seed; same seed, same weights and dropout masks.
        policy: types of the hidden layers; the outputs are float32 always.

    Returns:
        the outputs, shape (batch, outputs).
    """
    return BUILDERS[network.builder](network, x, outputs, seed, policy)

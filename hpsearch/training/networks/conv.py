"""Convolutional and hybrid networks in Keras: blocks, a head, and the Dense layers behind it."""

import keras

from hpsearch.networks.conv import Conv, pools_first
from hpsearch.training.layers import BatchNormalization, Conv2D
from hpsearch.training.networks.dense import activated, dropped, kernel, stack
from hpsearch.training.seeds import dropout_seed

POOLS = {"max": keras.layers.MaxPooling2D, "avg": keras.layers.AveragePooling2D}
HEADS = {"gap": keras.layers.GlobalAveragePooling2D, "flatten": keras.layers.Flatten}


def build(
    network: Conv, x: keras.KerasTensor, outputs: int, seed: int, policy: keras.DTypePolicy
) -> keras.KerasTensor:
    """The blocks, the head, and Dense layers, the last of which is float32."""
    if len(x.shape) == 3:  # of grey images, which have no channels
        x = keras.layers.Reshape((*x.shape[1:], 1), dtype=policy, name="channels")(x)
    layer = 0  # kernels so far
    for block in range(network.blocks):
        inputs = x
        for conv in range(network.convs[block]):
            name, last = f"{block}_{conv}", conv == network.convs[block] - 1
            made = {"strides": 2 if last and network.pool == "stride" else 1, "dtype": policy}
            made |= {"filters": network.filters[block], "kernel_size": network.kernel[block]}
            x = convolved(network, x, name, **made, **kernel(network, seed, layer))
            layer += 1
            if last and network.residual:
                if made["strides"] > 1 or inputs.shape[-1] != x.shape[-1]:
                    made["kernel_size"], name = 1, f"{block}_shortcut"
                    inputs = convolved(
                        network, inputs, name, **made, **kernel(network, seed, layer)
                    )
                    layer += 1
                x = keras.layers.Add(dtype=policy, name=f"add_{block}")([x, inputs])
            if last and pools_first(network):
                x = pooled(network, x, block, policy)
            x = activated(network, x, f"{block}_{conv}", policy)
        if network.pool != "stride" and not pools_first(network):
            x = pooled(network, x, block, policy)
        mask, name = dropout_seed(seed, layer - 1), f"block_{block}"
        x = dropped(x, network.dropout[block], mask, name)
    x = HEADS[network.head](dtype=policy, name="head")(x)
    dropout = network.dense_dropout
    return stack(network, x, outputs, seed, policy, dropout=dropout, before=layer)


def pooled(
    network: Conv, x: keras.KerasTensor, block: int, policy: keras.DTypePolicy
) -> keras.KerasTensor:
    """Pooling to half the height and width."""
    return POOLS[network.pool](2, padding="same", dtype=policy, name=f"pool_{block}")(x)


def convolved(network: Conv, x: keras.KerasTensor, name: str, **made: object) -> keras.KerasTensor:
    """A convolution, and the normalisation behind it.

    Args:
        network: its fields.
        x: images, shape (batch, height, width, channels).
        name: of the layers.
        made: what else the layer is made with.
    """
    # A normalisation's own offset takes the bias's place.
    bias = not network.batch_norm
    layer = Conv2D(padding="same", use_bias=bias, name=f"conv_{name}", **made)
    x = layer(x)
    if network.batch_norm:
        x = BatchNormalization(dtype=made["dtype"], name=f"norm_{name}")(x)
    return x

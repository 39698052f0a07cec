"""Dense networks in Keras: each hidden layer is Dense, batch normalisation, activation, dropout."""

from collections.abc import Sequence

import keras

from hpsearch.networks.conv import Conv
from hpsearch.networks.dense import Dense
from hpsearch.training.layers import Scaled
from hpsearch.training.seeds import dropout_seed, weights_seed

INITIALIZERS = {
    "he_normal": keras.initializers.HeNormal,
    "he_uniform": keras.initializers.HeUniform,
    "glorot_normal": keras.initializers.GlorotNormal,
    "glorot_uniform": keras.initializers.GlorotUniform,
    "lecun_normal": keras.initializers.LecunNormal,
    "lecun_uniform": keras.initializers.LecunUniform,
    "ntk": lambda seed: keras.initializers.RandomNormal(stddev=1.0, seed=seed),
}

QUICK_IN_BFLOAT16 = ("relu", "leaky_relu")
"""On a CPU the other activations take up to three times as long in bfloat16 as in float32, both
casts included (gelu, mish): that was more than the products gain."""


def silu(x: keras.KerasTensor) -> keras.KerasTensor:
    """As Keras' own, whose gradient TensorFlow keeps anew for every graph, with its weights."""
    return x * keras.ops.sigmoid(x)


def build(
    network: Dense, x: keras.KerasTensor, outputs: int, seed: int, policy: keras.DTypePolicy
) -> keras.KerasTensor:
    """Flatten, the hidden layers, and a Dense layer of the outputs, which is float32."""
    x = flattened(network, x, policy)
    dropout, parametric = network.dropout, network.parametric_activation
    return stack(
        network, x, outputs, seed, policy, dropout=dropout, before=0, parametric=parametric
    )


def flattened(network: Dense, x: keras.KerasTensor, policy: keras.DTypePolicy) -> keras.KerasTensor:
    """Inputs as the first layer gets them, shape (batch, values); scaled where that is asked."""
    x = keras.layers.Flatten(dtype=policy, name="flatten")(x)
    if not network.input_scale:
        return x
    settings = {"kernel_initializer": "ones", "dtype": policy, "name": "input_scale"}
    return Scaled("bi,i->bi", output_shape=x.shape[1:], **settings)(x)


def stack(
    network: Dense | Conv,
    x: keras.KerasTensor,
    outputs: int,
    seed: int,
    policy: keras.DTypePolicy,
    *,
    dropout: Sequence[float],
    before: int,
    parametric: bool = False,
) -> keras.KerasTensor:
    """Hidden Dense layers, and one of the outputs, which is float32.

    Args:
        network: has the layers' units, activation, batch normalisation, initializer and penalty.
        x: flat values, shape (batch, values).
        outputs: values that the network puts out for an example.
        seed: the trial's seed.
        policy: types of the hidden layers.
        dropout: behind each hidden layer.
        before: layers with a kernel that come before these.
        parametric: whether activations are.
    """
    for layer, units in enumerate(network.units):
        # A normalisation's own offset takes the bias's place.
        settings = {"name": f"dense_{layer}", "use_bias": not network.batch_norm, "dtype": policy}
        x = divided(network, x, f"{layer}", policy)
        x = keras.layers.Dense(units, **kernel(network, seed, before + layer), **settings)(x)
        if network.batch_norm:
            x = keras.layers.BatchNormalization(dtype=policy, name=f"norm_{layer}")(x)
        made = activated(network, x, f"{layer}", policy)
        x = blended(x, made, f"{layer}", policy) if parametric else made
        x = dropped(x, dropout[layer], dropout_seed(seed, before + layer), f"{layer}")
    x = divided(network, x, "logits", keras.DTypePolicy("float32"))
    last = kernel(network, seed, before + len(network.units))
    return keras.layers.Dense(outputs, **last, name="logits", dtype="float32")(x)


def kernel(network: Dense | Conv, seed: int, layer: int) -> dict[str, object]:
    """What a layer's kernel begins as, and its penalty."""
    return {
        "kernel_initializer": INITIALIZERS[network.initializer](seed=weights_seed(seed, layer)),
        "kernel_regularizer": keras.regularizers.L2(network.l2) if network.l2 > 0 else None,
    }


def divided(
    network: Dense | Conv, x: keras.KerasTensor, name: str, policy: keras.DTypePolicy
) -> keras.KerasTensor:
    """What a layer with the neural tangent parametrisation gets: divided by the root of its width.

    So kernels begin with a deviation of 1, and Adam's steps change what a unit puts out by as much
    in a wide layer as in a narrow one (Jacot et al., 2018).
    """
    if network.initializer != "ntk":
        return x
    return keras.layers.Rescaling(x.shape[-1] ** -0.5, dtype=policy, name=f"divided_{name}")(x)


def blended(
    x: keras.KerasTensor, made: keras.KerasTensor, name: str, policy: keras.DTypePolicy
) -> keras.KerasTensor:
    """A parametric activation: (1 - w) x + w f(x), with a weight w of each unit, and of each member
    where there are several, that begins at 1 (Holzmüller et al. 2024, "Better by Default").

    Args:
        x: what the activation gets, shape (batch, ..., units).
        made: what it gives.
        name: of the layer.
        policy: types of the layer.
    """
    change = keras.layers.Subtract(dtype=policy, name=f"change_{name}")([made, x])
    axes = "mo"[-(len(x.shape) - 1) :]
    weighted = Scaled(
        f"b{axes},{axes}->b{axes}",
        output_shape=x.shape[1:],
        kernel_initializer="ones",
        dtype=policy,
        name=f"mix_{name}",
    )(change)
    return keras.layers.Add(dtype=policy, name=f"mixed_{name}")([x, weighted])


def activated(
    network: Dense | Conv, x: keras.KerasTensor, name: str, policy: keras.DTypePolicy
) -> keras.KerasTensor:
    """The network's activation; of bfloat16 in float32 where that is faster."""
    if policy.compute_dtype == "bfloat16" and network.activation not in QUICK_IN_BFLOAT16:
        policy = keras.DTypePolicy("float32")
    function = silu if network.activation == "silu" else network.activation
    return keras.layers.Activation(function, dtype=policy, name=f"act_{name}")(x)


def dropped(x: keras.KerasTensor, share: float, seed: int, name: str) -> keras.KerasTensor:
    """Dropout, where there is any; in float32.

    Keras draws in the layer's type: of bfloat16's 128 numbers from 0 to 1, 30.5 % are below 0.3. On
    a CPU it takes half as long again, too.
    """
    if share == 0:
        return x
    return keras.layers.Dropout(share, seed=seed, dtype="float32", name=f"dropout_{name}")(x)

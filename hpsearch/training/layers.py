"""Layers of Keras that compute faster here; in exported scripts and models Keras' own stand."""

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

_VECTOR = 16
"""Channels that oneDNN's kernels take at a time."""


class Conv2D(keras.layers.Conv2D):  # type: ignore[misc]  # has no types
    """``keras.layers.Conv2D`` of one group without dilation or activation; its kernel and its bias
    get their gradients one after the other.

    oneDNN would find both in one, which took up to three times as long in float32.
    """

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Convolve; see ``keras.layers.Conv2D.call``."""
        if not (training and self.use_bias):
            return super().call(inputs)
        made = {"strides": [1, *self.strides, 1], "padding": self.padding.upper()}

        @tf.custom_gradient  # type: ignore[untyped-decorator]  # has no types
        def convolved(
            x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor
        ) -> tuple[tf.Tensor, Callable[[tf.Tensor], Sequence[tf.Tensor]]]:
            def gradient(slope: tf.Tensor) -> Sequence[tf.Tensor]:
                back = {"out_backprop": slope, **made}
                return (
                    tf.raw_ops.Conv2DBackpropInput(input_sizes=tf.shape(x), filter=kernel, **back),
                    tf.raw_ops.Conv2DBackpropFilter(input=x, filter_sizes=kernel.shape, **back),
                    # Behind an identity oneDNN does not see that it is the slope of both.
                    tf.raw_ops.BiasAddGrad(out_backprop=tf.identity(slope)),
                )

            return tf.nn.bias_add(tf.nn.conv2d(x, kernel, **made), bias), gradient

        kernel, bias = tf.convert_to_tensor(self.kernel), tf.convert_to_tensor(self.bias)
        return convolved(inputs, kernel, bias)


class Scaled(keras.layers.EinsumDense):  # type: ignore[misc]  # has no types
    """``keras.layers.EinsumDense`` whose equation adds nothing up, and has no activation.

    The kernel's axes are the last ones of the outputs. TensorFlow's own makes a product of matrices
    for each weight.
    """

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Multiply, and add the bias; see ``keras.layers.EinsumDense.call``."""
        given, made = self.equation.partition(",")[0], self.equation.partition("->")[2]
        for axis, label in enumerate(made):
            if label not in given:
                inputs = tf.expand_dims(inputs, axis)
        found = inputs * tf.convert_to_tensor(self.kernel)
        return found if self.bias is None else found + tf.convert_to_tensor(self.bias)


class BatchNormalization(keras.layers.BatchNormalization):  # type: ignore[misc]  # has no types
    """``keras.layers.BatchNormalization``; by TensorFlow's fused kernel, of images.

    Keras' own passes over the images six times, forward and back, where the kernel does twice: it
    was a fifth of a step of small convolutions.
    """

    def call(
        self, inputs: tf.Tensor, training: bool | None = None, mask: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Normalise; see ``keras.layers.BatchNormalization.call``."""
        if not training:
            return super().call(inputs, training=training, mask=mask)
        # Where channels are no multiple of 16 the kernel is ten times as slow in bfloat16.
        by_float32 = inputs.dtype == tf.bfloat16 and inputs.shape[-1] % _VECTOR > 0
        found = tf.raw_ops.FusedBatchNormV3(
            x=tf.cast(inputs, tf.float32) if by_float32 else inputs,
            scale=self.gamma,
            offset=self.beta,
            mean=tf.zeros((0,)),
            variance=tf.zeros((0,)),
            epsilon=self.epsilon,
            is_training=True,
        )
        # The kernel's variance is that of a sample, Keras' that of the batch itself.
        values = tf.cast(tf.size(inputs) // inputs.shape[-1], tf.float32)
        variance = found.batch_variance * ((values - 1) / values)
        for kept, new in ((self.moving_mean, found.batch_mean), (self.moving_variance, variance)):
            kept.assign(kept * self.momentum + new * (1 - self.momentum))
        return tf.cast(found.y, inputs.dtype)

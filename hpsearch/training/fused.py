"""Keras' optimizers with their updates done by TensorFlow's fused kernels.

Keras writes an update as some fifteen operations, each of which passes over the whole variable; a
kernel makes one pass. Variables, slots and numbers are Keras' own: where a kernel takes another
way to them (it has ``1 - beta`` of rounded values where Keras has the exact one), its scalars are
chosen so that the result is Keras'. Settings for which that cannot be done keep Keras' update.
"""

import math
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf


class OneReplica(keras.optimizers.Optimizer):  # type: ignore[misc]  # keras ships no types
    """An optimizer whose gradients are not summed over replicas, of which a worker has one.

    TensorFlow registers a gradient of that sum for every graph that has one, and keeps it for as
    long as the process lives: with the graph, and with it the weights of every trial.
    """

    def _all_reduce_sum_gradients(
        self, grads_and_vars: list[tuple[tf.Tensor, tf.Variable]]
    ) -> list[tuple[tf.Tensor, tf.Variable]]:
        return grads_and_vars


class FusedAdam(OneReplica, keras.optimizers.Adam):  # type: ignore[misc]  # see above
    """``keras.optimizers.Adam``; with ``amsgrad``, or not of float32, Keras' own update.

    AMSGrad keeps the largest of the second moments, each of which was off by another factor.
    """

    def apply(
        self,
        grads: Sequence[tf.Tensor],
        trainable_variables: Sequence[keras.Variable] | None = None,
    ) -> None:
        """Update all variables; what their updates share is computed once."""
        self._factor, self._root = self._scalars()
        super().apply(grads, trainable_variables)

    def update_step(
        self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: tf.Tensor
    ) -> None:
        """One variable's update; see ``keras.optimizers.Optimizer.update_step``."""
        if self.amsgrad or variable.dtype != "float32":
            super().update_step(gradient, variable, learning_rate)
            return
        index = self._get_variable_index(variable)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            # The kernel's own correction of the bias is switched off: it is in the factor.
            beta1_power=0.0,
            beta2_power=0.0,
            lr=tf.cast(learning_rate, variable.dtype) * self._factor,
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon * self._root,
            grad=tf.cast(gradient, variable.dtype),
        )

    def _scalars(self) -> tuple[tf.Tensor, tf.Tensor]:
        """What the rate is multiplied by, and how far the second moment's root is off Keras'."""
        step = self.iterations.value + 1
        powers = [
            tf.pow(tf.constant(b, tf.float32), tf.cast(step, tf.float32)) for b in self._betas
        ]
        first, second = (_off(beta, tf.cast(step, tf.float64)) for beta in self._betas)
        root = tf.sqrt(second)
        bias = tf.sqrt(1 - powers[1]) / (1 - powers[0])
        return bias * tf.cast(root / first, tf.float32), tf.cast(root, tf.float32)

    @property
    def _betas(self) -> tuple[float, float]:
        return self.beta_1, self.beta_2


class FusedAdamW(FusedAdam, keras.optimizers.AdamW):  # type: ignore[misc]  # see above
    """``keras.optimizers.AdamW``; where :class:`FusedAdam` leaves the update to Keras, after our
    decay.
    """

    def build(self, variables: Sequence[keras.Variable]) -> None:
        """Make the slots, and take the decay of all weights away from Keras."""
        if not self.built:
            self._decays = [self._use_weight_decay(variable) for variable in variables]
            self.exclude_from_weight_decay(var_names=[""])
        super().build(variables)

    def update_step(
        self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: tf.Tensor
    ) -> None:
        """One variable's update; see ``keras.optimizers.Optimizer.update_step``.

        The decay comes first, as in Keras, in two passes where Keras makes three.
        """
        if self._decays[self._get_variable_index(variable)]:
            share = tf.cast(learning_rate, variable.dtype) * self.weight_decay
            variable.assign_sub(variable * share)
        super().update_step(gradient, variable, learning_rate)


class FusedSGD(OneReplica, keras.optimizers.SGD):  # type: ignore[misc]  # see above
    """``keras.optimizers.SGD``."""

    def update_step(
        self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: tf.Tensor
    ) -> None:
        """One variable's update; see ``keras.optimizers.Optimizer.update_step``."""
        rate = tf.cast(learning_rate, variable.dtype)
        gradient = tf.cast(gradient, variable.dtype)
        if not self.momentum:
            tf.raw_ops.ResourceApplyGradientDescent(var=variable.handle, alpha=rate, delta=gradient)
            return
        tf.raw_ops.ResourceApplyKerasMomentum(
            var=variable.handle,
            accum=self.momentums[self._get_variable_index(variable)].value.handle,
            lr=rate,
            grad=gradient,
            momentum=self.momentum,
            use_nesterov=self.nesterov,
        )


class FusedRMSprop(OneReplica, keras.optimizers.RMSprop):  # type: ignore[misc]  # see above
    """``keras.optimizers.RMSprop``; with ``centered``, or not of float32, Keras' own update.

    Centred, the variance is a small difference of two averages, each off by a factor.
    """

    def build(self, variables: Sequence[keras.Variable]) -> None:
        """Make the slots, and without momentum room for the kernel's steps, which are no state."""
        super().build(variables)
        self._steps = [slot.value for slot in self._momentums] or [
            tf.Variable(tf.zeros(variable.shape, variable.dtype), trainable=False)
            for variable in variables
        ]

    def update_step(
        self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: tf.Tensor
    ) -> None:
        """One variable's update; see ``keras.optimizers.Optimizer.update_step``."""
        if self.centered or variable.dtype != "float32":
            super().update_step(gradient, variable, learning_rate)
            return
        index = self._get_variable_index(variable)
        off = _rounded(self.rho) / (1 - self.rho)
        tf.raw_ops.ResourceApplyRMSProp(
            var=variable.handle,
            ms=self._velocities[index].value.handle,
            mom=self._steps[index].handle,
            lr=tf.cast(learning_rate, variable.dtype) * math.sqrt(off),
            rho=self.rho,
            momentum=self.momentum,
            epsilon=self.epsilon * off,
            grad=tf.cast(gradient, variable.dtype),
        )


def _rounded(beta: float) -> float:
    """``1 - beta`` as a kernel computes it in float32."""
    return float(np.float32(1) - np.float32(beta))


def _off(beta: float, step: tf.Tensor) -> tf.Tensor:
    """By which factor a kernel's average of gradients is off Keras' after some steps.

    A gradient of ``a`` steps ago weighs ``d * (1 - d) ** a`` in it, which over ``t`` steps adds up
    to ``1 - (1 - d) ** t``; ``d`` is ``1 - beta``, rounded by the kernel and exact in Keras.
    """

    def total(share: float) -> tf.Tensor:
        return -tf.math.expm1(step * math.log1p(-share))

    return total(_rounded(beta)) / total(1 - beta) if beta else tf.ones((), tf.float64)

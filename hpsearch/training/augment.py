"""Augmentation in TensorFlow: what is drawn for each example of an epoch, and what is done to it.

What is drawn is a function of the seed, the epoch and the example, not of the step that sees it:
a training that goes on in the middle of an epoch is the same training.
"""

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from hpsearch.augment import Augment
from hpsearch.training.seeds import augment_generator

FLIP, DOWN, RIGHT, CUT_ROW, CUT_COLUMN, SHARE = range(6)
"""Columns of what is drawn: 0 or 1; pixels; where the square's middle is, in [0, 1); mixup's."""


def draws(
    augment: Augment, seed: int, epoch: int, examples: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """What is done to each training example in an epoch.

    Args:
        augment: its settings.
        seed: the trial's seed.
        epoch: from 0.
        examples: of the training part.

    Returns:
        a row for each example, shape (examples, 6), and the example that it is mixed with.
    """
    random = augment_generator(seed, epoch)
    found = np.ones((examples, 6), np.float32)
    found[:, FLIP] = random.integers(0, 2, examples) * augment.flip
    most = augment.translate
    found[:, [DOWN, RIGHT]] = random.integers(-most, most + 1, (examples, 2))
    found[:, [CUT_ROW, CUT_COLUMN]] = random.random((examples, 2), np.float32)
    if augment.mixup > 0:
        found[:, SHARE] = random.beta(augment.mixup, augment.mixup, examples)
    return found, random.integers(0, examples, examples)


def augmented(
    augment: Augment, x: tf.Tensor, other: tf.Tensor | None, drawn: tf.Tensor, grey: tf.Tensor
) -> tf.Tensor:
    """Images with all that is done to them; float32 where they are mixed.

    Args:
        augment: its settings.
        x: images as they are stored, shape (batch, height, width) or with channels behind.
        other: the images that they are mixed with; None where they are not.
        drawn: rows of :func:`draws`, shape (batch, 6).
        grey: as for :func:`changed`.
    """
    x = changed(augment, x, drawn, grey)
    if other is None:
        return x
    return mixed(drawn[:, SHARE], x, changed(augment, other, drawn, grey))


def changed(augment: Augment, x: tf.Tensor, drawn: tf.Tensor, grey: tf.Tensor) -> tf.Tensor:
    """Images flipped, moved and cut as was drawn.

    Args:
        augment: its settings.
        x: images as they are stored, shape (batch, height, width) or with channels behind.
        drawn: rows of :func:`draws`, shape (batch, 6).
        grey: what a cut is filled with, broadcasts to the shape of an example.

    Returns:
        images of the same shape and type.
    """
    shape = x.shape
    if augment.flip or augment.translate:
        images = x if len(shape) == 4 else x[..., tf.newaxis]
        images = tf.reshape(moved(images, drawn), tf.shape(x))
        x = tf.ensure_shape(images, shape)
    if augment.cutout:
        inside = cut(augment.cutout, shape[1], drawn[:, CUT_ROW])[:, :, tf.newaxis]
        inside &= cut(augment.cutout, shape[2], drawn[:, CUT_COLUMN])[:, tf.newaxis, :]
        x = tf.where(inside if len(shape) == 3 else inside[..., tf.newaxis], grey, x)
    return x


def samples(
    augment: Augment, seed: int, images: npt.NDArray[np.generic], grey: npt.NDArray[np.generic]
) -> npt.NDArray[np.generic]:
    """Some images as an epoch might see them, to be looked at: of two that are mixed each stands
    where the larger share is its own.

    Args:
        augment: its settings.
        seed: what is done to them follows from it.
        images: as they are stored, shape (n, height, width) or with channels behind.
        grey: as for :func:`changed`.

    Returns:
        images of the same shape; float32 where they are mixed.
    """
    drawn, partners = draws(augment, seed, 0, len(images))
    drawn[:, SHARE] = np.maximum(drawn[:, SHARE], 1 - drawn[:, SHARE])
    with tf.device("/CPU:0"):  # a GPU may be full
        other = tf.constant(images[partners]) if augment.mixup else None
        filling = tf.constant(grey, images.dtype)
        found = augmented(augment, tf.constant(images), other, tf.constant(drawn), filling)
        return np.asarray(found)


def moved(images: tf.Tensor, drawn: tf.Tensor) -> tf.Tensor:
    """Images flipped and moved by whole pixels; what comes in mirrors what is beside it."""
    height, width = images.shape[1:3]
    flip, zero = drawn[:, FLIP], tf.zeros_like(drawn[:, FLIP])
    # Where a pixel (column, row) of the output comes from, as a matrix of eight numbers.
    right = flip * (width - 1) + drawn[:, RIGHT]
    matrix = [1 - 2 * flip, zero, right, zero, zero + 1, drawn[:, DOWN], zero, zero]
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.stack(matrix, axis=1),
        output_shape=[height, width],
        interpolation="NEAREST",
        fill_mode="REFLECT",
        fill_value=0.0,
    )


def cut(size: int, length: int, middle: tf.Tensor) -> tf.Tensor:
    """Which rows, or columns, of images a square covers, shape (batch, length)."""
    first = tf.floor(middle * length)[:, tf.newaxis] - size // 2
    places = tf.range(length, dtype=tf.float32)[tf.newaxis, :]
    return (places >= first) & (places < first + size)


def mixed(share: tf.Tensor, one: tf.Tensor, other: tf.Tensor) -> tf.Tensor:
    """Two values, or batches of examples, by share, float32."""
    share = tf.reshape(share, (-1, *[1] * (len(one.shape) - 1)))
    return share * tf.cast(one, tf.float32) + (1 - share) * tf.cast(other, tf.float32)

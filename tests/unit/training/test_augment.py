"""Augmentation: it follows from seed, epoch and example, and is what was drawn."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf

from hpsearch.augment import Augment
from hpsearch.training.augment import (
    CUT_COLUMN,
    CUT_ROW,
    DOWN,
    FLIP,
    RIGHT,
    SHARE,
    changed,
    draws,
    mixed,
    samples,
)

ALL = Augment(flip=True, translate=3, cutout=4, mixup=0.5)
IMAGES = np.arange(2 * 5 * 6 * 3).reshape(2, 5, 6, 3).astype(np.uint8)


def drawn(**columns: Any) -> npt.NDArray[np.float32]:
    """What is drawn for two images: nothing but the second one's ``columns``."""
    found = np.zeros((2, 6), np.float32)
    for name, value in columns.items():
        found[1, {"flip": FLIP, "down": DOWN, "right": RIGHT}[name]] = value
    return found


def change(augment: Augment, x: npt.NDArray[Any], rows: npt.NDArray[np.float32]) -> Any:
    return changed(augment, tf.constant(x), tf.constant(rows), tf.constant(9, x.dtype)).numpy()


def test_what_is_drawn_follows_from_seed_and_epoch() -> None:
    (one, partners), (again, same) = draws(ALL, 1, 2, 50), draws(ALL, 1, 2, 50)
    assert np.array_equal(one, again)
    assert np.array_equal(partners, same)
    for seed, epoch in ((2, 2), (1, 3)):
        assert not np.array_equal(draws(ALL, seed, epoch, 50)[0], one)


def test_what_is_drawn_lies_where_it_may() -> None:
    rows, partners = draws(ALL, 0, 0, 5000)
    assert set(rows[:, FLIP]) == {0, 1}
    assert set(rows[:, DOWN]) == set(rows[:, RIGHT]) == set(range(-3, 4))
    for column in (CUT_ROW, CUT_COLUMN, SHARE):
        assert 0 <= rows[:, column].min() < 0.1
        assert 0.9 < rows[:, column].max() <= 1
    assert 0 <= partners.min() < partners.max() < 5000
    off, _ = draws(Augment(cutout=1), 0, 0, 50)
    assert not off[:, [FLIP, DOWN, RIGHT]].any()
    assert (off[:, SHARE] == 1).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_images_are_mirrored(dtype: Any) -> None:
    found = change(Augment(flip=True), IMAGES.astype(dtype), drawn(flip=1))
    assert found.dtype == dtype
    assert np.array_equal(found[0], IMAGES[0])
    assert np.array_equal(found[1], IMAGES[1, :, ::-1])


def test_images_move_and_mirror_what_comes_in() -> None:
    found = change(Augment(translate=2), IMAGES, drawn(down=1, right=-2))
    assert np.array_equal(found[0], IMAGES[0])
    assert np.array_equal(found[1, :-1, 2:], IMAGES[1, 1:, :-2])
    assert np.array_equal(found[1, -1, 2:], IMAGES[1, -1, :-2])
    assert np.array_equal(found[1, :-1, :2], IMAGES[1, 1:, 1::-1])


def test_both_at_once() -> None:
    found = change(Augment(translate=2, flip=True), IMAGES, drawn(flip=1, right=1))
    assert np.array_equal(found[1, :, 1:], IMAGES[1, :, ::-1][:, :-1])


def test_grey_images_have_no_channel() -> None:
    found = change(Augment(flip=True, cutout=1), IMAGES[..., 0], drawn(flip=1))
    assert np.array_equal(found[1, :, 1:], IMAGES[1, :, -2::-1, 0])
    assert (found[:, 0, 0] == 9).all()  # the square's place


def test_a_square_is_cut_at_the_edges() -> None:
    rows = np.zeros((2, 6), np.float32)
    rows[1, CUT_ROW], rows[1, CUT_COLUMN] = 0.5, 0.99
    found = change(Augment(cutout=2), IMAGES, rows)
    assert (found[0, :1, :1] == 9).all()
    assert (found[1, 1:3, 4:] == 9).all()
    other = np.ones((2, 5, 6), bool)
    other[0, :1, :1] = other[1, 1:3, 4:] = False
    assert np.array_equal(found[other], IMAGES[other])


def test_mixing_is_by_share() -> None:
    one, other = tf.constant(IMAGES[:1]), tf.constant(IMAGES[1:])
    found = mixed(tf.constant([0.25]), one, other)
    assert np.allclose(found, 0.25 * IMAGES[:1] + 0.75 * IMAGES[1:])


@pytest.mark.parametrize("shape", [(6, 8, 8), (6, 8, 8, 4)])
def test_samples_are_as_an_epoch_sees_them(shape: tuple[int, ...]) -> None:
    images = np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)
    grey = np.uint8(7)
    found = samples(ALL, 5, images, grey)
    rows, partners = draws(ALL, 5, 0, len(images))
    one = changed(ALL, tf.constant(images), tf.constant(rows), tf.constant(grey))
    other = changed(ALL, tf.constant(images[partners]), tf.constant(rows), tf.constant(grey))
    share = np.maximum(rows[:, SHARE], 1 - rows[:, SHARE])
    assert np.array_equal(found, mixed(tf.constant(share), one, other).numpy())
    unmixed = samples(Augment(flip=True), 5, images, grey)
    assert unmixed.dtype == np.uint8
    assert 0 < sum(np.array_equal(a, b) for a, b in zip(unmixed, images, strict=True)) < 6

"""Seeds: one trial's seed spread into independent ones for weights, dropout and shuffling."""

import numpy as np
import numpy.typing as npt

_WEIGHTS, _DROPOUT, _SHUFFLE, _AUGMENT = 0, 1, 2, 3


def weights_seed(seed: int, layer: int) -> int:
    """Seed of the initial weights of layer ``layer`` (from 0), 0 ... 2**31 - 1."""
    return _derive(seed, _WEIGHTS, layer)


def dropout_seed(seed: int, layer: int) -> int:
    """Seed of the dropout after layer ``layer`` (from 0), 0 ... 2**31 - 1."""
    return _derive(seed, _DROPOUT, layer)


def order(seed: int, epoch: int, examples: int) -> npt.NDArray[np.int64]:
    """The order in which an epoch sees its examples: a permutation of 0 ... examples - 1.

    A function of its arguments alone, so that training may begin at any epoch.

    Args:
        seed: the trial's seed.
        epoch: from 0.
        examples: how many there are.
    """
    generator = np.random.Generator(np.random.Philox(_sequence(seed, _SHUFFLE, epoch)))
    return generator.permutation(examples)


def augment_generator(seed: int, epoch: int) -> np.random.Generator:
    """What an epoch's augmentation is drawn from.

    Args:
        seed: the trial's seed.
        epoch: from 0.
    """
    return np.random.Generator(np.random.Philox(_sequence(seed, _AUGMENT, epoch)))


def _derive(seed: int, purpose: int, index: int) -> int:
    return int(_sequence(seed, purpose, index).generate_state(1)[0]) & (2**31 - 1)


def _sequence(seed: int, purpose: int, index: int) -> np.random.SeedSequence:
    return np.random.SeedSequence((seed, purpose, index))

"""Sizes: what a preset's widths, batches and epochs are for given data."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """What the names in a preset stand for, by the data.

    The powers of two are the nearest ones on a logarithmic scale.
    """

    rows: int
    """Training examples, from 1."""
    pixels: int = 0
    """Of an image's shorter side; 0: examples are no images."""
    may_flip: bool = False
    """Whether the mirror image of an example may be of the same class."""

    @property
    def width(self) -> int:
        """The widest layer: 16 √rows, a power of two from 256 to 512, of images to 1024."""
        return _power_of_two(16 * math.sqrt(self.rows), 256, 1024 if self.pixels else 512)

    @property
    def depth(self) -> int:
        """The most hidden layers: 3, from 2,000 examples 4."""
        return 4 if self.rows >= 2000 else 3

    @property
    def batch(self) -> int:
        """Examples of a batch, usually: √rows, a power of two from 16 to 1024."""
        return _power_of_two(math.sqrt(self.rows), 16, 1024)

    @property
    def epochs(self) -> int:
        """At most so many: of 30,000 batches as they usually are, from 20 to 100."""
        return min(100, max(20, round(30_000 * self.batch / self.rows)))

    @property
    def filters(self) -> int:
        """The most filters of a network's first block: 32, from 5,000 images 64."""
        return 64 if self.rows >= 5000 else 32

    @property
    def blocks(self) -> int:
        """The most blocks of convolutions, each halving the image, of which 2 pixels are left."""
        return max(1, min(4, int(math.log2(max(2, self.pixels))) - 1))

    @property
    def move(self) -> int:
        """Pixels that an image may be moved by: a twelfth of its shorter side, at least one."""
        return max(1, round(self.pixels / 12))


def _power_of_two(number: float, least: int, most: int) -> int:
    return min(most, max(least, 1 << round(math.log2(number))))

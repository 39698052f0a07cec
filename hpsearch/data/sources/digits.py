"""Source "digits": scikit-learn's own 1,797 handwritten digits, 8 x 8, grey values 0 to 16."""

import numpy as np

from hpsearch.data.arrays import Arrays, Progress
from hpsearch.data.sources.source import Source
from hpsearch.presets.sizes import Sizes


class Digits(Source):
    """The digits, which are built in and have no test part."""

    name = "digits"
    usual = Sizes(rows=1294, pixels=8)

    def load(self, progress: Progress) -> Arrays:
        """Read the set; inputs have shape (1797, 8, 8) and type uint8."""
        from sklearn.datasets import load_digits  # noqa: PLC0415 - takes a second to import

        digits = load_digits()
        progress("reading digits", 1, 1)
        return Arrays(
            x_train=digits.images.astype(np.uint8),
            y_train=digits.target.astype(np.int64),
            class_names=tuple(str(name) for name in digits.target_names),
            maximum=16.0,
        )

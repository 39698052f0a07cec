"""Tables of row numbers: what the engine's calls are fed with, each row one step's batch."""

import numpy as np
import numpy.typing as npt
import tensorflow as tf


def dataset(
    order: tf.Tensor | tf.Variable, *, examples: int, batch: int, per_call: int
) -> tf.data.Dataset:
    """A data set of tables, int64, shape (steps, batch), that together hold ``order`` once.

    A variable is read anew whenever a table is due, so that assigning to it between two epochs
    shuffles. (A data set from a Python generator could do the same, but TensorFlow would keep
    the generator, and all that it knows, for as long as the process lives.)

    Args:
        order: row numbers, int64, shape (examples,); on the CPU, where data sets are read.
        examples: how many there are.
        batch: row numbers in one row of a table.
        per_call: rows of a table at most. Examples that do not fill a batch come last, as a
            table of one short row.
    """

    def table(span: tf.Tensor) -> tf.Tensor:
        return tf.reshape(order[span[0] : span[1]], tf.stack([-1, span[2]]))

    return tf.data.Dataset.from_tensor_slices(spans(examples, batch, per_call)).map(table)


def spans(examples: int, batch: int, per_call: int) -> npt.NDArray[np.int64]:
    """Beginning, end and width of each table, shape (tables, 3)."""
    full = examples // batch * batch
    found = [
        (start, min(start + batch * per_call, full), batch)
        for start in range(0, full, batch * per_call)
    ]
    if full < examples:
        found.append((full, examples, examples - full))
    return np.array(found, np.int64)

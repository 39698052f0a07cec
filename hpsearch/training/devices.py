"""Devices: how TensorFlow uses this process's cores and GPU, and how memory is given back."""

import gc
from contextlib import suppress

import keras
import tensorflow as tf


def set_up(threads: int | None = None, *, gpu_memory: int | None = None) -> None:
    """Settle threads, memory and determinism; once in a process, before anything is trained.

    Which GPU a process sees is chosen by whoever starts it, in its environment.

    Args:
        threads: cores that one operation may use, from 1; None: all of the machine's.
        gpu_memory: MiB that TensorFlow may take of the GPU, from 1, for a process that shares
            it; None: as much as it comes to need. Nothing without a GPU.

    Raises:
        RuntimeError: TensorFlow was used before, so that its threads are there already.
    """
    if threads is not None:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        # A chain of Dense layers has little to do side by side; the second thread feeds it.
        tf.config.threading.set_inter_op_parallelism_threads(1 if threads == 1 else 2)
    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        _limit_memory(gpu, gpu_memory)
    if not gpus:
        # Rewriting a trial's graphs took 0.1 s for each trial and made none of its steps faster.
        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    # Every trial compiles functions of its own, and TensorFlow warns that this is slow.
    tf.get_logger().setLevel("ERROR")
    # A recipe promises the same curve on the same machine; GPUs sum in any order without this.
    tf.config.experimental.enable_op_determinism()
    # What is imported by now stays: to search it for garbage after each trial took 0.4 s.
    gc.freeze()


def _limit_memory(gpu: tf.config.PhysicalDevice, limit: int | None) -> None:
    """Keep TensorFlow from taking all of a GPU at once, which is what it does by itself.

    TensorFlow refuses both ways together: with a limit it takes all of that at its first
    operation, so that no neighbour can take it away later; without one it grows.
    """
    if limit is None:
        with suppress(RuntimeError):  # a notebook may have used the GPU before
            tf.config.experimental.set_memory_growth(gpu, True)
    else:
        part = tf.config.LogicalDeviceConfiguration(memory_limit=limit)
        tf.config.set_logical_device_configuration(gpu, [part])


def main_device() -> str:
    """The device that training runs on: the first GPU that the process sees, else the CPU."""
    return "/GPU:0" if tf.config.list_logical_devices("GPU") else "/CPU:0"


def on_gpu() -> bool:
    """Whether training runs on a GPU."""
    return main_device() != "/CPU:0"


def release() -> None:
    """Give back what Keras and TensorFlow hold of models that are no longer used."""
    keras.utils.clear_session(free_memory=False)  # else it collects garbage, too
    gc.collect()

"""By hand: the device of a worker that no supervisor started, settled as ``run`` would do it."""

import logging
import os

from hpsearch.environment import DEVICE_VARIABLE, SUPERVISOR_VARIABLE
from hpsearch.workers.gpus import Listing, list_gpus
from hpsearch.workers.slots import device_environment

_log = logging.getLogger(__name__)


def settle_device() -> None:
    """Give this process one device, unless it was given one; before TensorFlow is imported.

    The first GPU that ``CUDA_VISIBLE_DEVICES`` lets be seen, else the CPU, written into the
    environment as a supervisor writes a slot's. So the worker leaves other GPUs alone, shares its
    own by the same locks as the workers of ``run``, and keeps it when it starts itself anew. It
    has no limit of memory or threads: nobody knows whom it shares the machine with.
    """
    if os.environ.get(DEVICE_VARIABLE) or os.environ.get(SUPERVISOR_VARIABLE):
        return
    listing = list_gpus()
    for warning in listing.warnings:
        _log.warning("%s", warning)
    chosen = device_environment(listing.gpus[0] if listing.gpus else None)
    os.environ.update(chosen)
    _log.info("the worker's device is %s, %s", chosen[DEVICE_VARIABLE], _why(listing))


def _why(listing: Listing) -> str:
    """Why it is this device, and how to have another."""
    if not listing.gpus:
        return "; ".join(listing.notes) or "no GPU can be used"
    of = f"the first of {len(listing.gpus)}" if len(listing.gpus) > 1 else "the only one seen"
    return f"{of}: CUDA_VISIBLE_DEVICES chooses another (-1: the CPU)"

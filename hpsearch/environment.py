"""The environment variables of hpsearch: those that users set, and those that workers are told by;
and what other programs' variables are for the processes that hpsearch starts.

Devices' and threads' (CUDA_VISIBLE_DEVICES, OMP_NUM_THREADS ...) are set in
``hpsearch.workers.slots``, TensorFlow's and Keras' in ``hpsearch.training``.
"""

import os
import sys
from collections.abc import Mapping

HOME_VARIABLE = "HPSEARCH_HOME"
"""The data home where ``--home`` is not given."""

USUAL_HOME = "hpsearch-data"
"""The data home where neither is, in the working folder."""

STORAGE_VARIABLE = "HPSEARCH_STORAGE"
"""The storage's URL where ``--storage`` is not given."""

SHARE_VARIABLE = "HPSEARCH_SHARE"
"""Where all machines put what trials need to go on elsewhere: an fsspec URL; unset: nowhere."""

TOKEN_VARIABLE = "HPSEARCH_TOKEN"  # noqa: S105  # a name, no token
"""Who shows it may enter the dashboard, where ``--token`` is not given; for a client of the service
the token that it shows."""

SERVER_VARIABLE = "HPSEARCH_SERVER"
"""Address of the service that commands ask where ``--server`` is not given; unset: none."""

SUPERVISOR_VARIABLE = "HPSEARCH_SUPERVISOR"
"""Process id of the supervisor, in the environment of the workers that it starts."""

THREADS_VARIABLE = "HPSEARCH_THREADS"
"""Threads of TensorFlow in a worker, from 1."""

GPU_MEMORY_VARIABLE = "HPSEARCH_GPU_MEMORY"
"""MiB of GPU memory that TensorFlow may take in a worker that shares its GPU, from 1."""

DEVICE_VARIABLE = "HPSEARCH_DEVICE"
"""The worker's device in words for people: "GPU 0 (A100-SXM4-40GB)" or "CPU"."""

ANY_DEVICE = "any device"
"""What is said of the device of a process for which nobody chose one."""

ALONE_VARIABLE = "HPSEARCH_ALONE"
"""Number of the trial that a worker started itself anew for, to try it alone on its device."""

ASSIGNED_VARIABLE = "HPSEARCH_ASSIGNED"
"""What a worker of a service is doing, for itself when it starts anew (``workers.assigned``)."""

DATA_PATH_VARIABLE = "HPSEARCH_DATA_PATH"
"""Where this machine has the data, for the models that are trained beside a search."""

NAMES_VARIABLE = "HPSEARCH_NAMES"
"""What users of a service call paths on its machine, as JSON, for the commands that it runs."""

KNOWN_VARIABLE = "HPSEARCH_STORAGE_KNOWN"
"""Set for workers of a run that has just reached the storage: they wait for it to be back."""

RECORDED_VARIABLE = "HPSEARCH_RECORDED"
"""Set by a worker for itself when it starts anew: its study knows of its command already."""

_NOT_FOR_CHILDREN = ("PYTHONINSPECT", "PYTHONWARNINGS", SERVER_VARIABLE)
"""Python's variables for who tries something by hand: a child would wait for a user after its end,
or die of a warning. And a process that we start works for us, not for a service."""


def python(*arguments: str) -> list[str]:
    """The command line of a process of this Python.

    Modules are not looked for in the working folder (-P): a user's file called random.py must not
    stand in for Python's own.
    """
    return [sys.executable, "-P", *arguments]


def for_child(told: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a process of this Python: ours, and what it is told besides.

    What it writes is read by us, and is UTF-8.
    """
    ours = {key: value for key, value in os.environ.items() if key not in _NOT_FOR_CHILDREN}
    return {**ours, "PYTHONIOENCODING": "utf-8:backslashreplace", **(told or {})}

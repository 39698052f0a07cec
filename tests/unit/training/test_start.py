"""How TensorFlow is started: without what Keras imports besides, and without a user's settings."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

CODE = """
import gc, json, os, sys
from hpsearch.training.start import start_tensorflow
start_tensorflow(1)
early = [name for name in ("matplotlib", "sklearn", "scipy.stats") if name in sys.modules]
from sklearn.metrics import f1_score
from matplotlib.figure import Figure
import keras
told = {
    "early": early,
    "f1_score": f1_score([0, 1], [0, 1]),
    "tensorflow": "tensorflow" in sys.modules,
    "threads": sys.modules["tensorflow"].config.threading.get_intra_op_parallelism_threads(),
    "collects": gc.isenabled(),
    "keras": [
        keras.config.floatx(), keras.config.image_data_format(), keras.config.epsilon(),
        keras.config.backend(), keras.config.max_epochs(), keras.config.dtype_policy().name,
    ],
    "environment": dict(os.environ),
}
print(json.dumps(told))
"""
SETTINGS = {
    "floatx": "float16", "epsilon": 0.1, "backend": "jax", "image_data_format": "channels_first"
}  # fmt: skip
VARIABLES = {
    "KERAS_BACKEND": "torch",
    "KERAS_MAX_EPOCHS": "1",
    "ONEDNN_DEFAULT_FPMATH_MODE": "BF16",
    "TF_CPP_VMODULE": "",
    "TF_DETERMINISTIC_OPS": "0",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "TF_FORCE_GPU_ALLOW_GROWTH": "false",
    "TF_NUM_INTRAOP_THREADS": "7",
    "TF_XLA_FLAGS": "--tf_xla_auto_jit=2",
    "XLA_FLAGS": "--no_such_flag=1 --xla_gpu_cuda_data_dir=/opt/cuda",
}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a process says that was started by a user with many settings."""
    home: Path = tmp_path_factory.mktemp("home")
    (home / "keras.json").write_text(json.dumps(SETTINGS))
    environment = {**os.environ, **VARIABLES, "KERAS_HOME": str(home)}
    command = [sys.executable, "-c", CODE]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["environment"].pop("KERAS_HOME") == str(home)
    return found


def test_what_nobody_asks_for_is_left_out_and_can_be_imported_later(told: dict[str, Any]) -> None:
    assert told["early"] == []
    assert told["f1_score"] == 1.0
    assert told["tensorflow"]
    assert told["collects"]


def test_threads_are_as_many_as_asked_for(told: dict[str, Any]) -> None:
    assert told["threads"] == 1


def test_settings_of_a_user_do_not_reach_a_training(told: dict[str, Any]) -> None:
    usual = ["float32", "channels_last", 1e-07, "tensorflow", None, "float32"]
    assert told["keras"] == usual
    left = {name: told["environment"].get(name) for name in VARIABLES}
    assert {name: value for name, value in left.items() if value is not None} == {
        "KERAS_BACKEND": "tensorflow",
        "TF_CPP_VMODULE": "",
        "TF_ENABLE_ONEDNN_OPTS": "1",
        "XLA_FLAGS": "--xla_gpu_cuda_data_dir=/opt/cuda",
    }

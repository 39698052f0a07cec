"""How TensorFlow is started: without what Keras imports besides, which stays there for others."""

import json
import subprocess
import sys

CODE = """
import gc, json, sys
from hpsearch.training.start import start_tensorflow
start_tensorflow(1)
early = [name for name in ("matplotlib", "sklearn", "scipy.stats") if name in sys.modules]
from sklearn.metrics import f1_score
from matplotlib.figure import Figure
import keras
told = [early, f1_score([0, 1], [0, 1]), "tensorflow" in sys.modules, gc.isenabled()]
print(json.dumps(told))
"""


def test_what_nobody_asks_for_is_left_out_and_can_be_imported_later() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [[], 1.0, True, True]
    assert done.stderr == ""

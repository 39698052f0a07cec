"""scikit-learn's forests are imported by who grows one, and by nobody else."""

import subprocess
import sys

GROW = """
import sys
import hpsearch.dashboard.publish
import hpsearch.search.importance
assert "sklearn" not in sys.modules
import optuna
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
study = optuna.create_study()
study.optimize(lambda trial: trial.suggest_float("x", 0, 1) + trial.suggest_float("y", 0, 9), 20)
found = get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=0))
assert "sklearn" in sys.modules
assert found["y"] > 0.9, found
"""


def test_forests_are_imported_when_one_is_grown() -> None:
    done = subprocess.run(
        [sys.executable, "-c", GROW], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr

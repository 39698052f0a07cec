from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.metadata import parse_session_start_info_plugin_data

from hpsearch.config import TrialConfig
from hpsearch.optimizers import SGD
from hpsearch.recipe import TensorBoard
from hpsearch.training import board


def test_hyperparameters_are_plain_columns(tmp_path: Path) -> None:
    config = TrialConfig(layers=2, units=(9, 5), optimizer=SGD(momentum=0.5))
    run = tmp_path / "trial-00007"
    board.write_hyperparameters(config, run)
    events = EventAccumulator(str(run / board.FOLDER / "train")).Reload()
    content = events.PluginTagToContent("hparams")["_hparams_/session_start_info"]
    found = parse_session_start_info_plugin_data(content).hparams
    assert found["units_0"].number_value == 9
    assert found["activation"].string_value == "relu"
    assert found["batch_norm"].bool_value is False
    assert found["optimizer"].string_value == "sgd"
    assert found["sgd.momentum"].number_value == 0.5
    assert "units" not in found


@pytest.mark.parametrize(("histograms", "every"), [(True, 1), (False, 0)])
def test_histograms_on_demand_and_no_graph(tmp_path: Path, histograms: bool, every: int) -> None:
    callback = board.callback(TensorBoard(histograms=histograms), tmp_path)
    assert callback.histogram_freq == every
    assert callback.write_graph is False
    assert callback.log_dir == str(tmp_path / "tensorboard")

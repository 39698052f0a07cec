"""The notebook of studies/ from top to bottom in a kernel: real workers, and a real model."""

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

import hpsearch

NOTEBOOK = Path("studies/from_python.ipynb")


@pytest.mark.timeout(240)
def test_the_notebook_runs_from_top_to_bottom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    notebook: Any = nbformat.read(NOTEBOOK, 4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.outputs for cell in cells] == [[]] * len(cells)  # as it is kept

    where = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=200, kernel_name="python3", resources=where).execute()

    told = [out for cell in cells for out in cell.outputs if out.output_type == "stream"]
    ours = [out.text for out in told if out.name == "stdout"]
    assert any(re.match("Started study build-[0-9a-f]{8}\n", text) for text in ours)
    assert not [out.text for out in told if "hpsearch" in out.text and out.name == "stderr"]
    shown = [out.data for cell in cells for out in cell.outputs if out.output_type != "stream"]
    (page,) = [data["text/html"] for data in shown if "Study build-" in str(data.get("text/html"))]
    assert "4 of 4 trials" in page
    assert any("application/vnd.plotly.v1+json" in data for data in shown)

    name = re.search("Study (build-[0-9a-f]{8})", page)
    assert name is not None
    study = hpsearch.load(name[1], home=tmp_path / "hpsearch-data")
    assert study.best.value > 0.9
    assert study.trials()["state"].to_list().count("failed") == 0
    (answer,) = re.findall(r"\(array\(\[(.*)\]\), array\(\[(.*)\]\)\)", shown[-1]["text/plain"])
    assert answer[0].split(", ")[:2] == answer[1].split(", ")[:2] == ["0", "1"]

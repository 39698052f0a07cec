"""Texts in ONNX: inputs that are numbers of categories become texts, looked up in the file."""

from pathlib import Path

import onnx
from onnx import helper

from hpsearch.data.tables.raw import MISSING_CODE, UNKNOWN_CODE
from hpsearch.training.converting import Texts

_DOMAIN = "ai.onnx.ml"
_VERSION = 2
"""Of the domain's operations: the first whose LabelEncoder gives numbers for any texts."""


def take_texts(file: Path, texts: Texts) -> None:
    """Put a lookup before inputs of categories.

    Args:
        file: an ONNX model, which is written anew.
        texts: of each such input, int64, the categories that it has the numbers of.
    """
    model = onnx.load(file)
    lookups = []
    for given in model.graph.input:
        if given.name not in texts:
            continue
        words = texts[given.name]
        code = f"{given.name}/code"  # which no input is called
        _rename(model.graph, given.name, code)
        given.type.tensor_type.elem_type = onnx.TensorProto.STRING
        lookups.append(
            helper.make_node(
                "LabelEncoder",
                [given.name],
                [code],
                domain=_DOMAIN,
                keys_strings=[*words, ""],
                values_int64s=[*range(len(words)), MISSING_CODE],
                default_int64=UNKNOWN_CODE,
            )
        )
    nodes = [*lookups, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    if not any(one.domain == _DOMAIN for one in model.opset_import):
        model.opset_import.append(helper.make_opsetid(_DOMAIN, _VERSION))
    onnx.checker.check_model(model)
    onnx.save(model, file)


def _rename(graph: onnx.GraphProto, old: str, new: str) -> None:
    """What reads one tensor reads another."""
    for node in graph.node:
        for place, name in enumerate(node.input):
            if name == old:
                node.input[place] = new

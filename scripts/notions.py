"""Counts in how many files of hpsearch/ something is known: dense fields, classes, metrics ...

``notions.py [FOLDER]``: a table of the package in FOLDER (this clone's own by default), so that a
change can be compared with the commit before it.
"""

import ast
import re
import statistics
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

HERE = Path(__file__).parents[1] / "hpsearch"
NOTIONS = {
    "fields of a dense network": r"units|batch_norm|dropout|l2|initializer|activation",
    "classification": r"class_names|class_weights|confusion|logits|cross_entrop(y|ies)|f1_macro",
    "metrics": r"val_accuracy|val_f1_macro|val_balanced_accuracy|val_auc|val_loss",
    "directions": r"maximize|minimize",
}
"""What is looked for, as whole words of code: names, attributes, keywords and texts."""
KERAS = {"training/engine.py", "training/export.py"}
"""Files in which such a word is an attribute of Keras' own: ``layer.activation``."""
TEXTS = re.compile(r"[A-Za-z_0-9]+")


def words(tree: ast.AST) -> Iterator[str]:
    """The words of a module's code, without its docstrings and comments."""
    quiet = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.arg | ast.keyword):
            yield node.arg or ""
        elif isinstance(node, ast.alias):
            yield node.name
        elif isinstance(node, ast.Constant) and id(node) not in quiet:
            yield from TEXTS.findall(node.value if isinstance(node.value, str) else "")


def naming(pattern: str, trees: dict[Path, ast.Module]) -> list[str]:
    """The files whose code has a word."""
    word = re.compile(pattern)
    return [
        str(path)
        for path, tree in trees.items()
        if str(path) not in KERAS and any(word.fullmatch(one) for one in words(tree))
    ]


def lengths(trees: dict[Path, ast.Module]) -> list[int]:
    """Lines of every function, its docstring left out."""
    found = []
    for tree in trees.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                doc = node.body[0] if ast.get_docstring(node) else None
                without = 0 if doc is None else (doc.end_lineno or 0) - doc.lineno + 1
                found.append((node.end_lineno or 0) - node.lineno + 1 - without)
    return sorted(found)


def main(arguments: Sequence[str]) -> int:
    """Print the table."""
    root = Path(arguments[0]) if arguments else HERE
    paths = sorted(root.rglob("*.py"))
    trees = {path.relative_to(root): ast.parse(path.read_text(encoding="utf-8")) for path in paths}
    for notion, pattern in NOTIONS.items():
        files = naming(pattern, trees)
        print(f"{notion:<28}{len(files):>6} files: {', '.join(files)}")
    lines = [len(path.read_text(encoding="utf-8").splitlines()) for path in paths]
    functions = lengths(trees)
    tenth = statistics.quantiles(functions, n=10)[-1]
    print(f"{'lines':<28}{sum(lines):>6} in {len(paths)} files, the longest {max(lines)}")
    print(f"{'functions':<28}{len(functions):>6}: median {statistics.median(functions):.0f} lines,")
    print(f"{'':<28}90 % at most {tenth:.0f}, without docstrings")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

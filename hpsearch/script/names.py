"""Names: a cheap check that a script can run, without running it."""

import ast
import builtins
import importlib.util


def check_names(source: str, file: str) -> list[str]:
    """What is wrong with a script: names that it uses and has nowhere, modules that are not here.

    Args:
        source: its text.
        file: its name, for the compiler's messages.

    Returns:
        the names, sorted; none for a script that is fine.

    Raises:
        SyntaxError: it is no Python.
    """
    tree = ast.parse(source, file)
    compile(tree, file, "exec")
    known = {*dir(builtins), "__name__", "__file__"}
    used: set[str] = set()
    modules: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) else known).add(node.id)
        elif isinstance(node, ast.arg):
            known.add(node.arg)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            known.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            known |= {alias.asname or alias.name for alias in node.names}
            modules |= _modules(node)
    missing = {name for name in modules if importlib.util.find_spec(name) is None}
    return sorted((used - known) | missing)


def _modules(node: ast.Import | ast.ImportFrom) -> set[str]:
    """The packages that a line imports from."""
    if isinstance(node, ast.ImportFrom):
        return {str(node.module).partition(".")[0]}
    return {alias.name.partition(".")[0] for alias in node.names}

"""Networks and tasks are listed twice, without Keras and with it: the same ones."""

import inspect

from hpsearch.networks import NETWORKS
from hpsearch.networks.dense import Dense
from hpsearch.tasks import TASKS
from hpsearch.training.networks import BUILDERS
from hpsearch.training.tasks import MAKERS


def test_each_network_has_a_builder_in_the_module_of_its_name() -> None:
    assert NETWORKS.keys() | {Dense(members=2).builder} == BUILDERS.keys()
    assert all(Made.model_construct().builder == kind for kind, Made in NETWORKS.items())
    for kind, build in BUILDERS.items():
        module = inspect.getmodule(build)
        assert module is not None
        assert module.__name__ == f"hpsearch.training.networks.{kind}"
        assert build.__name__ == "build"


def test_each_task_has_its_functions_in_the_module_of_its_name() -> None:
    assert TASKS.keys() == MAKERS.keys()
    for name, maker in MAKERS.items():
        module = inspect.getmodule(maker)
        assert module is not None
        assert module.__name__ == f"hpsearch.training.tasks.{name}"
        assert all(hasattr(module, one) for one in ("losses", "score", "values"))

import pytest

from hpsearch.data.loaders import load
from hpsearch.data.source import silent
from hpsearch.errors import InputError
from hpsearch.recipe import DatasetSection


@pytest.mark.parametrize("source", ["mnist", "fashion_mnist", "cifar10", "cifar100"])
def test_sources_to_come_are_refused_with_the_way_round(source: str) -> None:
    section = DatasetSection.model_validate({"source": source})
    with pytest.raises(InputError, match=r"--set dataset\.source=image_folder") as caught:
        load(section, silent)
    assert f'"{source}"' in str(caught.value)


def test_what_is_loaded_is_checked(npz) -> None:  # type: ignore[no-untyped-def]
    section = npz(y_train=[0] * 60)
    with pytest.raises(InputError, match="at least two"):
        load(section, silent)

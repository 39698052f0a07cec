"""Going on with a submitted study: on the data that it began with, and on code that may be run."""

from hpsearch.data.cache import open_dataset
from hpsearch.errors import InputError
from hpsearch.home import Home
from hpsearch.search.making import check_same
from hpsearch.search.study import OpenStudy
from hpsearch.search.submissions import submission_of
from hpsearch.services.apart import import_data
from hpsearch.services.rules import NO_CODE, Rules, has_code, reading


def refuse_code(study: OpenStudy, rules: Rules) -> None:
    """Refuse to build networks of a study by code of its user's, where that may not be run.

    Raises:
        InputError: so they would be.
    """
    if has_code(study.file) and not rules.allow_code:
        raise InputError(f"study {study.name}: {NO_CODE}")


def refuse_changed(study: OpenStudy, rules: Rules, home: Home) -> None:
    """Refuse to go on with a study that its workers would refuse: they would fail it.

    Args:
        study: the study, which was submitted.
        rules: what it may read and run.
        home: where data sets are kept.

    Raises:
        StateError: it was not submitted.
        InputError: it runs code, which may not be; or its data have changed, or are gone.
        UnreachableError: data that cannot be read.
    """
    user, file = submission_of(study).user, study.file
    refuse_code(study, rules)
    if not file.dataset.reader.takes_path():
        return
    with reading(rules, file.dataset.path, user):
        import_data(file, f"{study.name}.toml", home)
        check_same(study, file, {"fingerprint": open_dataset(file.dataset, home).fingerprint})

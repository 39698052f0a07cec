"""The client of the service, for scripts and for ``hpsearch … --server URL``.

    >>> client = hpsearch.Client("http://127.0.0.1:8080")
    >>> study = client.submit("mine.toml")
    >>> study.wait()["state"], study.best()["values"]

It knows HTTP and JSON alone: neither FastAPI, TensorFlow nor Optuna is imported.
"""

from hpsearch.client.service import Client as Client
from hpsearch.client.studies import ServedStudy as ServedStudy

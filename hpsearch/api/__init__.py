"""``import hpsearch``: searches and studies from Python, a thin face of the services."""

"""Source "cifar10": 60,000 colour photographs, 32 x 32, of ten kinds of things."""

from hpsearch.data.official.cifar import CifarSet


class Cifar10(CifarSet):
    """CIFAR-10 (Krizhevsky, 2009)."""

    name = "cifar10"
    title = "CIFAR-10"
    class_names = (
        "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
    )  # fmt: skip
    path_may_be = "cifar-10-python.tar.gz, or the folder cifar-10-batches-py unpacked from it"
    sample = "cifar-10-python.tar.gz"
    archives = ("cifar-10-python.tar.gz", "cifar-10-python.tgz", "cifar-10-python.tar")
    cached = "cifar-10-batches-py-target_archive"
    download_bytes = 170_498_071
    batches = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch")
    names_file = "batches.meta"
    labels_key = "labels"
    names_key = "label_names"

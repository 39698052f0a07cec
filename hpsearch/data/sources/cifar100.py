"""Source "cifar100": 60,000 colour photographs, 32 x 32, with the fine labels of 100 kinds."""

from hpsearch.data.official.cifar import CifarSet


class Cifar100(CifarSet):
    """CIFAR-100 (Krizhevsky, 2009)."""

    name = "cifar100"
    title = "CIFAR-100"
    class_names = tuple(
        """
        apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus
        butterfly camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch
        crab crocodile cup dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo
        keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain
        mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain
        plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk
        skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone
        television tiger tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm
        """.split()  # noqa: SIM905 - a hundred words are easier to read so
    )
    path_may_be = "cifar-100-python.tar.gz, or the folder cifar-100-python unpacked from it"
    sample = "cifar-100-python.tar.gz"
    archives = ("cifar-100-python.tar.gz", "cifar-100-python.tgz", "cifar-100-python.tar")
    cached = "cifar-100-python-target_archive"
    download_bytes = 169_001_437
    batches = ("train", "test")
    folders = ("", ".", "cifar-100-python")
    names_file = "meta"
    labels_key = "fine_labels"
    names_key = "fine_label_names"

"""Data: four real sets that ship with the package, readers for the official files, and batches.

=================================  ==================================================================
`fashion_mnist`, `uci_digits`      bundled images
`sonnets`, `Vocabulary`            bundled text, and characters as numbers
`debian_dependencies`              bundled user-item pairs, for recommenders
`read_mnist_folder`, `read_idx`    full MNIST and Fashion-MNIST from a folder of yours
`read_cifar10_folder`, ...         CIFAR-10 from a folder of yours, either layout
`normalize`, `Loader`, `augment`   from stored bytes to shuffled, augmented training batches
=================================  ==================================================================

Every function returns NumPy arrays; origin and licence of the bundled sets: ``bundled/LICENSES.md``.
"""

from qbref.data.augment import compose, random_flip, random_shift
from qbref.data.cifar import CIFAR10_NAMES, read_cifar10_binary, read_cifar10_folder, read_cifar10_python
from qbref.data.idx import read_idx, read_mnist_folder
from qbref.data.images import DIGIT_NAMES, FASHION_NAMES, ImageData, fashion_mnist, normalize, uci_digits
from qbref.data.loader import Loader
from qbref.data.ratings import Interactions, debian_dependencies
from qbref.data.text import Vocabulary, sonnets

__all__ = [
    "CIFAR10_NAMES",
    "DIGIT_NAMES",
    "FASHION_NAMES",
    "ImageData",
    "Interactions",
    "Loader",
    "Vocabulary",
    "compose",
    "debian_dependencies",
    "fashion_mnist",
    "normalize",
    "random_flip",
    "random_shift",
    "read_cifar10_binary",
    "read_cifar10_folder",
    "read_cifar10_python",
    "read_idx",
    "read_mnist_folder",
    "sonnets",
    "uci_digits",
]

"""Show what an integer model file holds."""

from qbref import integer


def add_arguments(parser):
    """Declare the command's arguments."""
    parser.add_argument("model", help="an integer model file (.npz)")


def run(options):
    """Print the model's summary."""
    model = integer.load(options.model)
    print(model.summary())

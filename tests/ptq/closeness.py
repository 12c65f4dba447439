"""How far a quantized network is from the float one."""

import numpy as np

from qbref import Tensor
from qbref.ptq.streams import float_form, product_layers


def relative_error(y_hat, y):
    return float(np.square(y_hat - y).sum() / np.square(y).sum())


def logit_error(q, network, x):
    """Relative squared error of what `q` makes of x, against the float `network`."""
    return relative_error(q(Tensor(x)).data, network(Tensor(x)).data)


def layer_errors(q, reference, x):
    """Relative squared error behind each Linear and Conv2d of `q`, a chain, against the float form."""
    with float_form(reference):
        outputs = _outputs(reference, x)
    return [relative_error(y_hat, y) for y_hat, y in zip(_outputs(q, x), outputs, strict=True)]


def _outputs(q, x):
    outputs, x, products = [], Tensor(x), product_layers(q)
    for layer in q:
        x = layer(x)
        if layer in products:
            outputs.append(x.data)
    return outputs

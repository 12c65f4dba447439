"""``QuantConfig(weight_rounding=...)``: the methods of their own as an option of static quantization."""

import numpy as np
import pytest

import qbref as qb
from qbref import integer, ptq, qnn


def quantized(network, batches, rounding, n_bits=3):
    config = qnn.QuantConfig(weights=qnn.int_weights(n_bits), weight_rounding=rounding)
    qb.manual_seed(0)
    return ptq.quantize_static(network, batches, config)


@pytest.mark.parametrize("rounding, method", [("adaround", ptq.adaround), ("gptq", ptq.gptq)])
def test_the_option_is_the_method_with_its_defaults(rounding, method, digits_network, digits):
    batches = [digits.x_train[:64], digits.x_train[64:128]]
    chosen = quantized(digits_network, (batch for batch in batches), rounding)  # a generator is run once
    nearest = quantized(digits_network, batches, "nearest")
    qb.manual_seed(0)
    expected = method(nearest, batches)
    assert (chosen(digits.x_test).data == expected(digits.x_test).data).all()
    assert (chosen(digits.x_test).data != nearest(digits.x_test).data).any()
    assert chosen.report == expected.report
    assert integer.count_differences(chosen, integer.convert(chosen), digits.x_test) == 0


def test_nearest_rounds_to_the_nearest(digits_network, digits):
    q = quantized(digits_network, [digits.x_train[:64]], "nearest")
    layer = next(layer for layer in q.modules() if getattr(layer, "path", None) == "8")
    levels = layer.levels()
    error = np.abs(layer.weight.data - levels.q * levels.scale[:, None])
    assert (error <= levels.scale[:, None] * 0.5 * (1 + 1e-6)).all()  # float32 division


def test_an_unknown_rounding_is_refused():
    with pytest.raises(ValueError, match="weight_rounding must be one of .*'gptq'.*, got 'up'"):
        qnn.QuantConfig(weight_rounding="up")

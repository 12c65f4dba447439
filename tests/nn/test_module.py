"""Registration, traversal, state and text of modules, on small hand-made ones."""

import copy

import numpy as np
import pytest

from qbref import nn
from qbref.autograd import Tensor


class Scale(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.register_buffer("count", np.zeros(1, np.int64))
        self.factor = nn.Parameter(np.arange(n, dtype=np.float32))
        self.inner = None
        self.note = "plain"

    def forward(self, x):
        return x * self.factor


def nested():
    outer = Scale(2)
    outer.inner = Scale(3)
    return outer


def test_assignment_registers_parameters_and_modules_by_dotted_path():
    outer = nested()
    assert [name for name, _ in outer.named_parameters()] == ["factor", "inner.factor"]
    assert [name for name, _ in outer.named_buffers()] == ["count", "inner.count"]
    assert [name for name, _ in outer.named_modules()] == ["", "inner"]
    assert list(outer.children()) == [outer.inner]


def test_replacement_keeps_the_place_in_the_order():
    model = nn.Sequential(nn.ReLU(), nn.Linear(2, 2), nn.Tanh())
    model[1] = nn.Sigmoid()
    assert [type(m).__name__ for m in model] == ["ReLU", "Sigmoid", "Tanh"]
    layer = nn.Linear(2, 2)
    layer.weight = nn.Parameter(np.full((2, 2), 7, np.float32))
    assert [name for name, _ in layer.named_parameters()] == ["weight", "bias"]
    assert layer.state_dict()["weight"][0, 0] == 7


def test_a_parameter_can_be_set_to_none_but_not_to_a_plain_tensor_or_array():
    layer = nn.Linear(2, 2)
    layer.bias = None
    assert list(layer.state_dict()) == ["weight"]
    assert layer(np.ones((1, 2), np.float32)).shape == (1, 2)
    for wrong in (Tensor([1.0]), np.ones(2, np.float32), nn.ReLU()):
        with pytest.raises(TypeError, match="weight must be a Parameter or None, got"):
            layer.weight = wrong


def test_a_deleted_attribute_is_no_longer_registered():
    outer = nested()
    del outer.inner
    assert [name for name, _ in outer.named_parameters()] == ["factor"]


def test_arrays_and_lists_are_plain_attributes():
    model = nn.Module()
    model.array, model.layers = np.ones(3), [nn.Linear(1, 1)]
    assert model.state_dict() == {}
    assert list(model.parameters()) == []


def test_a_buffer_is_replaced_by_assignment_and_must_stay_an_array():
    model = Scale(1)
    model.count = np.array([5])
    assert model.state_dict()["count"] == 5
    for wrong in (None, 3.0, np.array(["a"]), nn.Parameter([1.0])):
        with pytest.raises(TypeError, match="count must be an ndarray"):
            model.count = wrong


@pytest.mark.parametrize("name", ["", "a.b", "factor", "forward", 3])
def test_register_buffer_rejects_names_that_are_empty_dotted_or_taken(name):
    with pytest.raises(ValueError, match="name must be a new attribute's name"):
        Scale(1).register_buffer(name, np.zeros(1))


def test_forgetting_super_init_is_named_as_the_mistake():
    class Forgetful(nn.Module):
        def __init__(self):
            self.weight = nn.Parameter([1.0])

    with pytest.raises(AttributeError, match=r"super\(\).__init__\(\) must run before weight"):
        Forgetful()


def test_shared_modules_and_parameters_are_listed_once():
    layer = nn.Linear(2, 2)
    twice = nn.Sequential(layer, layer)
    assert len(list(twice.named_modules())) == 2
    assert [name for name, _ in twice.named_parameters()] == ["0.weight", "0.bias"]
    tied = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    tied[1].weight = tied[0].weight
    assert [name for name, _ in tied.named_parameters()] == ["0.weight"]
    assert list(tied.state_dict()) == ["0.weight"]


def test_train_and_eval_reach_every_module_and_return_the_model():
    model = nn.Sequential(nn.Residual(nn.Sequential(nn.Dropout())))
    assert model.eval() is model
    assert [m.training for m in model.modules()] == [False] * 4
    assert all(m.training for m in model.train().modules())


def test_zero_grad_forgets_gradients():
    layer = nn.Linear(2, 1)
    layer(np.ones((1, 2), np.float32)).sum().backward()
    assert layer.weight.grad is not None
    layer.zero_grad()
    assert layer.weight.grad is None and layer.bias.grad is None


def test_parameters_copy_the_array_they_are_made_from():
    array = np.ones(2, np.float32)
    parameter = nn.Parameter(array)
    parameter.data[0] = 5
    assert array[0] == 1


def test_deepcopy_shares_no_array_and_keeps_gradients_and_sharing():
    layer = nn.Linear(2, 2)
    model = nn.Sequential(layer, nn.BatchNorm1d(2), layer)
    model(np.ones((3, 2), np.float32)).sum().backward()
    twin = copy.deepcopy(model)
    assert twin[0] is twin[2] and twin[0] is not layer
    assert np.array_equal(twin[0].weight.grad, layer.weight.grad)
    assert isinstance(twin[0].weight, nn.Parameter) and twin[0].weight.requires_grad
    before = model.state_dict()
    for array in [p.data for p in twin.parameters()] + list(twin.buffers()):
        array += 1
    after = model.state_dict()
    assert all(np.array_equal(before[name], after[name]) for name in before)
    twin[0].weight = nn.Parameter(np.zeros((2, 2), np.float32))
    assert len(list(twin.parameters())) == 4


def test_state_dict_round_trip_copies_both_ways():
    a, b = nested(), nested()
    a.factor.data[:] = 7
    state = a.state_dict()
    state_factor = state["factor"]
    live = b.factor.data
    assert b.load_state_dict(state) == ([], [])
    assert b.factor.data is live and live.tolist() == [7, 7]
    state_factor[:] = 0
    assert a.factor.data.tolist() == [7, 7] and live.tolist() == [7, 7]


def test_state_dict_lists_a_modules_own_entries_before_those_below():
    model = nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 1))
    assert list(model.state_dict()) == [
        "0.weight",
        "0.bias",
        "0.running_mean",
        "0.running_var",
        "1.weight",
        "1.bias",
    ]


def test_strict_loading_names_all_that_is_wrong_and_changes_nothing():
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    before = model.state_dict()
    state = {name: array + 1 for name, array in before.items()}
    del state["0.bias"]
    state["0.gain"] = np.ones(2)
    state["1.weight"] = np.ones(3, np.float32)
    state["1.bias"] = np.ones(2)
    state["1.running_var"] = [1.0, 1.0]
    with pytest.raises(ValueError) as caught:
        model.load_state_dict(state)
    for part in (
        "0.bias is missing",
        "0.gain is unexpected",
        "1.weight must be float32 of shape (2,), got float32 of shape (3,)",
        "1.bias must be float32 of shape (2,), got float64 of shape (2,)",
        "1.running_var must be float32 of shape (2,), got list",
    ):
        assert part in str(caught.value)
    assert all(np.array_equal(before[name], array) for name, array in model.state_dict().items())


def test_loose_loading_reports_what_it_passed_over_and_still_rejects_shapes():
    layer = nn.Linear(2, 1)
    result = layer.load_state_dict({"weight": np.ones((1, 2), np.float32), "extra": np.ones(1)}, strict=False)
    assert result.missing_keys == ["bias"] and result.unexpected_keys == ["extra"]
    assert layer.weight.data.tolist() == [[1, 1]]
    with pytest.raises(ValueError, match="weight must be float32 of shape"):
        layer.load_state_dict({"weight": np.ones((2, 2), np.float32)}, strict=False)
    with pytest.raises(TypeError, match="state must be a dict of arrays, got Linear"):
        layer.load_state_dict(nn.Linear(2, 1))


def test_to_converts_floats_and_leaves_integers():
    model = nested().to(np.float64)
    dtypes = {name: array.dtype for name, array in model.state_dict().items()}
    assert dtypes["factor"] == dtypes["inner.factor"] == np.float64
    assert dtypes["count"] == np.int64
    assert nn.BatchNorm1d(2).to(np.float64).running_mean.dtype == np.float64
    with pytest.raises(ValueError, match="dtype must be float32 or float64, got float16"):
        model.to(np.float16)


def test_repr_shows_structure_shapes_and_counts():
    # Linear(4, 3): 12 + 3; BatchNorm1d(3): 3 + 3; shortcut Linear(4, 3, no bias): 12
    body = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
    model = nn.Sequential(nn.Residual(body, nn.Linear(4, 3, bias=False)), nn.ReLU())
    assert repr(model).splitlines() == [
        "Sequential(",
        "  (0): Residual(",
        "    (body): Sequential(",
        "      (0): Linear(in_features=4, out_features=3, bias=True)"
        "  weight (3, 4), bias (3,): 15 parameters",
        "      (1): BatchNorm1d(3, eps=1e-05, momentum=0.1)"
        "  weight (3,), bias (3,): 6 parameters; buffers running_mean (3,), running_var (3,)",
        "    )  21 parameters",
        "    (shortcut): Linear(in_features=4, out_features=3, bias=False)  weight (3, 4): 12 parameters",
        "  )  33 parameters",
        "  (1): ReLU()",
        ")  33 parameters",
    ]


def test_repr_counts_shared_parameters_once_and_groups_thousands():
    layer = nn.Linear(100, 100)
    assert repr(nn.Sequential(layer, layer)).endswith(")  10,100 parameters")


def test_float_arrays_are_wrapped_and_other_inputs_passed_through():
    class Kind(nn.Module):
        def forward(self, x):
            return type(x)

    assert Kind()(np.ones(1, np.float32)) is Tensor
    assert Kind()(np.ones(1, np.int64)) is np.ndarray


def test_a_module_without_forward_says_so():
    with pytest.raises(NotImplementedError, match="Module must define forward"):
        nn.Module()(1)

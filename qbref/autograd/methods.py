"""The operators and methods of Tensor: each is the function of that name, given the tensor first."""

from qbref.autograd import ops_activation, ops_elementwise, ops_reduce, ops_shape
from qbref.autograd.ops_matmul import matmul
from qbref.autograd.tensor import Tensor


def _reversed(operation):
    return lambda self, other: operation(other, self)


Tensor.__neg__ = ops_elementwise.negative
Tensor.__add__ = ops_elementwise.add
Tensor.__radd__ = _reversed(ops_elementwise.add)
Tensor.__sub__ = ops_elementwise.subtract
Tensor.__rsub__ = _reversed(ops_elementwise.subtract)
Tensor.__mul__ = ops_elementwise.multiply
Tensor.__rmul__ = _reversed(ops_elementwise.multiply)
Tensor.__truediv__ = ops_elementwise.divide
Tensor.__rtruediv__ = _reversed(ops_elementwise.divide)
Tensor.__pow__ = ops_elementwise.power
Tensor.__rpow__ = _reversed(ops_elementwise.power)
Tensor.__matmul__ = matmul
Tensor.__rmatmul__ = _reversed(matmul)
Tensor.__getitem__ = ops_shape.getitem

Tensor.exp = ops_elementwise.exp
Tensor.log = ops_elementwise.log
Tensor.sqrt = ops_elementwise.sqrt
Tensor.abs = ops_elementwise.abs
Tensor.clip = ops_elementwise.clip
Tensor.tanh = ops_activation.tanh
Tensor.sigmoid = ops_activation.sigmoid
Tensor.relu = ops_activation.relu
Tensor.gelu = ops_activation.gelu
Tensor.sum = ops_reduce.sum
Tensor.mean = ops_reduce.mean
Tensor.var = ops_reduce.var
Tensor.max = ops_reduce.max
Tensor.min = ops_reduce.min
Tensor.reshape = ops_shape.reshape
Tensor.transpose = ops_shape.transpose
Tensor.T = property(ops_shape.transpose, doc="All axes in reverse order.")

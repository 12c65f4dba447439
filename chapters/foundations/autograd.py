# %% [markdown]
# # A gradient machine in one sitting
#
# *自动求导*
#
# Both documents take this for granted. Training asks one question, millions of times: *if I move this
# weight a little, what does the loss do?* We build a machine that answers it for all weights at once, and
# then cheat it, on purpose. After this chapter you will be able to
#
# - write **automatic differentiation** (自动求导) from scratch, in about fifty lines;
# - say why it goes backward, and why the order of its steps matters;
# - check a gradient with **difference quotients** (差商), and choose their step;
# - put a **straight-through estimator** (直通估计器) where a derivative is zero, and know what that is and is
#   not.
#
# You need the chain rule and NumPy, nothing else. Run time: about ten seconds.

# %%
import numpy as np

import qbref as qb
import qbref.nn.functional as F
from qbref import data, lab, plots

digits = data.uci_digits()
x_train, y_train = digits.x_train.reshape(-1, 64) / 16, digits.y_train
x_test, y_test = digits.x_test.reshape(-1, 64) / 16, digits.y_test

# %% [markdown]
# ## One rule for each operation
#
# A network is a chain of operations, from weights to one number, the loss $L$. For $y = f(x)$ somewhere in
# the middle, the chain rule says how much the loss feels $x$ if we know how much it feels $y$:
#
# $$ \frac{\partial L}{\partial x_i} = \sum_j \frac{\partial L}{\partial y_j} \,
# \frac{\partial y_j}{\partial x_i} \tag{1} $$
#
# What comes from behind, $\partial L / \partial y$, we call `upstream`. So an operation needs to know two
# things: how to compute its result, and how to turn `upstream` into one gradient for each operand. For a
# matrix product $Y = AB$:
#
# $$ \frac{\partial L}{\partial A} = \frac{\partial L}{\partial Y} B^{T}, \quad
# \frac{\partial L}{\partial B} = A^{T} \frac{\partial L}{\partial Y} \tag{2} $$
#
# (If you forget where the transposes go: there is only one way that the shapes fit.) Here is the machine.
# Each result remembers its operands, and the rule that stands right beside the operation.


# %%
class Node:
    def __init__(self, data, operands=(), rule=None):
        self.data = np.asarray(data, float)
        self.operands, self.rule, self.grad = operands, rule, 0.0

    def __add__(self, other):
        def rule(upstream):
            return fit(upstream, self), fit(upstream, other)

        return Node(self.data + other.data, (self, other), rule)

    def __mul__(self, other):
        def rule(upstream):
            return fit(upstream * other.data, self), fit(upstream * self.data, other)

        return Node(self.data * other.data, (self, other), rule)

    def __matmul__(self, other):
        def rule(upstream):
            return upstream @ other.data.T, self.data.T @ upstream

        return Node(self.data @ other.data, (self, other), rule)

    def tanh(self):
        y = np.tanh(self.data)
        return Node(y, (self,), lambda upstream: (upstream * (1 - y**2),))

    def backward(self):
        nodes = in_order(self)
        for node in nodes:
            node.grad = np.zeros_like(node.data)
        self.grad = np.ones_like(self.data)  # dL/dL
        for node in reversed(nodes):
            if node.rule:
                parts = node.rule(node.grad)
                for operand, part in zip(node.operands, parts, strict=True):
                    operand.grad = operand.grad + part


# %% [markdown]
# Two helpers are missing. `fit` undoes **broadcasting** (广播): a bias of shape (10,) that was added to 64
# rows has been used 64 times, and equation (1) sums over all uses. `in_order` lists the nodes so that
# operands come before results; we come back to it.


# %%
def fit(gradient, node):
    while gradient.ndim > node.data.ndim:
        gradient = gradient.sum(axis=0)
    for axis, length in enumerate(node.data.shape):
        if length == 1:
            gradient = gradient.sum(axis=axis, keepdims=True)
    return gradient


def in_order(result):
    nodes, seen = [], set()

    def visit(node):
        if id(node) not in seen:
            seen.add(id(node))
            for operand in node.operands:
                visit(operand)
            nodes.append(node)

    visit(result)
    return nodes


a, b = Node(3.0), Node(2.0)
y = a * b + a * a
y.backward()
print(f"y = ab + aa = {y.data}, dy/da = b + 2a = {a.grad}, dy/db = a = {b.grad}")
assert (a.grad, b.grad) == (8, 3)

# %% [markdown]
# ## Why the order matters
#
# `a` was used three times, and its gradient had to arrive from three sides. One could pass every piece on
# as soon as it arrives. The result would be right, but each *path* from the loss would be walked
# separately, and their number doubles with each doubling below. In order, a node passes on once, after
# everything has arrived.


# %%
def visits_without_order(node):
    return 1 + sum(visits_without_order(operand) for operand in node.operands)


rows = []
for doublings in (1, 5, 10, 15):
    y = Node(1.0)
    for _ in range(doublings):
        y = y + y
    rows.append((doublings, len(in_order(y)), f"{visits_without_order(y):,}"))
lab.table(("doublings y = y + y", "visits in order", "visits path by path"), rows)

# %% [markdown]
# This is all that **backpropagation** (反向传播) adds to the chain rule: bookkeeping, in the right order.
#
# ## A network
#
# A classifier needs one operation more, the **cross entropy** (交叉熵) of scores $s$ and labels. Its gradient
# is famous for its simplicity: probabilities minus truth.
#
# $$ L = -\frac{1}{N} \sum_n \log p_{n, y_n}, \quad p_{n,c} = \frac{\exp s_{n,c}}{\sum_k \exp s_{n,k}},
# \quad \frac{\partial L}{\partial s_{n,c}} = \frac{p_{n,c} - [c = y_n]}{N} \tag{3} $$


# %%
def cross_entropy(scores, labels):
    powers = np.exp(scores.data - scores.data.max(axis=1, keepdims=True))
    p = powers / powers.sum(axis=1, keepdims=True)
    truth = np.eye(p.shape[1])[labels]

    def rule(upstream):
        return (upstream * (p - truth) / len(labels),)

    return Node(-np.log((p * truth).sum(axis=1)).mean(), (scores,), rule)


def start(seed, hidden=32):
    rng = np.random.default_rng(seed)
    w1, w2 = rng.normal(0, 1 / 8, (64, hidden)), rng.normal(0, 0.2, (hidden, 10))
    return [w1, np.zeros(hidden), w2, np.zeros(10)]


def loss_of(nodes, x, labels):
    w1, b1, w2, b2 = nodes
    return cross_entropy((Node(x) @ w1 + b1).tanh() @ w2 + b2, labels)


arrays = start(seed=0)
nodes = [Node(array) for array in arrays]
loss = loss_of(nodes, x_train[:64], y_train[:64])
loss.backward()
n_parameters = sum(array.size for array in arrays)
lab.say(
    f"Loss {loss.data:.4f} of the untrained network, near ln 10 = {np.log(10):.4f}, "
    f"which is what guessing costs; and **{n_parameters:,}** gradients from one "
    "backward pass."
)

# %% [markdown]
# ## Is it right?
#
# The definition of the derivative is itself a program. Move one weight by $h$ to both sides:
#
# $$ \frac{\partial L}{\partial w} = \frac{L(w + h) - L(w - h)}{2h} + O(h^2) \tag{4} $$
#
# That needs two passes for *each* weight, which is why nobody trains this way, and no calculus at all,
# which is why it makes such a good judge. We ask it about all weights.


# %%
def quotient(array, index, h):
    middle, sides = array[index], []
    for moved in (middle + h, middle - h):
        array[index] = moved
        sides.append(
            loss_of([Node(a) for a in arrays], x_train[:64], y_train[:64]).data
        )
    array[index] = middle
    return (sides[0] - sides[1]) / (2 * h)


worst = 0.0
for array, node in zip(arrays, nodes, strict=True):
    for index in np.ndindex(array.shape):
        worst = max(worst, abs(quotient(array, index, 1e-5) - node.grad[index]))
largest = max(np.abs(node.grad).max() for node in nodes)
lab.say(
    f"The largest of {n_parameters:,} differences is **{worst:.0e}**; the largest "
    f"gradient is {largest:.2g}."
)
assert worst < 1e-8

# %% [markdown]
# Why $h = 10^{-5}$, and not something really small? Two errors pull in opposite directions: the curve is
# not a line (error about $h^2$), and the two losses agree in all but their last digits, which then count
# (about $10^{-16} / h$). Their sum is least near the cube root of $10^{-16}$.

# %%
steps = 10.0 ** np.arange(-13, 0.1, 0.5)
index = np.unravel_index(np.abs(nodes[2].grad).argmax(), arrays[2].shape)
exact = nodes[2].grad[index]
errors = [abs(quotient(arrays[2], index, h) / exact - 1) for h in steps]
with plots.style():
    fig = plots.figure(760, 400)
    axes = fig.add_subplot(xlabel="step h", ylabel="relative error", xscale="log")
    axes.set_yscale("log")
    axes.plot(steps, errors, "o-", markersize=5, label="measured")
    axes.plot(steps, errors[-3] * (steps / steps[-3]) ** 2, ":", label="∝ h²")
    axes.plot(
        steps, 1e-16 * float(loss.data) / (steps * abs(exact)), "--", label="∝ 1/h"
    )
    axes.set_ylim(min(errors) / 30, 10)
    axes.legend(loc="upper center")
    axes.set_title("Too far, too close")
lab.show(
    fig,
    alt="Error of the difference quotient over its step, both logarithmic: a V. It "
    f"falls with 1/h up to about {steps[int(np.argmin(errors))]:.0e} and rises with h² "
    "after.",
)
lab.say(f"The best step tried is **{steps[int(np.argmin(errors))]:.0e}**.")

# %% [markdown]
# The second judge is the library: the same network in `qb.Tensor`, written by the same principle, with many
# more operations.

# %%
tensors = [qb.Tensor(array.copy(), requires_grad=True) for array in arrays]
w1, b1, w2, b2 = tensors
scores = (qb.Tensor(x_train[:64]) @ w1 + b1).tanh() @ w2 + b2
F.cross_entropy(scores, y_train[:64]).backward()
apart = max(np.abs(t.grad - n.grad).max() for t, n in zip(tensors, nodes, strict=True))
lab.say(
    f"Our fifty lines and `qbref` differ by at most **{apart:.0e}** in any gradient, "
    "the last digits of a float64."
)
assert apart < 1e-14

# %% [markdown]
# And what would a judge be worth that never says no? We hand it a wrong rule, $1 - y$ in place of $1 -
# y^2$. `qb.grad_check` is the check above, for any function; it multiplies the result by random numbers
# first, so that errors in several elements cannot cancel.


# %%
def wrong_tanh(x):
    y = np.tanh(x.data)
    return qb.Tensor.from_op(y, (x,), lambda upstream: (upstream * (1 - y),))


try:
    qb.grad_check(wrong_tanh, [np.array([0.5, -1.0])])
except AssertionError as refusal:
    print(refusal)

# %% [markdown]
# ## What it costs
#
# The price of all gradients together, in forward passes:


# %%
def forward():
    return loss_of([Node(array) for array in arrays], x_train[:64], y_train[:64])


times = lab.take_turns({"forward": forward, "both": lambda: forward().backward()}, 0.3)
price = lab.times_faster(times["both"], times["forward"])
lab.say(
    f"Forward and backward take **{price}** times as long as forward alone. Difference "
    f"quotients would have taken {2 * n_parameters:,} forward passes."
)

# %% [markdown]
# Equation (2) says what to expect for a network of any size: each product forward makes at most two
# backward. This is the reason why networks with billions of weights can be trained at all.
#
# ## Learning
#
# **Gradient descent** (梯度下降) steps against the gradient. With `forward_weight` we leave a door open: what
# the forward pass makes of a weight. For now, nothing.


# %%
def train(seed, forward_weight=lambda w: w, epochs=20, rate=0.3):
    arrays, rng = start(seed), np.random.default_rng(seed)
    for _ in range(lab.epochs(epochs)):
        for batch in np.array_split(rng.permutation(len(x_train)), 23):
            leaves = [Node(array) for array in arrays]
            w1, b1, w2, b2 = leaves
            used = [forward_weight(w1), b1, forward_weight(w2), b2]
            loss_of(used, x_train[batch], y_train[batch]).backward()
            for array, leaf in zip(arrays, leaves, strict=True):
                array -= rate * leaf.grad
    return arrays


def share_right(arrays, forward_weight=lambda w: w):
    w1, b1, w2, b2 = (Node(array) for array in arrays)
    hidden = (Node(x_test) @ forward_weight(w1) + b1).tanh()
    scores = hidden @ forward_weight(w2) + b2
    return 100 * (scores.data.argmax(axis=1) == y_test).mean()


trained = [train(seed) for seed in range(5)]
real = [share_right(arrays) for arrays in trained]
lab.say(
    f"**{lab.over_seeds(real)} %** of the test digits are right, over five trainings."
)

# %% [markdown]
# ## Cheating on purpose: the straight-through estimator
#
# Now to what this book is about. A quantized network computes with rounded weights. Take three values, $-s,
# 0, s$, which fit into two bits, and a step that suits the size of the weights:
#
# $$ \hat w = s \cdot \operatorname{clip}\left(\operatorname{round}\left(\frac{w}{s}\right), -1, 1\right),
# \quad s = \tfrac{3}{2} \operatorname{mean} |w| \tag{5} $$
#
# Rounding is a staircase. Its derivative is 0 on every step ($s$ we treat as a constant), and an honest
# machine says so: no weight would ever move. The **straight-through estimator** claims that it is 1. In our
# machine the lie is one word long, the `slope`.


# %%
def rounded(slope):
    def forward_weight(w):
        s = 1.5 * np.abs(w.data).mean()
        w_hat = s * np.clip(np.round(w.data / s), -1, 1)
        return Node(w_hat, (w,), lambda upstream: (upstream * slope,))

    return forward_weight


# %% [markdown]
# The judge refuses the lie, as it must. Moved by a millionth, no rounded number changes.


# %%
def straight_through(w):
    return qb.Tensor.from_op(np.round(w.data), (w,), lambda upstream: (upstream,))


try:
    qb.grad_check(straight_through, [np.array([0.3, -1.2])])
except AssertionError as refusal:
    print(refusal)

# %% [markdown]
# Why would a wrong gradient be any good? Up to where it is clipped, the staircase climbs, on average, as the
# line $\hat w = w$ does.
# The estimator ignores the steps and follows the slope of the whole stair: wrong at every point, right at a
# distance. Whether that is enough is a question for an experiment: train with the true derivative, 0; with
# the straight-through 1; and, to compare, round the float network after its training.

# %%
honest = [train(seed, rounded(slope=0)) for seed in range(5)]
cheating = [train(seed, rounded(slope=1)) for seed in range(5)]
levels = rounded(slope=1)
shares = {
    "not rounded": real,
    "rounded after training": [share_right(arrays, levels) for arrays in trained],
    "rounded, true derivative": [share_right(arrays, levels) for arrays in honest],
    "rounded, straight through": [share_right(arrays, levels) for arrays in cheating],
}
lab.table(
    ("weights of three values", "test digits right, %"),
    [(name, lab.over_seeds(values)) for name, values in shares.items()],
    caption="Five trainings each, mean and 95 % interval.",
)
moved = sum(
    int((a != b).sum())
    for seed, arrays in enumerate(honest)
    for a, b in zip(arrays[::2], start(seed)[::2], strict=True)
)
gains = {
    name: lab.over_seeds(np.subtract(shares["rounded, straight through"], shares[name]))
    for name in ("rounded after training", "rounded, true derivative")
}
lab.say(
    f"With the true derivative **{moved}** weights have moved, in five trainings; only "
    "biases learn. The straight-through estimator gains "
    f"**{gains['rounded, true derivative']}** points over it, and "
    f"**{gains['rounded after training']}** over rounding afterwards."
)

# %% [markdown]
# What did move? Not the rounded weights but the real ones behind them, the latent weights (潜在权重). Here is
# what each is rounded to, before and after.

# %%
with plots.style():
    fig = plots.figure(900, 360)
    for i, (title, arrays) in enumerate(
        {"start": start(0), "trained": cheating[0]}.items()
    ):
        axes = fig.add_subplot(1, 2, i + 1, xlabel="latent weight of the first layer")
        s = 1.5 * np.abs(arrays[0]).mean()
        for level in (-1, 0, 1):
            group = arrays[0][np.clip(np.round(arrays[0] / s), -1, 1) == level]
            axes.hist(
                group,
                np.linspace(-4 * s, 4 * s, 65),
                label=f"→ {level * s:.2g}: {group.size}",
            )
        axes.legend(fontsize=10)
        axes.set_title(title)
lab.show(
    fig,
    alt="Histograms of the latent weights before and after training, coloured by the "
    "one of three values to which each is rounded; the counts are in the legend.",
)

# %% [markdown]
# ## What we measured

# %%
lab.say(f"""
- {n_parameters:,} gradients agree with difference quotients within **{worst:.0e}** and with
  `qbref` within **{apart:.0e}**, at the price of **{price}** forward passes.
- Weights of three values: the true derivative leaves **{moved}** weights moved; the straight-through
  estimator gains **{gains["rounded, true derivative"]}** points.
""")

# %% [markdown]
# ## Try next
#
# [Section 2.2 of document 2](balance/2.2) follows one batch through training and inference with this
# estimator; [3.1](realtime/3.1) takes it to one bit, where *which* lie one tells becomes a choice. In the
# library, read `qbref/autograd/tensor.py` next: it is this chapter, grown up.
#
# ## Exercises
#
# 1. Add `relu` to `Node`, with its rule, and check it with `quotient`. At which inputs may the two
#    disagree, and why is that no mistake?
# 2. Take `fit` out of the rule in `__add__` (return `upstream` twice). Where does the run stop, and which
#    shape has the gradient of a bias then?
# 3. Predict from equation (4)'s error terms the best step for float32, then measure it: change `float` in
#    `Node.__init__` to `np.float32`, and take out the two assertions, which hold for float64.
# 4. Let $s = \max |w|$ in `rounded`, as in a symmetric 2-bit grid. How many weights become 0, and what does
#    it cost, over five seeds? Explain with the histogram how a single large weight spoils the others.
# 5. A weight beyond $\pm s$ is clipped: should its slope be 1 or 0? Train both ways and say whether the
#    difference is decided. [3.1](realtime/3.1) calls the second answer the window.

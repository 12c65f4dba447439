"""Balance, 6: a frontier, three budgets; booleans, integers, instruction sets."""

# %% [markdown]
# # 6 A budget of bytes, a budget of milliseconds
#
# *实际应用场景*
#
# The original names three places where quantized models run: mobile devices (移动设备), the edge (边缘设备)
# and the cloud (云计算). For each it promises what quantization "can help" with. An engineer is asked
# something more definite: *so many bytes, so many milliseconds: which model do we ship?* After this chapter
# you can
#
# - measure a frontier (前沿) of configurations and pick from it by rule, not by taste,
# - say what a phone, a sensor and a server each gain, and what they do not,
# - quantize data that never was real: booleans and integers,
# - test whether a model computes the same on another machine, bit for bit.
#
# Read [Where accuracy goes](realtime/2.3) before. The run takes about twenty seconds, and a minute more the
# first time, to train two networks.
#
# ## Candidates (候选模型)
#
# Nobody chooses well from a list of one. We make several models of one task (Fashion-MNIST), without
# training any of them further: the float network; its calibrated versions with fewer and fewer bits; one
# whose weights come from [a table](balance/3.1) (LUT); one with four fifths of its weights pruned; one
# whose weights were simply replaced by their signs; and the network that was [trained to be
# binary](realtime/3.1).

# %%
import tempfile
from pathlib import Path

import numpy as np

import qbref.kernels
from qbref import calibration, data, integer, kernels, lab, plots, ptq, qnn, quant

fashion = lab.fashion()
network = ptq.fold_batchnorm(lab.fashion_cnn().model)
pruned = ptq.prune(network, 0.8, scope="global")
one_bit = qnn.binarize(network, first="binary", last="binary", activations=None)
short = qnn.int_weights(4, clip="mse")
four_bits = qnn.QuantConfig(
    weights=short,
    activations=qnn.Uniform(4),
    observer=calibration.MSE,
    overrides={"input": {"activations": qnn.Uniform(8)}},
)
recipes = {
    "PTQ int8": (network, None),
    "PTQ 4-bit weights": (network, qnn.QuantConfig(weights=short)),
    "PTQ int4": (network, four_bits),
    "LUT 4-bit": (network, qnn.QuantConfig(weights=qnn.Lut(4))),
    "pruned int8": (pruned, None),
    "signs of weights": (one_bit.eval(), None),
    "binary network": (lab.fashion_binary().model, None),
}
models = {}
for name, (start, config) in recipes.items():
    simulated = ptq.quantize_static(start, fashion.batches(), config)
    models[name] = integer.convert(simulated)
    assert integer.count_differences(simulated, models[name], fashion.x_test[:64]) == 0

# %% [markdown]
# The float side deserves its best program, too. For one image that is the one of
# [chapter 1](realtime/1), in plain NumPy; for many it is the library's.

# %%
w1, b1, w2, b2, w3, b3, w4, b4 = network.state_dict().values()
w1, w2 = (w.transpose(2, 3, 1, 0).reshape(-1, len(w)) for w in (w1, w2))
w3 = w3.reshape(-1, 32, 7, 7).transpose(2, 3, 1, 0).reshape(-1, len(w3))


def convolve_and_halve(x, w, b):
    n, side, _, channels = x.shape
    padded = np.zeros((n, side + 2, side + 2, channels), np.float32)
    padded[:, 1:-1, 1:-1] = x
    taps = [padded[:, i : i + side, j : j + side] for i in range(3) for j in range(3)]
    y = np.concatenate(taps, axis=-1).reshape(-1, 9 * channels) @ w + b
    return np.maximum(y.reshape(n, side // 2, 2, side // 2, 2, -1).max(axis=(2, 4)), 0)


def one_by_one(x):
    x = convolve_and_halve(x.transpose(0, 2, 3, 1), w1, b1)
    x = convolve_and_halve(x, w2, b2).reshape(len(x), -1)
    return np.maximum(x @ w3 + b3, 0) @ w4.T + b4


run = {name: model.run for name, model in models.items()}
alone = {"float32": one_by_one} | run
many = {"float32": lambda x: lab.scores(network, x)} | run
assert np.allclose(
    one_by_one(fashion.x_test[:64]), many["float32"](fashion.x_test[:64]), atol=1e-4
)

# %% [markdown]
# ## The frontier (前沿)
#
# Four figures for each: bytes, accuracy on the test images, latency of one image, images a second and
# core in batches of 64. A pruned model is stored sparse: eight bits for a weight that is left and a few
# for its distance from the one before. (It is unpacked to run, and so takes the time of int8.)

# %%
nbytes = {name: model.nbytes for name, model in models.items()}
nbytes["float32"] = sum(a.nbytes for a in network.state_dict().values())
kept = [layer.weight.data for layer in pruned if hasattr(layer, "weight")]
nbytes["pruned int8"] -= models["pruned int8"].weight_bytes
nbytes["pruned int8"] += sum(ptq.sparse_bytes(w, 8) for w in kept)

correct = {}
for name, answer in many.items():
    parts = [answer(x) for x in np.array_split(fashion.x_test, 40)]
    correct[name] = np.concatenate(parts).argmax(axis=1) == fashion.y_test

one, batch = fashion.x_test[:1], fashion.x_test[:64]
t_one = lab.take_turns({n: (lambda f=f: f(one)) for n, f in alone.items()}, 0.7)
t_many = lab.take_turns({n: (lambda f=f: f(batch)) for n, f in many.items()}, 1.0)
latency = {name: 1e3 * np.median(t) for name, t in t_one.items()}
throughput = {name: 64 / np.median(t) for name, t in t_many.items()}

# %% [markdown]
# A model is **dominated** (被支配) if another one is no larger, is more accurate by more than the interval of
# the paired answers, and is not slower by more than that of the paired times. Nobody needs it. The others
# are the frontier.


# %%
def beaten_by(name, other):
    slower = lab.times_faster(t_one[other], t_one[name])
    better = lab.paired(correct[other], correct[name])
    return nbytes[other] <= nbytes[name] and slower.low <= 1 and better.low > 0


frontier = [n for n in many if not any(beaten_by(n, other) for other in many)]
rows = []
for n in many:
    speed = f"{latency[n]:.2f}", f"{throughput[n]:,.0f}"
    on = "yes" if n in frontier else "no"
    rows.append((n, f"{nbytes[n]:,}", lab.accuracy(correct[n]), *speed, on))
header = ("model", "bytes", "right, %", "one image, ms", "images/s", "frontier")
lab.table(header, rows, "One thread; medians.")

# %% [markdown]
# To replace the weights of a trained network by their signs destroys it, whatever that saves: those of the
# binary network were trained to be signs. The pictures leave out what is more than five points below float32.

# %%
near = [n for n in frontier if correct[n].mean() > correct["float32"].mean() - 0.05]
points = [(n, nbytes[n], *lab.accuracy(correct[n])) for n in near]
lab.show(
    plots.accuracy_vs_bytes(points, title="The frontier: bytes"),
    "Accuracy over bytes of the models on the frontier, with intervals; see the table.",
)
points = [(n, latency[n] / 1e3, *lab.accuracy(correct[n])) for n in near]
lab.show(
    plots.accuracy_vs_latency(points, title="The frontier: time"),
    "Accuracy over the time for one image of the same models; see the table.",
)

# %% [markdown]
# ## Picking (选型)
#
# The rule. Of the models within the budget take the most accurate. It may be so by luck: whichever is not
# *worse by more than the interval* is as good, and of these the smallest is shipped.


# %%
def pick(most_bytes, most_ms, least_per_second):
    possible = [n for n in many if nbytes[n] <= most_bytes and latency[n] <= most_ms]
    possible = [n for n in possible if throughput[n] >= least_per_second]
    best = max(possible, key=lambda n: correct[n].sum())
    as_good = [n for n in possible if lab.paired(correct[best], correct[n]).low <= 0]
    return min(as_good, key=nbytes.get)


ANY = np.inf
budgets = {
    "mobile: 256 kB in an app, 10 ms": (256_000, 10, 0),
    "edge: 32 KiB of flash, 100 ms": (32_768, 100, 0),
    "cloud: as many images a second as float32": (ANY, ANY, throughput["float32"]),
}
picked, rows = {}, []
for place, budget in budgets.items():
    picked[place.split(":")[0]] = n = pick(*budget)
    speed = f"{latency[n]:.2f}", f"{throughput[n]:,.0f}"
    rows.append((place, n, f"{nbytes[n]:,}", *speed))
lab.table(("budget", "picked", "bytes", "one image, ms", "images/s"), rows)

# %% [markdown]
# The budgets are ours: change them and run the cell again. Now the promises.
#
# **Mobile**: "faster inference and less power". Time we can measure, for our network and for one layer of
# the size that larger networks have. For power there is no meter here; what counting operations and bytes
# suggests is [estimated in chapter 1](realtime/1#energy), and is no part of the verdict.

# %%
core, size = kernels.default(), 2048
signs = np.random.default_rng(2).choice(np.float32([-1, 1]), (size + 1, size))
a, b = signs[:1], np.ascontiguousarray(signs[1:].T)
a8, b8 = a.astype(np.int8), core.pack_rhs(b.astype(np.int8))
assert np.array_equal(core.int8_matmul(a8, b8), a @ b)
products = {"float32": lambda: a @ b, "int8": lambda: core.int8_matmul(a8, b8)}
layer = lab.take_turns(products, seconds=0.5)


def gain(times, name):
    return lab.times_faster(times["float32"], times[name])


mobile = picked["mobile"]
speed = {
    f"{mobile}, one image": gain(t_one, mobile),
    f"a layer of {size} × {size} in int8": gain(layer, "int8"),
}
lab.claim(
    "balance/6#mobile",
    "On mobile devices quantization makes inference faster (power: not tested).",
    lab.more_than(1, speed),
    "Times as fast as the best float32 program: "
    + "; ".join(f"{what} {ratio}" for what, ratio in speed.items()),
)

# %% [markdown]
# Where one image loses, it is not to arithmetic: [each layer costs a call from Python](realtime/1), which a
# phone's runtime would not make.
#
# **The edge**: "lower need for computation and storage". Many a processor there has no unit for floats; on
# such a one float32 would look worse than here.

# %%
edge = picked["edge"]
less = nbytes["float32"] / nbytes[edge]
exact = lab.Interval(less, less, less)
needs = {"storage": exact, "time of an image": gain(t_one, edge)}
lost = lab.paired(correct["float32"], correct[edge])
lab.claim(
    "balance/6#edge",
    "At the edge quantization lowers the need for computation and storage.",
    lab.more_than(1, needs),
    f"{edge}, {nbytes[edge]:,} bytes, {lost} points below float32. Times less: "
    + "; ".join(f"{what} {ratio}" for what, ratio in needs.items()),
)

# %% [markdown]
# **The cloud**: "better use of resources". A server is paid by the hour: what counts is how many images an
# hour of a core answers, and how many models fit into its memory.

# %%
cloud = picked["cloud"]
fit = nbytes["float32"] / nbytes[cloud]
exact = lab.Interval(fit, fit, fit)
use = {"images a core": gain(t_many, cloud), "models in memory": exact}
lab.claim(
    "balance/6#cloud",
    "In the cloud quantization raises the use made of resources.",
    lab.more_than(1, use),
    f"{cloud}, {throughput[cloud]:,.0f} images a second and core in batches of 64, "
    f"float32 {throughput['float32']:,.0f}. Times more: "
    + "; ".join(f"{what} {ratio}" for what, ratio in use.items()),
)

# %% [markdown]
# ## 6.4 Outlook (未来应用展望)
#
# Three hopes close the section: better compression (see [chapter 8](balance/8)), other
# types of data, and models that run anywhere. The latter two can be tested today.
#
# ### Booleans (布尔值)
#
# 4,209 packages of Debian, 540 others, and who needs whom: a table of yes and no. A recommender asks which
# items go together: how many packages need both $i$ and $j$, for all pairs. With $n_i$ users of item $i$
# and signs in place of yes and no,
#
# $$ \text{both}_{ij} = \tfrac14 \left( \text{signs}_i \cdot \text{signs}_j - K + 2 n_i + 2 n_j \right)
# \tag{1} $$
#
# where $K$ is the number of packages: exclusive or and popcount on packed bits compute it exactly.

# %%
pairs = data.debian_dependencies()
needs_it = np.zeros((len(pairs.item_names), len(pairs.user_names)), bool)
needs_it[pairs.item[~pairs.is_test], pairs.user[~pairs.is_test]] = True
users, K = needs_it.sum(axis=1), needs_it.shape[1]
real, words = needs_it.astype(np.float32), core.pack_bits(needs_it)


def in_bits():
    return (core.xnor_matmul(words, words, K) - K + 2 * (users[:, None] + users)) // 4


both, in_float = in_bits(), real @ real.T
took = lab.take_turns({"float32": lambda: real @ real.T, "bits": in_bits}, seconds=0.5)
boolean_gain = lab.times_faster(took["float32"], took["bits"])

similar = both / np.sqrt(np.outer(users, users)).clip(1)
scores = needs_it.T @ np.where(np.eye(len(users), dtype=bool), 0, similar)
scores[needs_it.T] = -1  # what a package needs already is not recommended
wanted = scores[pairs.user[pairs.is_test], pairs.item[pairs.is_test]]
hits = (scores >= wanted[:, None]).sum(axis=1) <= 10
wrong = int((both != in_float).sum())
print(
    f"bytes: float32 {real.nbytes:,}, bool {needs_it.nbytes:,}, packed {words.nbytes:,}"
)
print(f"{wrong} of {both.size:,} counts differ from the float product")
print(f"missing dependency among the first ten: {lab.accuracy(hits)} % of packages")

# %% [markdown]
# ### Integers (整数)
#
# The pixels of the 8 × 8 digits are integers from 0 to 16. Nothing is lost in quantizing them, if the grid
# is theirs: scale 1 (here $\tfrac{1}{16}$, since the network was trained on $x / 16$). A grid of 32 levels
# *fitted to the range* has other marks, and misses nearly all of them.

# %%
digits, small = lab.digits(), lab.digits_cnn().model
before = digits.correct(small)
grids = {"own, 5 bits": quant.QuantParams(np.float32(1 / 16), 0, 0, 31)}
for n in (8, 5, 4):
    grids[f"range, {n} bits"] = quant.params_from_range(0, 1, n, signed=False)
rows, error = [], {}
for name, grid in grids.items():
    x_hat = quant.fake_quantize(digits.x_test, grid)
    error[name] = 16 * np.abs(x_hat - digits.x_test).max()
    change = lab.paired(digits.correct(small, x_hat), before)
    rows.append((name, f"{error[name]:.3f}", change))
lab.table(
    ("grid", "largest error, gray levels", "change, points"),
    rows,
    f"Only the input is quantized. Before: {lab.accuracy(before)} % of {len(before)}.",
)

# %%
lab.claim(
    "balance/6.4#other-types",
    "Quantization also serves integer and boolean data.",
    lab.facts(
        {
            "packed booleans are exact": wrong == 0,
            "packed booleans are smaller": words.nbytes < needs_it.nbytes,
            "packed booleans are faster": boolean_gain.low > 1,
            "integers are exact on their own grid": error["own, 5 bits"] == 0,
            "integers are exact on a fitted grid": error["range, 5 bits"] == 0,
        }
    ),
    f"Booleans: 1/{real.nbytes / words.nbytes:.0f} of the bytes of float32, "
    f"{boolean_gain} times as fast, {wrong} differences. Integers: largest error "
    + ", ".join(f"{e:.2f} ({name})" for name, e in error.items())
    + " gray levels.",
)

# %% [markdown]
# ### The same on every machine (跨平台兼容性)
#
# We have one processor, but it can be told to be an older one: each kernel exists in variants for several
# instruction sets (指令集), and `use` allows only some. A model is saved, and loaded anew for each. The last
# platform is no compiled code at all but the definitions in NumPy. Integers are compared with equality.

# %%
x = fashion.x_test[:300]
sets = [s.name for s in core.cpu.instruction_sets() if s.built and s.system]
two = "PTQ int8", "binary network"
expected = {name: models[name].run(x, kernels=qbref.kernels) for name in two}
differ, rows = {}, []
with tempfile.TemporaryDirectory() as folder:
    for name in two:
        models[name].save(Path(folder) / name)
    for i, newest in enumerate(sets):
        with core.cpu.use(*sets[: i + 1]):
            loaded = {name: integer.load(Path(folder) / name) for name in two}
            wrong_here = [int((loaded[n].run(x) != expected[n]).sum()) for n in two]
            used = core.kernel_in_use()
        differ[newest] = sum(wrong_here)
        rows.append((newest, used["int8_matmul"], used["xnor_matmul"], *wrong_here))
lab.table(
    ("instructions up to", "int8 kernel", "XNOR kernel", *two),
    rows,
    f"Outputs that differ from NumPy's, of {expected[two[0]].size:,} for each model.",
)

# %% [markdown]
# Is that not a matter of course? It is not for floats. Their sums depend on the order of summation, which a
# library chooses by processor, by threads, or by the shape of the matrix. Here it is enough to send the
# same images alone instead of together:


# %%
def singly(answer):
    return np.concatenate([answer(x[i : i + 1]) for i in range(len(x))])


changed = int((singly(one_by_one) != one_by_one(x)).sum())
changed_int8 = int((singly(models["PTQ int8"].run) != expected["PTQ int8"]).sum())
print(f"other bits, of {10 * len(x):,}: float32 {changed:,}, int8 {changed_int8}")
lab.claim(
    "balance/6.4#portable",
    "A quantized model gives the same bits on different platforms: instruction sets of "
    "this processor, NumPy in place of compiled code, batches of another size.",
    lab.facts(
        {s: n == 0 for s, n in differ.items()} | {"one by one": changed_int8 == 0}
    ),
    f"Outputs that differ: {sum(differ.values())} on {len(sets)} instruction sets, "
    f"{changed_int8} one by one; of float32, one by one, {changed:,} of {10 * len(x):,}.",
)

# %% [markdown]
# Other architectures have not been run here; a model file and its outputs on one machine are what to compare
# with there. Equal integers come from equal *rules*, and the systems differ in theirs:
# [four tools, four sets of integers](realtime/2.2).
#
# ## What we measured

# %%
lab.say(f"""
- Of {len(many)} models {len(frontier)} are on the frontier:
  {", ".join(frontier)}.
- Picked: {"; ".join(f"{place}: {name}" for place, name in picked.items())}.
- Times as fast as float32: {speed[f"{mobile}, one image"]} for one image of a tiny network,
  {use["images a core"]} in batches, {gain(layer, "int8")} for a large layer.
- {both.size:,} counts from packed booleans, **{wrong}** wrong; integers on their own
  grid lose **{error["own, 5 bits"]:.0f}**.
- On {len(sets)} instruction sets **{sum(differ.values())}** outputs differ from
  those of NumPy.
""")

# %% [markdown]
# ## Try next
#
# [Sources](balance/7) lists who invented what; [what adapts](balance/8) gives each layer its own number of
# bits under a budget.
#
# ## Exercises
#
# 1. Draw the map of decisions: budgets of bytes along one axis, of milliseconds along the other, each point
#    in the colour of what `pick` returns. Where is there nothing to pick, and where only float32?
# 2. Derive (1) from `signs = 1 - 2 * needs_it`. What changes if a set bit means +1?
# 3. Threshold the digits at half brightness, pack the 64 pixels of an image into one word, and classify by
#    the nearest training image in Hamming distance. How many of the 360 test digits are right, and how many
#    bytes does the training set take?

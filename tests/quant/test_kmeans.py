from itertools import combinations

import numpy as np
import pytest

from qbref.quant.kmeans import kmeans_1d


def distortion(x, centroids):
    return (np.abs(x.reshape(-1, 1) - centroids).min(axis=1) ** 2).sum()


def best_distortion(x, k):
    """Try every way to cut the sorted values into k runs."""
    x = np.sort(x)
    cuts = combinations(range(1, len(x)), k - 1)
    return min(sum(((run - run.mean()) ** 2).sum() for run in np.split(x, cut)) for cut in cuts)


def test_separated_clusters_are_found_exactly():
    x = np.array([9.0, 1.0, -5.0, 2.0, 11.0, -7.0, 3.0, 10.0])
    for init in ("linear", "kmeans++"):
        assert kmeans_1d(x, 3, init, rng=np.random.default_rng(0)).tolist() == [-6, 2, 10]


def test_repeated_values_weigh_as_often_as_they_occur():
    assert kmeans_1d(np.array([0.0, 0.0, 0.0, 4.0, 100.0]), 2).tolist() == [1, 100]


@pytest.mark.parametrize("seed", range(20))
def test_the_best_of_several_starts_is_the_global_optimum_on_tiny_inputs(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=9)
    starts = [kmeans_1d(x, 3, "kmeans++", rng=rng) for _ in range(20)] + [kmeans_1d(x, 3)]
    found = [distortion(x, centroids) for centroids in starts]
    optimum = best_distortion(x, 3)
    assert min(found) >= optimum * (1 - 1e-12)  # sums in another order
    assert min(found) == pytest.approx(optimum, rel=1e-12)


@pytest.mark.parametrize("init", ["linear", "kmeans++"])
def test_distortion_never_rises(init):
    # heavy tails leave many of the equally spaced centroids empty at first
    x = np.random.default_rng(1).standard_t(2, size=3000)
    runs = [kmeans_1d(x, 16, init, n, np.random.default_rng(2)) for n in range(40)]
    errors = np.array([distortion(x, centroids) for centroids in runs])
    assert (np.diff(errors) <= errors[:-1] * 1e-12).all()  # rounding of the sums
    assert errors[-1] < errors[0] * 0.8  # and it falls


def test_the_result_is_a_fixed_point():
    x = np.random.default_rng(3).normal(size=500)
    centroids = kmeans_1d(x, 8, max_iterations=10_000)
    nearest = np.abs(x[:, None] - centroids).argmin(axis=1)
    means = [x[nearest == j].mean() for j in range(8)]
    np.testing.assert_allclose(centroids, means, rtol=1e-12)  # summed in another order


def test_no_centroid_stays_empty_when_there_are_enough_values():
    x = np.concatenate([np.linspace(0, 1, 50), [1000.0]])
    centroids = kmeans_1d(x, 16)
    nearest = np.abs(x[:, None] - centroids).argmin(axis=1)
    assert np.unique(nearest).size == 16


def test_an_empty_centroid_moves_to_the_value_farthest_from_its_own():
    x = np.array([0.0, 1.0, 2.0, 4.0, 100.0])  # at first 0, 50, 100: nothing belongs to 50
    # means 1.75 and 100; 4 is 2.25 away from its mean, more than any other value
    assert kmeans_1d(x, 3, max_iterations=1).tolist() == [1.75, 4, 100]
    assert kmeans_1d(-x, 3, max_iterations=1).tolist() == [-100, -4, -1.75]


def test_a_value_halfway_joins_the_lower_centroid():
    assert kmeans_1d(np.array([0.0, 1.0, 2.0]), 2).tolist() == [0.5, 2]


def test_kmeans_plus_plus_starts_far_apart():
    x = np.concatenate([np.linspace(0, 1, 1000), [1e6]])
    for seed in range(20):  # missing the outlier has a chance of about 1000 / 1e12
        assert kmeans_1d(x, 2, "kmeans++", 0, np.random.default_rng(seed))[1] == 1e6


def test_fewer_values_than_centroids_are_reproduced_exactly():
    assert kmeans_1d(np.array([3.0, 1.0, 3.0]), 4).tolist() == [1, 3, 3, 3]
    assert kmeans_1d(np.full((2, 3), 7.0), 2).tolist() == [7, 7]
    assert kmeans_1d(np.array([2.0]), 1).tolist() == [2]


def test_one_centroid_is_the_mean():
    assert kmeans_1d(np.array([1.0, 2.0, 6.0]), 1).tolist() == [3]


def test_values_of_very_different_size_do_not_disturb_each_other():
    # differences of running sums would lose the small values beside -1e30
    small = np.array([1.0, 2.0, 3.0]) * 1e-10
    centroids = kmeans_1d(np.concatenate([[-1e30, 1e30], small]), 3)
    assert centroids.tolist() == [-1e30, pytest.approx(2e-10, rel=1e-12), 1e30]


def test_linear_starts_are_deterministic_and_kmeans_plus_plus_follows_its_generator():
    x = np.random.default_rng(4).normal(size=2000)
    assert (kmeans_1d(x, 8) == kmeans_1d(x, 8)).all()

    def drawn(seed):
        return kmeans_1d(x, 8, "kmeans++", max_iterations=1, rng=np.random.default_rng(seed))

    assert (drawn(0) == drawn(0)).all()
    assert (drawn(0) != drawn(1)).any()


def test_an_unknown_start_is_refused():
    with pytest.raises(ValueError, match="init must be one of"):
        kmeans_1d(np.zeros(3), 2, "random")

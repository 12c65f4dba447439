"""The vectorised augmentations against loops over single images that slice and paste."""

import numpy as np
import pytest

import qbref.random
from qbref.data import compose, random_flip, random_shift

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (200, 5, 4), np.uint8)
COLOUR = RNG.standard_normal((200, 3, 5, 4)).astype(np.float32)


def shifted(image, down, right, fill):
    """`image` moved by pasting its visible part into a picture of `fill`."""
    h, w = image.shape[-2:]
    moved = np.full_like(image, fill)
    moved[..., max(down, 0) : h + min(down, 0), max(right, 0) : w + min(right, 0)] = image[
        ..., max(-down, 0) : h + min(-down, 0), max(-right, 0) : w + min(-right, 0)
    ]
    return moved


@pytest.mark.parametrize("x", [GREY, COLOUR], ids=["grey", "colour"])
def test_each_flipped_image_is_the_original_or_its_mirror(x):
    y = random_flip()(x, np.random.default_rng(1))
    assert y.dtype == x.dtype and y.shape == x.shape
    mirrored = [np.array_equal(after, np.flip(before, -1)) for before, after in zip(x, y, strict=True)]
    kept = [np.array_equal(after, before) for before, after in zip(x, y, strict=True)]
    assert all(m != k for m, k in zip(mirrored, kept, strict=True))
    assert 70 < sum(mirrored) < 130  # 200 throws of a coin: 100 +- 4.2 standard deviations


def test_flip_probabilities_zero_and_one_are_exact():
    assert np.array_equal(random_flip(p=0)(GREY), GREY)
    assert np.array_equal(random_flip(p=1)(GREY), GREY[:, :, ::-1])


@pytest.mark.parametrize("x", [GREY, COLOUR], ids=["grey", "colour"])
@pytest.mark.parametrize("fill", [0, 7])
def test_each_shifted_image_is_the_original_moved_within_the_limit(x, fill):
    y = random_shift(2, fill)(x, np.random.default_rng(2))
    assert y.dtype == x.dtype and y.shape == x.shape
    offsets = [(down, right) for down in range(-2, 3) for right in range(-2, 3)]
    used = set()
    for before, after in zip(x, y, strict=True):
        match = [offset for offset in offsets if np.array_equal(after, shifted(before, *offset, fill))]
        assert len(match) == 1
        used.add(match[0])
    assert used == set(offsets)  # a given one of 25 is missed by 200 images with probability .0003


def test_a_shift_of_zero_pixels_changes_nothing_and_a_large_one_may_leave_the_image():
    assert np.array_equal(random_shift(0)(GREY), GREY)
    far = random_shift(50, fill=9)(GREY, np.random.default_rng(3))
    assert (far == 9).all(axis=(1, 2)).sum() > 100


def test_the_input_is_never_changed():
    x = GREY.copy()
    compose(random_flip(1), random_shift(2))(x)[:] = 0
    assert np.array_equal(x, GREY)


def test_compose_applies_the_first_one_first_and_shares_the_generator():
    rng = np.random.default_rng(4)
    trace = []

    def note(name):
        def augment(x, given):
            trace.append((name, given is rng))
            return x

        return augment

    compose(note("a"), note("b"))(GREY, rng)
    assert trace == [("a", True), ("b", True)]
    assert compose()(GREY) is GREY


def test_an_empty_batch_stays_empty():
    assert compose(random_flip(), random_shift(1))(GREY[:0]).shape == (0, 5, 4)


def test_without_rng_the_shared_seed_decides():
    results = []
    for _ in range(2):
        qbref.random.manual_seed(11)
        results.append(compose(random_flip(), random_shift(2))(GREY))
    assert np.array_equal(*results)
    assert not np.array_equal(results[0], compose(random_flip(), random_shift(2))(GREY))


def test_wrong_settings_are_refused():
    for p in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match=r"p must be in \[0, 1\]"):
            random_flip(p)
    for pixels in (-1, 1.5, True):
        with pytest.raises(ValueError, match="max_pixels must be a non-negative integer"):
            random_shift(pixels)
    for fill in (256, -1, 0.5):
        with pytest.raises(ValueError, match="fill must be a value of uint8"):
            random_shift(1, fill)(GREY)
    with pytest.raises(ValueError, match=r"x must have shape \(n, h, w\) or \(n, c, h, w\), got \(5, 4\)"):
        random_flip()(GREY[0])
    with pytest.raises(TypeError, match="augments must be callable, got int"):
        compose(3)

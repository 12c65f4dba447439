"""Files are written here byte by byte, after the description of the format on the MNIST page."""

import gzip
import struct
import tracemalloc

import numpy as np
import pytest

from qbref.data import FASHION_NAMES, read_idx, read_mnist_folder


def idx_bytes(code, shape, content):
    return bytes([0, 0, code, len(shape)]) + b"".join(struct.pack(">i", size) for size in shape) + content


def written(folder, content, name="file-idx"):
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "code, letter, dtype, values",
    [
        (0x08, "B", np.uint8, [0, 1, 255]),
        (0x09, "b", np.int8, [-128, -1, 127]),
        (0x0B, "h", np.int16, [-32768, 258, 32767]),
        (0x0C, "i", np.int32, [-(2**31), 16909060, 2**31 - 1]),
        (0x0D, "f", np.float32, [-0.5, 1.0, 2.0**100]),
        (0x0E, "d", np.float64, [0.1, -1e300, float("inf")]),
    ],
)
def test_every_type_of_the_format_is_read_big_endian(tmp_path, code, letter, dtype, values):
    array = read_idx(written(tmp_path, idx_bytes(code, (3,), struct.pack(f">3{letter}", *values))))
    assert array.tolist() == values
    assert array.dtype == dtype and array.dtype.isnative
    array[0] = 0  # it belongs to the caller


def test_the_last_axis_runs_fastest(tmp_path):
    array = read_idx(written(tmp_path, idx_bytes(8, (2, 1, 3), bytes([1, 2, 3, 4, 5, 6]))))
    assert array.tolist() == [[[1, 2, 3]], [[4, 5, 6]]]


def test_gzip_is_told_by_content_whatever_the_name(tmp_path):
    content = idx_bytes(8, (4,), b"\1\2\3\4")
    packed = read_idx(written(tmp_path, gzip.compress(content), "without-suffix"))
    plain = read_idx(written(tmp_path, content, "plain.gz"))
    assert packed.tolist() == plain.tolist() == [1, 2, 3, 4]


def test_an_empty_axis_gives_an_empty_array(tmp_path):
    assert read_idx(written(tmp_path, idx_bytes(8, (0, 28, 28), b""))).shape == (0, 28, 28)


GOOD = idx_bytes(8, (2, 3), bytes(6))


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "file-idx must begin with 00 00, an IDX type and 1 to 64 axes, got ''"),
        (GOOD[:3], "must begin with"),
        (b"\1" + GOOD[1:], "must begin with .* got '01 00 08 02'"),
        (b"\0\1" + GOOD[2:], "must begin with"),
        (idx_bytes(0x0A, (2, 3), bytes(6)), "must begin with"),
        (idx_bytes(8, (), b"\0"), "must begin with"),
        (idx_bytes(8, (1,) * 65, b"\0"), "must begin with"),
        (GOOD[:9], "must declare 2 sizes of 4 bytes, got 5 bytes"),
        (GOOD[:-1], r"must hold 6 bytes of data for \(2, 3\) uint8, got 5"),
        (GOOD + b"\0", r"must hold 6 bytes of data for \(2, 3\) uint8, got more"),
        (idx_bytes(8, (0,), b"\0"), "must hold 0 bytes of data"),
        (idx_bytes(0x0E, (2,), bytes(15)), r"must hold 16 bytes of data for \(2,\) float64, got 15"),
        (idx_bytes(8, (-1, 28, 28), bytes(784)), r"must hold the declared \(4294967295, 28, 28\) uint8"),
    ],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gz"])
def test_a_damaged_file_is_refused(tmp_path, content, message, pack):
    with pytest.raises(ValueError, match=message):
        read_idx(written(tmp_path, pack(content)))


def test_damaged_gzip_is_refused(tmp_path):
    packed = gzip.compress(idx_bytes(8, (1000,), np.random.default_rng(0).bytes(1000)))
    wrong_checksum = packed[:-8] + bytes([packed[-8] ^ 1]) + packed[-7:]
    wrong_stream = packed[:40] + bytes([packed[40] ^ 0xFF]) * 30 + packed[70:]
    for damaged in (
        packed[:-200],
        packed[:-1],
        packed[:5],
        packed[:2],
        wrong_checksum,
        wrong_stream,
        packed + b"x",
    ):
        with pytest.raises(ValueError, match="must be intact gzip|bytes of data"):
            read_idx(written(tmp_path, damaged))


def test_no_byte_of_the_header_can_be_altered_unnoticed(tmp_path):
    for position in range(12):
        for flip in (1, 0x80):
            damaged = bytearray(GOOD)
            damaged[position] ^= flip
            if position == 2 and flip == 1:
                continue  # 08 -> 09: a file of signed bytes, just as valid
            with pytest.raises(ValueError):
                read_idx(written(tmp_path, bytes(damaged)))


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gz"])
def test_huge_declared_sizes_are_refused_before_memory_is_taken(tmp_path, pack):
    path = written(tmp_path, pack(idx_bytes(0x0E, (2**31 - 1, 2**31 - 1), bytes(8))))
    tracemalloc.start()
    with pytest.raises(ValueError, match="must hold the declared"):
        read_idx(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


def test_a_gzip_bomb_behind_a_small_header_is_not_unpacked(tmp_path):
    path = written(tmp_path, gzip.compress(idx_bytes(8, (4,), bytes(50_000_000)), compresslevel=1))
    tracemalloc.start()
    with pytest.raises(ValueError, match="must hold 4 bytes of data .* got more"):
        read_idx(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="path must be an IDX file, got .*nothing-here"):
        read_idx(tmp_path / "nothing-here")
    with pytest.raises(FileNotFoundError):
        read_idx(str(tmp_path))  # a folder is not a file


def mnist_folder(folder, spelling="{}-idx{}-ubyte", pack=bytes, **changed):
    """The four files, 3 training and 2 test images of 2 x 2, and what was put in them."""
    parts = {
        "train-images": np.arange(12).reshape(3, 2, 2),
        "train-labels": np.array([9, 0, 4]),
        "t10k-images": np.arange(100, 108).reshape(2, 2, 2),
        "t10k-labels": np.array([1, 2]),
    } | changed
    for stem, array in parts.items():
        kind = 3 if stem.endswith("images") else 1
        content = idx_bytes(8, array.shape, array.astype(np.uint8).tobytes())
        written(folder, pack(content), spelling.format(stem, kind))
    return list(parts.values())


@pytest.mark.parametrize("spelling", ["{}-idx{}-ubyte", "{}.idx{}-ubyte"])
@pytest.mark.parametrize("pack, suffix", [(bytes, ""), (gzip.compress, ".gz")], ids=["plain", "gz"])
def test_a_folder_is_read_in_all_official_spellings(tmp_path, spelling, pack, suffix):
    expected = mnist_folder(tmp_path, spelling + suffix, pack)
    data = read_mnist_folder(tmp_path)
    assert all(np.array_equal(got, want) for got, want in zip(data[:4], expected, strict=True))
    assert data.class_names == tuple("0123456789")


def test_class_names_are_the_callers_choice(tmp_path):
    mnist_folder(tmp_path)
    assert read_mnist_folder(str(tmp_path), class_names=FASHION_NAMES).class_names[9] == "Ankle boot"
    with pytest.raises(ValueError, match="train-labels must be below 9, got 9"):
        read_mnist_folder(tmp_path, class_names=list("abcdefghi"))
    for wrong in ("fashion", [1, 2]):
        with pytest.raises(TypeError, match="class_names must be a sequence of names"):
            read_mnist_folder(tmp_path, class_names=wrong)


def test_a_missing_member_is_reported_with_all_names_looked_for(tmp_path):
    mnist_folder(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(FileNotFoundError) as caught:
        read_mnist_folder(tmp_path)
    for name in ("t10k-labels-idx1-ubyte", "t10k-labels-idx1-ubyte.gz", "t10k-labels.idx1-ubyte"):
        assert name in str(caught.value)
    with pytest.raises(FileNotFoundError, match="train-images-idx3-ubyte"):
        read_mnist_folder(tmp_path / "no-such-folder")


@pytest.mark.parametrize(
    "changed, message",
    [
        ({"train-labels": np.zeros(2)}, "train-labels must hold 3 labels, one per image, got 2"),
        (
            {"t10k-labels": np.zeros((2, 1))},
            "t10k-labels-idx1-ubyte must hold uint8 with 1 axes, got uint8 with 2",
        ),
        ({"train-images": np.zeros((3, 4))}, "train-images-idx3-ubyte must hold uint8 with 3 axes"),
        ({"t10k-images": np.zeros((2, 3, 2))}, r"t10k-images must be of size \(2, 2\), got \(3, 2\)"),
        ({"t10k-labels": np.array([1, 10])}, "t10k-labels must be below 10, got 10"),
    ],
)
def test_files_that_do_not_belong_together_are_refused(tmp_path, changed, message):
    mnist_folder(tmp_path, **changed)
    with pytest.raises(ValueError, match=message):
        read_mnist_folder(tmp_path)

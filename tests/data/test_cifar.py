import pickle
import struct

import numpy as np
import pytest

from qbref.data import CIFAR10_NAMES, read_cifar10_binary, read_cifar10_folder, read_cifar10_python

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (4, 3072), np.uint8)
LABELS = [3, 0, 9, 1]


def python2_batch(pixels, labels):
    """What Python 2.7 (cPickle, protocol 2) writes for a batch: text and pixels are plain strings."""

    def short(text):
        return b"U" + bytes([len(text)]) + text

    rows, columns = pixels.shape
    dtype = b"cnumpy\ndtype\n" + short(b"u1") + b"K\x00K\x01\x87R(K\x03" + short(b"|")
    dtype += b"NNN" + struct.pack("<BiBi", ord("J"), -1, ord("J"), -1) + b"K\x00tb"
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + short(b"b") + b"\x87R"
    array += (
        b"(K\x01M" + struct.pack("<H", rows) + b"M" + struct.pack("<H", columns) + b"\x86" + dtype + b"\x89"
    )
    array += b"T" + struct.pack("<i", pixels.size) + pixels.tobytes() + b"tb"
    numbers = b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    names = b"](" + short(b"a.png") * len(labels) + b"e"
    entries = short(b"data") + array + short(b"labels") + numbers + short(b"filenames") + names
    return b"\x80\x02}(" + entries + b"u."


def python3_batch(**changed):
    return pickle.dumps({b"data": PIXELS, b"labels": LABELS} | {k.encode(): v for k, v in changed.items()}, 2)


def written(folder, content, name="batch"):
    path = folder / name
    path.write_bytes(content)
    return path


def binary_batch(pixels=PIXELS, labels=LABELS):
    return b"".join(bytes([label]) + row.tobytes() for label, row in zip(labels, pixels, strict=True))


def assert_is_the_batch(images, labels):
    assert images.dtype == labels.dtype == np.uint8
    assert labels.tolist() == LABELS
    # Channels outermost, then rows: red of pixel (row 1, column 2) is byte 34, blue is 2 * 1024 later.
    assert images.shape == (4, 3, 32, 32)
    assert images[2, 0, 1, 2] == PIXELS[2, 34] and images[2, 2, 1, 2] == PIXELS[2, 2082]
    assert images.tobytes() == PIXELS.tobytes()
    images[0] = 0  # it belongs to the caller


def test_the_binary_layout_is_read(tmp_path):
    assert_is_the_batch(*read_cifar10_binary(written(tmp_path, binary_batch())))


def test_a_batch_as_python_2_wrote_it_is_read(tmp_path):
    assert_is_the_batch(*read_cifar10_python(written(tmp_path, python2_batch(PIXELS, LABELS))))


def test_the_python_2_bytes_of_this_test_are_a_pickle_that_pickle_itself_reads():
    loaded = pickle.loads(
        python2_batch(PIXELS, LABELS).replace(b"numpy.core", b"numpy._core"), encoding="bytes"
    )
    assert np.array_equal(loaded[b"data"], PIXELS) and loaded[b"labels"] == LABELS


@pytest.mark.parametrize("protocol", range(5))
@pytest.mark.parametrize("order", ["C", "F"])
def test_batches_saved_again_by_python_3_are_read(tmp_path, protocol, order):
    content = pickle.dumps({"data": np.asarray(PIXELS, order=order), "labels": LABELS}, protocol)
    assert_is_the_batch(*read_cifar10_python(written(tmp_path, content)))


@pytest.mark.parametrize("suffix", ["", ".bin"], ids=["python", "binary"])
def test_a_folder_gives_five_batches_in_order_and_the_test_batch(tmp_path, suffix):
    for number in range(1, 6):
        labels = [number] * 4
        content = binary_batch(labels=labels) if suffix else python2_batch(PIXELS, labels)
        written(tmp_path, content, f"data_batch_{number}{suffix}")
    test = binary_batch(labels=[9] * 4) if suffix else python2_batch(PIXELS, [9] * 4)
    written(tmp_path, test, f"test_batch{suffix}")
    data = read_cifar10_folder(tmp_path)
    assert data.x_train.shape == (20, 3, 32, 32) and data.x_test.shape == (4, 3, 32, 32)
    assert data.y_train.tolist() == [1] * 4 + [2] * 4 + [3] * 4 + [4] * 4 + [5] * 4
    assert data.y_test.tolist() == [9] * 4
    assert data.class_names == CIFAR10_NAMES and CIFAR10_NAMES[6] == "frog"
    (tmp_path / f"data_batch_3{suffix}").unlink()
    with pytest.raises(FileNotFoundError, match="data_batch_3"):
        read_cifar10_folder(tmp_path)


class Command:
    """Runs `call(*arguments)` in whoever unpickles it."""

    def __init__(self, call, *arguments):
        self.reduced = call, arguments

    def __reduce__(self):
        return self.reduced


def test_a_malicious_pickle_executes_nothing(tmp_path):
    import builtins
    import os
    import subprocess

    trace = tmp_path / "executed"
    attacks = [
        Command(os.system, f"touch {trace}"),
        Command(subprocess.call, ["touch", str(trace)]),
        Command(builtins.eval, f"open({str(trace)!r}, 'w')"),
        Command(builtins.exec, f"open({str(trace)!r}, 'w')"),
        Command(open, str(trace), "w"),
        Command(getattr, PIXELS, "dumps"),
        Command(np.save, str(trace), PIXELS),
    ]
    for attack in attacks:
        for protocol in range(5):
            for content in (pickle.dumps(attack, protocol), pickle.dumps({"data": attack}, protocol)):
                path = written(tmp_path, content)
                with pytest.raises(ValueError, match="batch must hold only .* got the global"):
                    read_cifar10_python(path)
    assert not list(tmp_path.glob("executed*"))
    with pytest.raises(FileExistsError):  # the same attack does run where nothing stops it
        pickle.loads(pickle.dumps(Command(os.mkdir, str(tmp_path))))


def test_the_forbidden_global_is_named(tmp_path):
    with pytest.raises(ValueError, match="got the global collections.OrderedDict$"):
        import collections

        read_cifar10_python(written(tmp_path, pickle.dumps(collections.OrderedDict(), 4)))


def test_old_and_rare_opcodes_do_not_get_around_the_list(tmp_path):
    for content in (
        b"(S'true'\nios\nsystem\n.",  # INST
        b"(cos\nsystem\nS'true'\no.",  # OBJ
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.",  # STACK_GLOBAL
        b"\x80\x02cos\nsystem\n)\x81.",  # NEWOBJ
        b"\x80\x02\x82\x01.",  # EXT1, an extension nobody registered
        b"Psomewhere\n.",  # PERSID
    ):
        with pytest.raises(ValueError, match="batch must"):
            read_cifar10_python(written(tmp_path, content))


def test_a_state_given_to_a_stand_in_itself_changes_nothing_for_later_files(tmp_path):
    for name in (b"numpy\ndtype", b"numpy\nndarray", b"_codecs\nencode"):
        state = b"N}X\x01\x00\x00\x00xK\x01s\x86"  # (None, {"x": 1}): would set an attribute on the class
        with pytest.raises(ValueError, match="batch must"):
            read_cifar10_python(written(tmp_path, b"\x80\x02c" + name + b"\n" + state + b"b."))
    assert_is_the_batch(*read_cifar10_python(written(tmp_path, python3_batch())))


def test_declared_sizes_beyond_the_file_take_no_memory(tmp_path):
    for content in (
        b"\x80\x04\x8e" + struct.pack("<Q", 2**60),  # BINBYTES8
        b"\x80\x02T" + struct.pack("<i", 2**31 - 1),  # BINSTRING
        b"\x80\x02Nr" + struct.pack("<I", 2**32 - 1) + b".",  # LONG_BINPUT into the last memo slot
        b"\x80\x02cnumpy\nndarray\n\x8a\x06" + bytes([0, 0, 0, 0, 0, 1]) + b"\x85\x85R.",  # ndarray((2**40,))
        b"\x80\x04\x95" + struct.pack("<Q", 2**60) + b"N.",  # FRAME
    ):
        with pytest.raises(ValueError, match="batch must") as caught:
            read_cifar10_python(written(tmp_path, content))
        assert "MemoryError" not in str(caught.value)  # refused by the machine would be too late


def test_a_truncated_pickle_is_refused_wherever_it_is_cut(tmp_path):
    content = python2_batch(PIXELS[:1], LABELS[:1])
    cuts = [*range(0, 250), *range(len(content) - 60, len(content))]
    for cut in cuts:
        with pytest.raises(ValueError, match="batch must"):
            read_cifar10_python(written(tmp_path, content[:cut]))


@pytest.mark.parametrize(
    "content, message",
    [
        (python3_batch() + b"x", "batch must end with its pickle, got trailing bytes"),
        (pickle.dumps([1], 2), "batch must hold a dictionary, got list"),
        (pickle.dumps({}, 2), r"batch must hold data of shape \(n, 3072\), got NoneType"),
        (python3_batch(data=PIXELS[:, :3071]), r"batch must hold data of shape \(n, 3072\), got \(4, 3071\)"),
        (python3_batch(data=PIXELS.ravel()), r"must hold data of shape \(n, 3072\), got \(12288,\)"),
        (python3_batch(data=PIXELS.astype(np.int16)), "batch must be an intact pickle, got .* not uint8"),
        (python3_batch(labels=LABELS[:3]), "must hold one label for each of the 4 images, got 3"),
        (python3_batch(labels=[3, 0, 10, 1]), r"must hold labels in \[0, 9\], got 10"),
        (python3_batch(labels=[3, -1, 9, 1]), r"must hold labels in \[0, 9\], got -1"),
        (python3_batch(labels=[3, 0.5, 9, 1]), "must hold labels as a list of integers"),
        (python3_batch(labels=None), "must hold labels as a list of integers, got NoneType"),
        (b"", "batch must be an intact pickle, got EOFError"),
        (b"not a pickle", "batch must be an intact pickle"),
    ],
)
def test_wrong_content_is_refused(tmp_path, content, message):
    with pytest.raises(ValueError, match=message):
        read_cifar10_python(written(tmp_path, content))


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "must hold records of 3073 bytes, at least one, got 0 bytes"),
        (binary_batch()[:-1], "must hold records of 3073 bytes, at least one, got 12291 bytes"),
        (binary_batch() + b"\0", "must hold records of 3073 bytes"),
        (binary_batch(labels=[3, 0, 10, 1]), r"must hold labels in \[0, 9\], got 10"),
    ],
)
def test_wrong_binary_content_is_refused(tmp_path, content, message):
    with pytest.raises(ValueError, match=message):
        read_cifar10_binary(written(tmp_path, content))


@pytest.mark.parametrize("read", [read_cifar10_binary, read_cifar10_python])
def test_a_missing_batch_is_named(tmp_path, read):
    with pytest.raises(FileNotFoundError, match="path must be a CIFAR-10 batch, got .*data_batch_9"):
        read(tmp_path / "data_batch_9")

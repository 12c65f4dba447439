"""Files: round trips, and every way a file can be wrong."""

import os
import pickle
import stat
import zipfile

import numpy as np
import pytest

from qbref import nn

STATE = {
    "layer.weight": np.array([[1.5, -0.0], [np.nan, np.inf]], np.float32),
    "layer.bias": np.arange(3, dtype=np.float64),
    "file": np.array(7, np.int32),
    "empty": np.zeros((0, 4), np.uint8),
    "mask": np.array([True, False]),
    "columns": np.asfortranarray(np.arange(6, dtype=np.int8).reshape(2, 3)),
}


def assert_same(a, b):
    assert list(a) == list(b)
    for name in a:
        assert a[name].dtype == b[name].dtype and a[name].shape == b[name].shape
        assert a[name].tobytes() == b[name].tobytes()


def test_a_state_comes_back_bit_for_bit_and_in_order(tmp_path):
    nn.save(STATE, tmp_path / "state.bin")
    assert os.listdir(tmp_path) == ["state.bin"]
    assert_same(nn.load(str(tmp_path / "state.bin")), STATE)


def test_a_module_comes_back_into_a_module(tmp_path):
    a, b = (nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)) for _ in range(2))
    a(np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32))
    nn.save(a, tmp_path / "model.npz")
    b.load_state_dict(nn.load(tmp_path / "model.npz"))
    assert_same(a.state_dict(), b.state_dict())
    assert b[1].running_mean.any()


def test_numpy_reads_the_file_and_load_reads_numpys(tmp_path):
    nn.save(STATE, tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz", allow_pickle=False) as archive:
        assert_same({name: archive[name] for name in archive.files}, STATE)
    np.savez(tmp_path / "b.npz", weight=np.arange(3.0))
    assert_same(nn.load(tmp_path / "b.npz"), {"weight": np.arange(3.0)})


def test_a_compressed_archive_is_refused_because_it_could_unpack_without_bound(tmp_path):
    np.savez_compressed(tmp_path / "bomb.npz", weight=np.zeros(10**6))
    with pytest.raises(ValueError, match="entry 'weight.npy' is compressed"):
        nn.load(tmp_path / "bomb.npz")


def test_the_same_state_gives_the_same_bytes(tmp_path):
    nn.save(STATE, tmp_path / "a")
    nn.save(STATE, tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_an_empty_state_is_a_state(tmp_path):
    nn.save(nn.ReLU(), tmp_path / "relu")
    assert nn.load(tmp_path / "relu") == {}


def test_a_failed_save_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "model"
    nn.save({"x": np.zeros(1)}, path)
    before = path.read_bytes()
    written = []

    def fails_at_the_second(file, array, **options):
        if written:
            raise OSError("disk full")
        written.append(file.write(b"part"))

    monkeypatch.setattr(np.lib.format, "write_array", fails_at_the_second)
    with pytest.raises(OSError, match="disk full"):
        nn.save(STATE, path)
    assert written and os.listdir(tmp_path) == ["model"]
    assert path.read_bytes() == before


def test_saved_files_have_the_permissions_of_ordinary_files(tmp_path):
    (tmp_path / "ordinary").write_bytes(b"")
    nn.save(STATE, tmp_path / "saved")
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("ordinary", "saved")]
    assert modes[0] == modes[1]


def test_saving_to_a_link_writes_the_file_it_points_to(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder" / "target")
    nn.save(STATE, tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert_same(nn.load(tmp_path / "folder" / "target"), STATE)


@pytest.mark.parametrize(
    "state, error, message",
    [
        ([np.ones(1)], TypeError, "state must be a Module or a dict of arrays, got list"),
        ({1: np.ones(1)}, TypeError, "names must be strings, got 1"),
        ({"": np.ones(1)}, ValueError, "names must be printable, got ''"),
        ({"a\0b": np.ones(1)}, ValueError, "names must be printable"),
        ({"x": [1.0]}, TypeError, "x must be an ndarray of bool, integers or floats, got list"),
        ({"x": np.array([None])}, TypeError, "x must be an ndarray of bool, integers or floats, got object"),
        ({"x": np.array(["a"])}, TypeError, "x must be an ndarray"),
    ],
)
def test_save_rejects_what_load_could_not_return(tmp_path, state, error, message):
    with pytest.raises(error, match=message):
        nn.save(state, tmp_path / "x")
    assert os.listdir(tmp_path) == []


def test_save_rejects_places_where_no_file_can_be(tmp_path):
    with pytest.raises(FileNotFoundError, match="path must be in an existing directory"):
        nn.save(STATE, tmp_path / "nowhere" / "x")
    with pytest.raises(IsADirectoryError, match="path must name a file"):
        nn.save(STATE, tmp_path)


def test_load_names_a_missing_file(tmp_path):
    for path in (tmp_path / "nothing.npz", tmp_path):
        with pytest.raises(FileNotFoundError, match="path must name an existing file, got"):
            nn.load(path)


SMALL = {"w": np.arange(4, dtype=np.float32), "b": np.array([1, 2], np.int8)}


def test_every_truncation_is_noticed(tmp_path):
    nn.save(SMALL, tmp_path / "whole")
    whole = (tmp_path / "whole").read_bytes()
    for length in range(len(whole)):
        (tmp_path / "cut").write_bytes(whole[:length])
        with pytest.raises(ValueError, match="path must be an undamaged file written by save"):
            nn.load(tmp_path / "cut")


def test_an_altered_byte_is_noticed_or_without_effect(tmp_path):
    nn.save(SMALL, tmp_path / "whole")
    whole = (tmp_path / "whole").read_bytes()
    noticed = 0
    for position in range(len(whole)):
        altered = bytearray(whole)
        altered[position] ^= 0x10
        (tmp_path / "altered").write_bytes(altered)
        try:
            state = nn.load(tmp_path / "altered")
        except ValueError:
            noticed += 1
        else:  # dates, permissions and versions in the archive's directory
            assert_same(state, SMALL)
    payload = sum(array.nbytes + 128 for array in SMALL.values())  # 128: a .npy header
    assert noticed > payload


def test_foreign_files_are_rejected(tmp_path):
    path = tmp_path / "foreign"
    for content in (b"", b"hello\n" * 100, pickle.dumps(SMALL)):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="path must be an undamaged file written by save"):
            nn.load(path)
    np.save(tmp_path / "single.npy", np.arange(3))
    with pytest.raises(ValueError, match="undamaged"):
        nn.load(tmp_path / "single.npy")


def test_archives_of_other_things_are_rejected_without_unpickling(tmp_path):
    path = tmp_path / "foreign.npz"
    np.savez(path, allow_pickle=True, x=np.array([{"a": 1}], object))
    with pytest.raises(ValueError, match="undamaged .*allow_pickle"):
        nn.load(path)
    np.savez(path, x=np.array(["text"]))
    with pytest.raises(ValueError, match="entry 'x.npy' holds <U4"):
        nn.load(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02.")
    with pytest.raises(ValueError, match="entry 'archive/data.pkl' is not an array"):
        nn.load(path)


def test_an_entry_with_bytes_after_its_array_is_rejected(tmp_path):
    nn.save(SMALL, tmp_path / "a")
    with zipfile.ZipFile(tmp_path / "a") as archive:
        entry = archive.read("w.npy")
    with zipfile.ZipFile(tmp_path / "b", "w") as archive:
        archive.writestr("w.npy", entry + b"more")
    with pytest.raises(ValueError, match="entry 'w.npy' is longer than its array"):
        nn.load(tmp_path / "b")

import io
import json
import zipfile

import numpy as np
import pytest

from qbref import integer, nn, ptq, qnn
from qbref.integer.file import _digest

X = np.random.default_rng(6).standard_normal((16, 1, 6, 6)).astype(np.float32)


@pytest.fixture
def path(tmp_path):
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 4)).eval()
    config = qnn.QuantConfig(overrides={"3": {"weights": qnn.Lut(4)}})
    integer.convert(ptq.quantize_static(model, [X], config)).save(tmp_path / "m.npz")
    return tmp_path / "m.npz"


def rewrite(path, change=lambda header: None, arrays=lambda arrays: None):
    """A file with changed content and a checksum that fits it: what a hostile author would send."""
    with np.load(path) as archive:
        content = {name: archive[name] for name in archive.files}
    header = json.loads(bytes(content.pop("layers.json")))
    content.pop("sha256")
    change(header)
    arrays(content)
    text = np.frombuffer(json.dumps(header).encode(), np.uint8)
    digest = np.frombuffer(_digest(text, content), np.uint8)
    np.savez(path, **{"layers.json": text, "sha256": digest}, **content)


def test_a_round_trip_keeps_results_report_and_size(path):
    first = integer.load(path)
    first.save(path)
    second = integer.load(path)
    assert (first.run(X) == second.run(X)).all()
    assert first.report == second.report and first.nbytes == second.nbytes


def test_the_file_holds_no_pickle(path):
    with np.load(path, allow_pickle=False) as archive:
        assert all(archive[name].dtype.kind in "iufb" for name in archive.files)


def test_saving_keeps_the_name_it_was_given(tmp_path, path):
    integer.load(path).save(tmp_path / "without_suffix")
    assert (tmp_path / "without_suffix").is_file()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.npz", "without_suffix"]


def test_saving_into_a_missing_folder_is_an_error_that_leaves_nothing(tmp_path, path):
    with pytest.raises(FileNotFoundError):
        integer.load(path).save(tmp_path / "missing" / "m.npz")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="path must name an integer model file"):
        integer.load(tmp_path / "nothing.npz")


def test_every_truncation_is_refused(path):
    whole = path.read_bytes()
    for size in [0, 1, 10, *range(50, len(whole), 97), len(whole) - 1]:
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match="m.npz must"):
            integer.load(path)


def test_an_altered_array_is_found_by_the_checksum(path):
    with np.load(path) as archive:
        content = {name: archive[name].copy() for name in archive.files}
    name = max((n for n in content if n.startswith("a")), key=lambda n: content[n].size)
    content[name].reshape(-1)[0] ^= 1
    np.savez(path, **content)
    with pytest.raises(ValueError, match="must match its checksum"):
        integer.load(path)


def test_a_changed_byte_is_refused_or_changes_nothing(path):
    whole = path.read_bytes()
    expected = integer.load(path).run(X)
    refused = 0
    for position in range(0, len(whole), 13):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0x55]) + whole[position + 1 :])
        try:
            model = integer.load(path)
        except ValueError:
            refused += 1
        else:  # a byte that carries nothing, such as a time stamp of the archive
            assert (model.run(X) == expected).all()
    assert refused > 0.8 * len(range(0, len(whole), 13))


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04garbage", b"\x93NUMPY\x01\x00v\x00{}"])
def test_foreign_files_are_refused(path, content):
    path.write_bytes(content)
    with pytest.raises(ValueError, match="m.npz must"):
        integer.load(path)


def test_other_archives_are_refused(path):
    np.savez(path, weights=np.zeros(3))
    with pytest.raises(ValueError, match="got no layers.json or no sha256"):
        integer.load(path)


def test_pickled_content_is_not_loaded(path):
    np.savez(
        path,
        allow_pickle=True,
        **{"layers.json": np.array([{"a": 1}], object), "sha256": np.zeros(32, np.uint8)},
    )
    with pytest.raises(ValueError, match="m.npz must"):
        integer.load(path)


def test_compressed_members_are_refused(path):
    whole = path.read_bytes()
    with zipfile.ZipFile(io.BytesIO(whole)) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    with pytest.raises(ValueError, match="is compressed"):
        integer.load(path)


def test_a_file_of_version_1_still_runs(path):
    expected = integer.load(path).run(X)
    rewrite(path, lambda header: header.update(version=1))
    assert (integer.load(path).run(X) == expected).all()


def test_another_version_is_refused(path):
    rewrite(path, lambda header: header.update(version=3))
    with pytest.raises(ValueError, match=r"version must be one of \(1, 2\), got 3"):
        integer.load(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda h: h.update(layers=[]),
        lambda h: h.update(layers=[3]),
        lambda h: h["layers"][1].update(type="os.system"),
        lambda h: h["layers"][1].pop("bias"),
        lambda h: h["layers"][1].update(surprise=1),
        lambda h: h["layers"][1].update(bias={"array": "a99"}),
        lambda h: h["layers"][1]["geometry"].update(stride=[0, 1]),
        lambda h: h["layers"][1]["geometry"].update(kernel_size=[3]),
        lambda h: h["layers"][1].update(zero_point="0"),
        lambda h: h["layers"][1]["finish"].update(mode="triple"),
        lambda h: h["layers"][1]["finish"].update(low=5, high=4),
        lambda h: h["layers"][1]["finish"].update(dtype="float32"),
        lambda h: h["layers"][1]["weights"][0].update(k=10),
        lambda h: h["layers"][1]["weights"][0].update(n_bits=64),
        lambda h: h["layers"][1].update(weights=[]),
        lambda h: h["layers"][1]["weights"][0].update(type="Clip"),
        lambda h: h["layers"][3]["weights"].update(k=7),
        lambda h: h["layers"][0]["params"].update(qmax=100000),
    ],
)
def test_a_consistent_file_with_impossible_content_is_refused_when_loaded(path, change):
    rewrite(path, change)
    with pytest.raises(ValueError, match="m.npz must describe a valid integer model"):
        integer.load(path)


@pytest.mark.parametrize(
    "replace",
    [
        lambda a: a.astype(np.float64),
        lambda a: a[:-1],
        lambda a: a[None],
    ],
)
def test_arrays_of_another_type_or_shape_are_refused_when_loaded(path, replace):
    with np.load(path) as archive:
        # the final Dequantize's scale is float64 already and meets its channels only when it runs
        names = [
            n
            for n in archive.files
            if n.startswith("a") and archive[n].ndim and archive[n].dtype != np.float64
        ]
    whole = path.read_bytes()
    for name in names:
        path.write_bytes(whole)
        rewrite(path, arrays=lambda content, name=name: content.update({name: replace(content[name])}))
        with pytest.raises(ValueError, match="m.npz must describe a valid integer model"):
            integer.load(path)

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


WORDS = np.random.default_rng(7).standard_normal((8, 6)).astype(np.float32)


def save_language_model(path):
    layers = (
        nn.Embedding(7, 6),
        nn.TransformerEncoderLayer(6, 2, 5),
        nn.LayerNorm(6),
        nn.MultiheadAttention(6, 3),
    )
    integer.convert(ptq.quantize_dynamic(nn.Sequential(*layers, qnn.BitLinear(6, 3, bias=True)))).save(path)


def save_sign_model(path):
    body = nn.Sequential(qnn.Linear(6, 6, weight_quantizer=qnn.TWN()))
    layers = nn.Linear(6, 6), qnn.Sign(), qnn.BinaryLinear(6, 6), qnn.Sign(), nn.Residual(body)
    integer.convert(ptq.quantize_static(nn.Sequential(*layers), [WORDS])).save(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda h: h["layers"][0]["weights"].update(k=-1),
        lambda h: h["layers"][1].update(activation="Tanh"),
        lambda h: h["layers"][1]["attention"].update(heads=4),
        lambda h: h["layers"][1]["attention"].update(q=h["layers"][1]["linear1"]),
        lambda h: h["layers"][1].update(norm1=h["layers"][1]["attention"]),
        lambda h: h["layers"][1].update(norm_first=1),
        lambda h: h["layers"][2].update(shape=[0], weight=None, bias=None),
        lambda h: h["layers"][2].update(shape=[], weight=None, bias=None),
        lambda h: h["layers"][2].update(shape=["6"], weight=None, bias=None),
        lambda h: h["layers"][2].update(eps=float("inf")),
        lambda h: h["layers"][2].update(eps=float("nan")),
        lambda h: h["layers"][3].update(heads=True),
        lambda h: h["layers"][3].update(heads=-3),
        lambda h: h["layers"][4]["weights"].update(n_bits=1),
        lambda h: h["layers"][4].update(bias={"array": "a0"}),
        lambda h: h["report"][0].__setitem__(0, 3),
    ],
)
def test_impossible_language_models_are_refused_when_loaded(path, change):
    save_language_model(path)
    rewrite(path, change)
    with pytest.raises(ValueError, match="m.npz must describe a valid integer model"):
        integer.load(path)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_constants_that_are_no_numbers_are_refused_when_loaded(path, value):
    save_language_model(path)
    whole = path.read_bytes()
    with np.load(path) as archive:
        names = [name for name in archive.files if archive[name].dtype.kind == "f"]
    assert len(names) > 20
    for name in names:
        path.write_bytes(whole)
        rewrite(path, arrays=lambda c, name=name: c.update({name: np.full_like(c[name], value)}))
        with pytest.raises(ValueError, match="must be finite"):
            integer.load(path)


@pytest.mark.parametrize("value", [0.0, -0.5])
def test_scales_that_are_not_positive_are_refused_when_loaded(path, value):
    save_language_model(path)
    whole = path.read_bytes()
    for layer in (0, 4):
        with np.load(path) as archive:
            name = json.loads(bytes(archive["layers.json"]))["layers"][layer]["scale"]["array"]
        rewrite(path, arrays=lambda c, name=name: c.update({name: np.full_like(c[name], value)}))
        with pytest.raises(ValueError, match="scale must be finite and positive"):
            integer.load(path)
        path.write_bytes(whole)


@pytest.mark.parametrize(
    "change",
    [
        lambda layers: layers[1].update(zero_point=256),
        lambda layers: layers[3]["weights"].update(channels=0),
        lambda layers: layers[3]["weights"].update(taps=-1),
        lambda layers: layers[3]["weights"].update(n_bits=2),
        lambda layers: layers[5]["add"].update(zero_points=[0, 1, 2]),
        lambda layers: layers[5]["add"].update(zero_points=[0, "1"]),
        lambda layers: layers[5]["add"].update(zero_points=[0, 2**31]),
        lambda layers: layers[5]["add"].update(a=3),
        lambda layers: layers[5]["add"]["finish"].update(low=-129),  # would wrap to 127
        lambda layers: layers[5]["add"]["finish"].update(high=2**40),
        lambda layers: layers[5]["add"]["finish"].update(zero_point=1000),
        lambda layers: layers[5]["body"][0]["weights"].update(taps=0),
        lambda layers: layers[5]["body"][0]["weights"].update(negative=layers[3]["weights"]["words"]),
        lambda layers: layers[6].update(zero_point=2**63),
        lambda layers: layers.insert(1, {"type": "ReLU", "path": "1", "zero_point": 2**31}),
    ],
)
def test_impossible_networks_of_signs_are_refused_when_loaded(path, change):
    save_sign_model(path)
    rewrite(path, lambda header: change(header["layers"]))
    with pytest.raises(ValueError, match="m.npz must describe a valid integer model"):
        integer.load(path)


@pytest.mark.parametrize(
    "geometry", [{"kernel_size": [1, 2**31 - 1]}, {"kernel_size": [2**31 - 1, 1]}, {"padding": [9, 9]}]
)
def test_windows_larger_than_the_image_are_refused(path, geometry):
    model = nn.Sequential(nn.AvgPool2d(2))
    integer.convert(ptq.quantize_static(model, [X])).save(path)
    rewrite(path, lambda header: header["layers"][1]["geometry"].update(geometry))
    with pytest.raises(ValueError, match="kernel_size"):
        integer.load(path).run(X)


def test_layers_in_an_order_that_cannot_run_are_a_clear_error(path):
    save_sign_model(path)
    rewrite(path, lambda header: header["layers"].insert(3, header["layers"][2]))  # signs of packed signs
    with pytest.raises(ValueError, match="x must suit the model, but at layer"):
        integer.load(path).run(WORDS)

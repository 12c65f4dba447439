import struct
import zlib

import matplotlib
import numpy as np
import pytest

from qbref import plots
from qbref.plots.style import darker


def png_size(content):
    """Width and height of a PNG whose every checksum is right (PNG specification, section 5)."""
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    position, kinds = 8, []
    while position < len(content):
        length, kind = struct.unpack(">I4s", content[position : position + 8])
        body = content[position + 4 : position + 8 + length]
        assert zlib.crc32(body) == struct.unpack(">I", content[position + 8 + length :][:4])[0]
        kinds.append(kind)
        position += 12 + length
    assert kinds[0] == b"IHDR" and kinds[-1] == b"IEND"
    return struct.unpack(">II", content[16:24])


def small_figure():
    with plots.style():
        fig = plots.figure(300, 200)
        fig.add_subplot().plot([1, 2, 3])
    return fig


@pytest.mark.parametrize("scale", [1, 2])
def test_a_saved_png_is_intact_and_of_the_size_asked_for(tmp_path, scale):
    path = plots.save(small_figure(), tmp_path / "picture.png", scale=scale)
    assert png_size(path.read_bytes()) == (300 * scale, 200 * scale)


def test_an_svg_keeps_text_as_text_and_bears_no_date(tmp_path):
    with plots.style():
        fig = plots.figure(300, 200)
        fig.add_subplot(title="a legible title")
    text = plots.save(fig, str(tmp_path / "picture.svg")).read_text(encoding="utf-8")
    assert ">a legible title</text>" in text
    assert "date" not in text


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_the_same_figure_gives_the_same_bytes(tmp_path, suffix):
    files = [plots.save(small_figure(), tmp_path / f"{i}{suffix}").read_bytes() for i in range(2)]
    assert files[0] == files[1]


def test_a_failure_while_saving_leaves_the_old_file_and_no_rest(tmp_path):
    path = plots.save(small_figure(), tmp_path / "picture.png")
    before = path.read_bytes()
    broken = small_figure()

    def half_written(target, **_):
        target.write_bytes(b"half")
        raise OSError("disk full")

    broken.savefig = half_written
    with pytest.raises(OSError, match="disk full"):
        plots.save(broken, path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["picture.png"]


def test_a_file_is_replaced_by_a_finished_one_in_a_single_step(tmp_path, monkeypatch):
    path = plots.save(small_figure(), tmp_path / "picture.png")
    before = path.read_bytes()
    steps = []
    monkeypatch.setattr(
        "os.replace", lambda source, target: steps.append((png_size(source.read_bytes()), target))
    )
    plots.save(small_figure(), path, scale=2)
    assert steps == [((600, 400), path)]
    assert path.read_bytes() == before


def test_wrong_paths_and_sizes_are_refused(tmp_path):
    with pytest.raises(ValueError, match="path must end in .png or .svg, got picture.gif"):
        plots.save(small_figure(), tmp_path / "picture.gif")
    with pytest.raises(FileNotFoundError, match="path must be in an existing folder"):
        plots.save(small_figure(), tmp_path / "nowhere" / "picture.png")
    with pytest.raises(ValueError, match="width and height must be positive, got 0 and 5"):
        plots.figure(0, 5)


def test_the_style_ends_with_its_block():
    before = dict(matplotlib.rcParams)
    with plots.style():
        assert matplotlib.rcParams["axes.spines.top"] is False
        assert matplotlib.rcParams["axes.prop_cycle"].by_key()["color"][0] == plots.PALETTE["blue"]
    plots.figure()
    assert dict(matplotlib.rcParams) == before


def test_figures_are_unknown_to_pyplot():
    from matplotlib import pyplot

    plots.figure()
    assert pyplot.get_fignums() == []


def test_text_colours_have_the_contrast_that_accessibility_asks_for():
    # WCAG 2.1, success criterion 1.4.3: text needs a contrast of 4.5 to 1; here against white.
    for name in ("blue", "vermilion", "green", "purple"):
        color = darker(plots.PALETTE[name])
        s_rgb = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        linear = np.where(s_rgb <= 0.04045, s_rgb / 12.92, ((s_rgb + 0.055) / 1.055) ** 2.4)
        assert 1.05 / (linear @ [0.2126, 0.7152, 0.0722] + 0.05) > 4.5

"""How every figure of qbref looks, and how it gets into a file."""

import io
import os
from contextlib import contextmanager
from pathlib import Path

DPI = 100

# Okabe and Ito, "Color Universal Design" (2008): told apart with every kind of colour vision.
PALETTE = {
    "black": "#000000",
    "orange": "#E69F00",
    "sky blue": "#56B4E9",
    "green": "#009E73",
    "yellow": "#F0E442",
    "blue": "#0072B2",
    "vermilion": "#D55E00",
    "purple": "#CC79A7",
}
INK = "#222222"
QUIET = "#6B6B6B"
FAINT = "#E3E3E3"

SETTINGS = {
    "figure.dpi": DPI,
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.w_pad": 0.12,  # inches
    "figure.constrained_layout.h_pad": 0.12,
    "font.family": "DejaVu Sans",  # comes with Matplotlib: the same picture everywhere
    "font.size": 11.5,
    "axes.titlesize": 14,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 14,
    "axes.labelsize": 12,
    "axes.labelcolor": INK,
    "axes.edgecolor": QUIET,
    "axes.linewidth": 0.9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.9,
    "text.color": INK,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.minor.bottom": False,
    "lines.linewidth": 2.0,
    "lines.markersize": 9,
    "legend.frameon": False,
    "legend.fontsize": 11.5,
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "qbref",  # the same figure gives the same file
}


@contextmanager
def style():
    """Draw in qbref's style inside ``with style():``, and as before after it.

    Examples
    --------
    >>> with style():
    ...     axes = figure(600, 400).add_subplot(xlabel="epoch", ylabel="loss")
    ...     _ = axes.plot([2.3, 0.9, 0.4])
    """
    import matplotlib
    from matplotlib.rcsetup import cycler

    order = ("blue", "vermilion", "green", "orange", "sky blue", "purple", "black", "yellow")
    cycle = cycler("color", [PALETTE[name] for name in order])
    with matplotlib.rc_context(SETTINGS | {"axes.prop_cycle": cycle}):
        yield


def darker(color, share=0.7):
    """`color` with its brightness reduced to a share: text needs more contrast than areas do.

    Examples
    --------
    >>> darker("#CC79A7", share=0.5)
    '#663c53'
    """
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{int(share * part):02x}" for part in (red, green, blue))


def figure(width=900, height=540):
    """An empty figure of `width` x `height` pixels, known to no window system.

    Returns
    -------
    matplotlib.figure.Figure
    """
    if not (width > 0 and height > 0):
        raise ValueError(f"width and height must be positive, got {width} and {height}")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with style():
        fig = Figure(figsize=(width / DPI, height / DPI))
    FigureCanvasAgg(fig)
    return fig


def as_png(fig, scale=1):
    """The bytes of a .png file of `fig`, as :func:`save` would write it."""
    stream = io.BytesIO()
    with style():
        fig.savefig(stream, format="png", dpi=fig.dpi * scale, metadata={"Software": None})
    return stream.getvalue()


def save(fig, path, scale=1):
    """Write `fig` to a .png or .svg file: the whole file or, if anything fails, none of it.

    Parameters
    ----------
    fig : matplotlib.figure.Figure
    path : str or os.PathLike
        The suffix decides the format.
    scale : float
        Pixels per pixel of the figure's size; 2 for sharp pictures on fine screens.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    ValueError
        If the suffix is another one.
    FileNotFoundError
        If the folder does not exist.
    """
    path = Path(path)
    if path.suffix not in (".png", ".svg"):
        raise ValueError(f"path must end in .png or .svg, got {path.name}")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"path must be in an existing folder, got {path}")
    # Neither the date nor the version of Matplotlib: a file changes only when its picture does.
    unstamped = {".png": {"Software": None}, ".svg": {"Date": None, "Creator": None}}[path.suffix]
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with style():
            fig.savefig(unfinished, format=path.suffix[1:], dpi=fig.dpi * scale, metadata=unstamped)
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path

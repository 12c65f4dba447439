"""A small book for tests: three chapters in two documents, a table of contents like the real one."""

from types import SimpleNamespace
from typing import NamedTuple


class Section(NamedTuple):
    number: str
    title: str
    chinese: str


class Chapter(NamedTuple):
    name: str
    file: str
    title: str
    chinese: str
    sections: tuple
    needs: tuple

    @property
    def document(self):
        return self.name.split("/")[0]


ONE = Chapter("basics/sums", "basics/sums.py", "Sums", "求和", (), ())
TWO = Chapter(
    "text/2.1",
    "text/2_1_map.py",
    "A map",
    "映射",
    (Section("2.1.1", "Down", "下"), Section("2.1.2", "Up", "上")),
    (),
)
THREE = Chapter(
    "text/3", "text/3_end.py", "The end", "结束", (Section("3", "The end", "结束"),), ("text/2.1",)
)
CHAPTERS = (ONE, TWO, THREE)


def find(name):
    for chapter in CHAPTERS:
        if name in (chapter.name, *(f"{chapter.document}/{section.number}" for section in chapter.sections)):
            return chapter
    raise ValueError(f"no {name}")


CONTENTS = SimpleNamespace(
    DOCUMENTS={"basics": ("Basics", "基础"), "text": ("The text", "文")},
    CHAPTERS=CHAPTERS,
    TRAININGS=("digits_cnn",),
    COURSE=(("Begin", ("basics/sums", "text/2.1.1")), ("Go on", ("text/2.1.2", "text/3"))),
    CLAIMS={"text/2.1.1#small": "It is small.", "text/3#done": "It is done."},
    ERRATA={"text/2.1.2#up": "Up is down."},
    find=find,
)

SCRIPTS = {
    "basics/sums.py": """# %% [markdown]
# # Sums
# On with [the map](text/2.1.2), or to [the claims](claims), [one of them](text/2.1.1#small).
# %%
print(1 + 1, "<b>")
""",
    "text/2_1_map.py": """# %% [markdown]
# # 2.1 A map
# ## 2.1.1 Down
# $$x^2 \\\\tag{1}$$
# %%
from qbref import lab
lab.claim("text/2.1.1#small", "It is < 3 & `small`.", lab.facts(True), "2 of 2")
# %% [markdown]
# ## 2.1.2 Up
# See [the equation](#eq-1).
# %%
lab.erratum("text/2.1.2#up", "Up is <down>.", "It is shown.", "Up is up.")
lab.table(("a", "b<"), [("x", "<i>")], caption="A *caption*.")
lab.say("Five is **5**.")
""".replace("\\\\", "\\"),
    "text/3_end.py": """# %% [markdown]
# # 3 The end
# %%
raise ValueError("no <end>")
""",
}


def write_scripts(folder):
    for name, text in SCRIPTS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder

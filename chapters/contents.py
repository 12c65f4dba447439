"""The table of the book: chapters, the sections they mirror, and the course through them.

Two survey documents are mirrored, `realtime` and `balance`. A section is named ``realtime/2.1.2``, a claim or
an erratum (:mod:`chapters.claims`) ``realtime/2.1.2#qat-keeps-more``.
"""

from typing import NamedTuple

from chapters.claims import CLAIMS, ERRATA

__all__ = [
    "CHAPTERS",
    "CLAIMS",
    "COURSE",
    "DOCUMENTS",
    "ERRATA",
    "TRAININGS",
    "Chapter",
    "Section",
    "find",
    "sections",
]

TRAININGS = ("fashion_cnn", "fashion_binary")
"""Functions of :mod:`qbref.lab` whose trained networks many chapters use."""

DOCUMENTS = {
    "foundations": ("Foundations", "基础"),
    "realtime": ("Quantization and binarization for real-time inference", "实时推理中的量化与二值化技术"),
    "balance": ("Model quantization: between performance and accuracy", "AI模型量化:性能与精度的平衡"),
}


class Section(NamedTuple):
    """A section of a document: its number ("2.1.2"), its title, and the original's title."""

    number: str
    title: str
    chinese: str


class Chapter(NamedTuple):
    """One script.

    Attributes
    ----------
    name : str
        The document and the first section: ``"realtime/2.1"``.
    slug : str
        The file is ``realtime/2_1_quantization.py`` for the slug ``"quantization"``.
    title, chinese : str
    sections : tuple of Section
    needs : tuple of str
        Names of chapters to read before.
    """

    name: str
    slug: str
    title: str
    chinese: str
    sections: tuple
    needs: tuple = ()

    @property
    def document(self):
        return self.name.split("/")[0]

    @property
    def file(self):
        if self.document == "foundations":
            return f"{self.name}.py"
        return f"{self.name.replace('.', '_')}_{self.slug}.py"


AUTOGRAD, INTEGERS = "foundations/autograd", "foundations/integer_arithmetic"

CHAPTERS = (
    Chapter(AUTOGRAD, "autograd", "A gradient machine in one sitting", "自动求导", (), ()),
    Chapter(
        INTEGERS,
        "integer_arithmetic",
        "One tie, four answers: multiplying by a real number with integers",
        "整数运算",
        (),
        ("balance/4.1",),
    ),
    Chapter(
        "realtime/1",
        "background",
        "One network, three ways to write its numbers",
        "实时推理的量化与二值化背景介绍",
        (Section("1", "Background", "背景介绍"),),
    ),
    Chapter(
        "realtime/2.1",
        "quantization",
        "The affine map, and how many bits a network needs",
        "量化技术的基本原理",
        (
            Section("2.1.1", "What quantization is and what it is for", "量化概念的引入和作用"),
            Section("2.1.2", "The methods, sorted and compared", "量化方法的分类与对比"),
        ),
        ("realtime/1",),
    ),
    Chapter(
        "realtime/2.2",
        "practice",
        "Four tools, four sets of integers; and one network from training to a file",
        "量化技术的实践应用",
        (
            Section("2.2.1", "Frameworks and tools", "常见的量化框架和工具"),
            Section("2.2.2", "A case: quantizing a model step by step", "案例分析:如何对模型进行量化"),
        ),
        ("realtime/2.1", INTEGERS),
    ),
    Chapter(
        "realtime/2.3",
        "challenges",
        "Where accuracy goes, and how to get it back",
        "量化过程中的挑战与解决策略",
        (
            Section("2.3.1", "Loss of accuracy", "精度损失问题"),
            Section("2.3.2", "Good practice of deployment", "量化部署的最佳实践"),
        ),
        ("realtime/2.1",),
    ),
    Chapter(
        "realtime/3.1",
        "binarization",
        "One bit: how a network learns through a staircase",
        "二值化技术的理论基础",
        (
            Section("3.1.1", "How binarization works", "二值化算法的工作原理"),
            Section("3.1.2", "Compared with other ways to compress", "二值化与其他压缩技术的比较"),
        ),
        (AUTOGRAD,),
    ),
    Chapter(
        "realtime/3.2",
        "binary_practice",
        "Sixty-four products in one instruction, and when that pays",
        "二值化技术的实践应用",
        (
            Section("3.2.1", "Choosing a framework, deploying", "二值化框架的选择与部署"),
            Section("3.2.2", "What binarization does to different models", "二值化对不同模型的影响分析"),
        ),
        ("realtime/3.1",),
    ),
    Chapter(
        "balance/1",
        "background",
        "Where the bytes and the time go",
        "背景介绍",
        (Section("1", "Background", "背景介绍"),),
    ),
    Chapter(
        "balance/2.1",
        "weights_and_activations",
        "Weights, activations, both",
        "AI模型量化概述",
        (Section("2.1", "Overview", "AI模型量化概述"),),
        ("realtime/2.1",),
    ),
    Chapter(
        "balance/2.2",
        "architecture",
        "One batch through training and inference",
        "量化原理与架构",
        (Section("2.2", "Principle and architecture", "量化原理与架构"),),
        (AUTOGRAD, "balance/2.1"),
    ),
    Chapter(
        "balance/3.1",
        "algorithms",
        "A ruler or a table: uniform and non-uniform quantization at equal bits",
        "核心算法原理 & 具体操作步骤",
        (
            Section("3.1", "The algorithms", "算法原理概述"),
            Section("3.2", "Seven steps", "算法步骤详解"),
            Section("3.3", "For and against", "算法优缺点"),
        ),
        ("realtime/2.1",),
    ),
    Chapter(
        "balance/3.4",
        "applications",
        "Three applications: images, language, recommendation",
        "算法应用领域",
        (Section("3.4", "Applications", "算法应用领域"),),
        ("balance/2.1", "balance/3.1"),
    ),
    Chapter(
        "balance/4.1",
        "models",
        "From one requirement to every formula",
        "数学模型和公式",
        (
            Section("4.1", "Mathematical models", "数学模型构建"),
            Section("4.2", "Derivations", "公式推导过程"),
        ),
    ),
    Chapter(
        "balance/4.3",
        "worked_case",
        "What is q(0.3)?",
        "案例分析与讲解",
        (Section("4.3", "A worked case", "案例分析与讲解"),),
        ("balance/4.1",),
    ),
    Chapter(
        "balance/5",
        "project",
        "A project that quantizes something, and measures it",
        "项目实践:代码实例和详细解释说明",
        (
            Section("5.1", "Setting up", "开发环境搭建"),
            Section("5.2", "The program", "源代码详细实现"),
            Section("5.3", "Reading it", "代码解读与分析"),
            Section("5.4", "Its result", "运行结果展示"),
        ),
        (AUTOGRAD, "balance/2.1"),
    ),
    Chapter(
        "balance/6",
        "scenarios",
        "A budget of bytes, a budget of milliseconds",
        "实际应用场景",
        (
            Section("6", "Scenarios", "实际应用场景"),
            Section("6.4", "Outlook", "未来应用展望"),
        ),
        ("realtime/2.3",),
    ),
    Chapter(
        "balance/7",
        "resources",
        "Sources that exist",
        "工具和资源推荐",
        (
            Section("7.1", "To learn from", "学习资源推荐"),
            Section("7.2", "Tools", "开发工具推荐"),
            Section("7.3", "Papers", "相关论文推荐"),
        ),
    ),
    Chapter(
        "balance/8",
        "summary",
        "What adapts, and what it costs",
        "总结:未来发展趋势与挑战",
        (
            Section("8.1", "Achievements", "研究成果总结"),
            Section("8.2", "Trends", "未来发展趋势"),
            Section("8.3", "Challenges", "面临的挑战"),
            Section("8.4", "Outlook", "研究展望"),
        ),
        ("realtime/2.3",),
    ),
    Chapter(
        "balance/9",
        "questions",
        "Five questions, answered with measured numbers",
        "附录:常见问题与解答",
        (
            Section("9.1", "What is quantization?", "什么是量化?"),
            Section("9.2", "Which kinds are there?", "量化技术有哪些类型?"),
            Section(
                "9.3", "How is it used in training and in inference?", "量化技术如何应用在模型训练和推理中?"
            ),
            Section("9.4", "Does it cost accuracy?", "量化技术会导致模型精度损失吗?"),
            Section("9.5", "What is it good for?", "量化技术适用于哪些场景?"),
        ),
        ("balance/2.2", "balance/3.1"),
    ),
)

COURSE = (
    ("Numbers and formats", ("realtime/1", "balance/1")),
    ("The affine map", ("balance/4.1", "balance/4.3")),
    ("Error, clipping and ranges", ("realtime/2.1.1", "balance/2.1")),
    ("Calibration", ("realtime/2.3.1",)),
    ("Autograd and the straight-through estimator", (AUTOGRAD, "balance/2.2")),
    ("Quantization-aware training", ("realtime/2.1.2", "balance/5")),
    ("Integer arithmetic", (INTEGERS, "realtime/2.2.1")),
    ("Codebooks", ("balance/3.1", "balance/4.2")),
    ("Binary networks", ("realtime/3.1", "realtime/3.2")),
    (
        "Deployment",
        (
            "realtime/2.2.2",
            "realtime/2.3.2",
            "balance/3.4",
            "balance/6",
            "balance/8",
            "balance/9",
            "balance/7",
        ),
    ),
)


def sections():
    """Every section, and every chapter by its own name, with its chapter: {"realtime/2.1.2": chapter, …}."""
    found = {chapter.name: chapter for chapter in CHAPTERS}
    for chapter in CHAPTERS:
        for section in chapter.sections:
            found.setdefault(f"{chapter.document}/{section.number}", chapter)
    return found


def find(name):
    """The chapter of a section, ``"realtime/2.1.2"``, or ``"2.1.2"`` where one document alone has it.

    Raises
    ------
    ValueError
        If there is none, or more than one.

    Examples
    --------
    >>> find("2.1.2").file
    'realtime/2_1_quantization.py'
    """
    known = sections()
    if name in known:
        return known[name]
    matches = sorted(full for full in known if full.split("/")[1] == name)
    if len({known[full].name for full in matches}) == 1:
        return known[matches[0]]
    if matches:
        raise ValueError(f"section must name its document, {' or '.join(matches)}, got {name!r}")
    raise ValueError(f"section must be one of {', '.join(known)}, got {name!r}")

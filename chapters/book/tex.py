"""A recursive descent over TeX: a row is a sequence of atoms, and an atom is a symbol, a command with its
arguments, or a group, and may carry scripts.

What is not in ``symbols.py`` or here is an error, never a gap.
"""

from functools import partial

from chapters.book import symbols
from chapters.book.atoms import (
    ATOMS,
    DELIMITERS,
    Atom,
    function,
    lay_out,
    matrix,
    mrow,
    scripts,
    stretched,
    upright,
)
from chapters.book.escape import escape
from chapters.book.tokens import NO_BREAK, Tokens

STOPS = ("", "}", "&", r"\\", r"\right", r"\middle", r"\end")
DEEPEST = 40


class Parser(Tokens):
    """Methods named after what they read; each leaves `position` behind it."""

    def __init__(self, tex, display):
        super().__init__(tex)
        self.depth = 0
        self.display = display

    def formula(self):
        atoms = self.row()
        if left := self.peek():
            raise ValueError(f"tex must open what it ends or divides, got {left!r}")
        if not atoms:
            raise ValueError("tex must have a formula, got nothing")
        return mrow(atoms)

    def row(self, stop=None):
        """Atoms up to what ends a row, or to the token `stop`."""
        atoms = []
        while (token := self.peek()) not in STOPS and token != stop:
            atoms.append(self.scripted())
        return atoms

    def small(self, read):
        """What `read` reads, in the style of fractions and scripts: limits stand at the side."""
        display, self.display = self.display, False
        result = read()
        self.display = display
        return result

    def scripted(self):
        base, below, above = self.atom(), None, None
        while (token := self.peek()) in ("_", "^", "'"):
            if (below if token == "_" else above) is not None:
                raise ValueError(f"tex must have one script on a side, got {token!r}")
            if token == "'":
                above = self.primes()
            elif self.next() == "_":
                below = self.small(self.argument).markup
            else:
                above = self.small(self.argument).markup
        return scripts(base, below, above)

    def primes(self):
        atoms = []
        while self.peek() == "'":
            self.next()
            atoms.append(Atom("<mo>′</mo>"))
        if self.peek() == "^":
            self.next()
            atoms.append(self.small(self.argument))
        return mrow(atoms)

    def argument(self):
        """One token or a group in braces, as a single atom."""
        token = self.peek()
        if token in STOPS or token in ("_", "^", "'"):
            raise ValueError(f"tex must have an argument here, got {token or 'its end'!r}")
        if token.isascii() and token[0].isdecimal():  # x^12 is x¹2
            self.tokens[self.position] = token[1:] or " "
            return Atom(f"<mn>{token[0]}</mn>")
        atom = self.atom()
        return atom._replace(markup=atom.lone) if atom.lone else atom

    def group(self):
        atoms = self.row()
        self.expect("}")
        return Atom(mrow(atoms))

    def atom(self):
        self.depth += 1
        if self.depth > DEEPEST:
            raise ValueError(f"tex must not nest deeper than {DEEPEST}, got more")
        token = self.next()
        if token in ATOMS:
            atom = ATOMS[token]
        elif token.isascii() and token.isalpha():
            atom = Atom(f"<mi>{token}</mi>")
        elif token.isascii() and token[0].isdecimal():
            atom = Atom(f"<mn>{token.replace('{,}', ',')}</mn>")
        elif token in COMMANDS:
            atom = COMMANDS[token](self)
        else:
            raise ValueError(f"tex must be made of known commands and characters, got {token!r}")
        self.depth -= 1
        return atom

    def limit_function(self, name):
        return function(name, self.display)

    def large(self, sign):
        return Atom(f"<mo>{sign}</mo>", "big", self.display)

    def alphabet(self, known):
        letters = "".join(self.raw().split())
        if not letters or not set(letters) <= set(known):
            raise ValueError(f"tex must have letters this alphabet knows, got {letters!r}")
        return Atom(f"<mi>{''.join(known[letter] for letter in letters)}</mi>")

    def accent(self, sign, stretchy):
        stretchy = str(stretchy).lower()
        return Atom(
            f'<mover accent="true">{self.argument().markup}<mo stretchy="{stretchy}">{sign}</mo></mover>'
        )

    def overline(self):
        """A border: no sign for a line above is stretched by every font."""
        return Atom(
            f'<mrow style="border-top:0.05em solid;padding-top:0.12em">{self.argument().markup}</mrow>'
        )

    def fraction(self, style=None):
        above, below = (self.small(self.argument).markup for _ in range(2))
        markup = f"<mfrac>{above}{below}</mfrac>"
        return Atom(f'<mstyle displaystyle="{style}">{markup}</mstyle>' if style else markup)

    def root(self):
        if self.peek() != "[":
            return Atom(f"<msqrt>{self.argument().markup}</msqrt>")
        self.next()
        index = mrow(self.small(lambda: self.row(stop="]")))
        self.expect("]")
        return Atom(f"<mroot>{self.argument().markup}{index}</mroot>")

    def mathrm(self):
        return Atom(upright("".join(self.raw().split())))

    def operatorname(self):
        limits = self.peek() == "*" and self.next() == "*"
        return function("".join(self.raw().split(" ")), limits and self.display)

    def text(self, style=""):
        return Atom(f"<mtext{style}>{escape(self.raw()).replace(' ', NO_BREAK)}</mtext>")

    def brace(self, tag, sign):
        return Atom(f'<{tag}>{self.argument().markup}<mo stretchy="true">{sign}</mo></{tag}>', limits=True)

    def stacked(self, tag):
        script, base = self.small(self.argument).markup, self.argument()
        markup = f"<{tag}>{base.markup}{script}</{tag}>"
        return base._replace(markup=markup, lone=base.lone and markup, limits=False)

    def delimiter(self):
        token = self.next()
        if token not in DELIMITERS:
            raise ValueError(f"tex must have a delimiter here, got {token or 'its end'!r}")
        return DELIMITERS[token]

    def left(self):
        markup = stretched(self.delimiter(), "prefix")
        atoms = self.row()
        while self.peek() == r"\middle":
            self.next()
            markup += lay_out(atoms) + stretched(self.delimiter(), "infix")
            atoms = self.row()
        self.expect(r"\right")
        return Atom(f"<mrow>{markup}{lay_out(atoms)}{stretched(self.delimiter(), 'postfix')}</mrow>")

    def sized(self, size, part):
        size = f'minsize="{size}em" maxsize="{size}em"'
        return Atom(f'<mo stretchy="true" symmetric="true" {size}>{escape(self.delimiter())}</mo>', part)

    def environment(self):
        name = self.raw()
        if name not in ENVIRONMENTS:
            raise ValueError(f"tex must begin one of {', '.join(ENVIRONMENTS)}, got {name!r}")
        sides, fences, display = ENVIRONMENTS[name]
        outside, self.display = self.display, display
        rows, end = [[]], "&"
        while end in ("&", r"\\"):
            before = "ord" if name == "aligned" and rows[-1] else "start"
            rows[-1].append(lay_out(self.row(), before))
            end = self.next()
            if end == r"\\":
                rows.append([])
        if end == r"\end":
            end = self.raw()
        if end != name:
            raise ValueError(rf"tex must end what it begins with \end{{{name}}}, got {end or 'its end'!r}")
        if rows[-1] == [""]:
            rows.pop()
        if not rows:
            raise ValueError(f"tex must have a row in {name}, got none")
        self.display = outside
        return Atom(matrix(rows, sides, fences, display))


ENVIRONMENTS = {
    "aligned": (("right", "left"), ("", ""), True),
    "cases": (("left",), ("{", ""), False),
    "matrix": (("center",), ("", ""), False),
    "pmatrix": (("center",), ("(", ")"), False),
    "bmatrix": (("center",), ("[", "]"), False),
    "vmatrix": (("center",), ("|", "|"), False),
}

COMMANDS = {
    "{": Parser.group,
    r"\frac": Parser.fraction,
    r"\tfrac": lambda parser: parser.fraction("false"),
    r"\dfrac": lambda parser: parser.fraction("true"),
    r"\sqrt": Parser.root,
    r"\mathrm": Parser.mathrm,
    r"\operatorname": Parser.operatorname,
    r"\text": Parser.text,
    r"\texttt": lambda parser: parser.text(' style="font-family:monospace"'),
    r"\overline": Parser.overline,
    r"\underbrace": lambda parser: parser.brace("munder", "⏟"),
    r"\overbrace": lambda parser: parser.brace("mover", "⏞"),
    r"\underset": lambda parser: parser.stacked("munder"),
    r"\overset": lambda parser: parser.stacked("mover"),
    r"\left": Parser.left,
    r"\begin": Parser.environment,
}


def _add(table, read):
    """A command for each name of `table`, which reads with what stands there for it."""
    COMMANDS.update(
        {f"\\{name}": lambda parser, value=value: read(parser, value) for name, value in table.items()}
    )


_add(symbols.LIMIT_FUNCTIONS, Parser.limit_function)
_add(symbols.BIG, Parser.large)
_add(symbols.ALPHABETS, Parser.alphabet)
_add(symbols.ACCENTS, lambda parser, sign: parser.accent(sign, stretchy=False))
_add(symbols.STRETCHED, lambda parser, sign: parser.accent(sign, stretchy=True))
for _part, _side in (("open", "l"), ("close", "r"), ("rel", "m"), ("ord", "")):
    _add({name + _side: size for name, size in symbols.SIZES.items()}, partial(Parser.sized, part=_part))

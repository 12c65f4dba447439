"""TeX commands for single characters, by the part a character plays in a formula.

A name of letters stands for the command with its backslash; any other key is written as it is typed.
"""

GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ϵ", "varepsilon": "ε", "zeta": "ζ",
    "eta": "η", "theta": "θ", "vartheta": "ϑ", "iota": "ι", "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν",
    "xi": "ξ", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ", "upsilon": "υ", "phi": "ϕ", "varphi": "φ",
    "chi": "χ", "psi": "ψ", "omega": "ω",
}  # fmt: skip
UPRIGHT = {
    "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ", "Xi": "Ξ", "Pi": "Π", "Sigma": "Σ", "Phi": "Φ",
    "Psi": "Ψ", "Omega": "Ω", "infty": "∞", "emptyset": "∅",
    "partial": "∂", "nabla": "∇", "forall": "∀", "exists": "∃", "dots": "…",
    "ldots": "…", "cdots": "⋯", "vdots": "⋮", "ddots": "⋱", "top": "⊤", "bot": "⊥", "prime": "′",
    r"\%": "%", r"\_": "_", r"\#": "#", r"\$": "$", r"\&": "&",
}  # fmt: skip
BINARY = {
    "+": "+", "-": "−", "*": "∗", "cdot": "⋅", "times": "×", "div": "÷", "pm": "±", "mp": "∓", "ast": "∗",
    "star": "⋆", "circ": "∘", "bullet": "∙", "oplus": "⊕", "ominus": "⊖", "otimes": "⊗", "odot": "⊙",
    "wedge": "∧", "land": "∧", "vee": "∨", "lor": "∨", "cup": "∪", "cap": "∩", "setminus": "∖",
    "bmod": "mod",
}  # fmt: skip
RELATION = {
    "=": "=", "<": "<", ">": ">", ":": ":", "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥", "ne": "≠",
    "neq": "≠", "approx": "≈", "equiv": "≡", "sim": "∼", "simeq": "≃", "propto": "∝", "in": "∈", "notin": "∉",
    "ni": "∋",
    "subset": "⊂", "subseteq": "⊆", "supset": "⊃", "supseteq": "⊇", "gg": "≫", "ll": "≪", "mid": "∣",
    "parallel": "∥", "perp": "⟂", "to": "→", "rightarrow": "→", "leftarrow": "←", "gets": "←", "mapsto": "↦",
    "leftrightarrow": "↔", "Rightarrow": "⇒", "implies": "⟹", "Leftarrow": "⇐", "Leftrightarrow": "⇔",
    "iff": "⟺", "coloneqq": "≔",
}  # fmt: skip
OPENING = {
    "(": "(", "[": "[", r"\{": "{", "lbrace": "{", "lfloor": "⌊", "lceil": "⌈", "lvert": "|", "lVert": "‖",
    "langle": "⟨", "lbrack": "[",
}  # fmt: skip
CLOSING = {
    ")": ")", "]": "]", r"\}": "}", "rbrace": "}", "rfloor": "⌋", "rceil": "⌉", "rvert": "|", "rVert": "‖",
    "rangle": "⟩", "rbrack": "]",
}  # fmt: skip
BARS = {"|": "|", "vert": "|", r"\|": "‖", "Vert": "‖"}
PUNCTUATION = {",": ",", ";": ";", ".": ".", "colon": ":"}

UNSPACED = {"/": "/", "!": "!"}
PREFIX = {"neg": "¬", "lnot": "¬"}

FUNCTIONS = {
    name: name for name in ("log", "ln", "exp", "sin", "cos", "tan", "tanh", "arg", "dim", "det", "gcd")
}
LIMIT_FUNCTIONS = {
    **{name: name for name in ("min", "max", "lim", "sup", "inf")},
    "argmin": "arg\u2009min",
    "argmax": "arg\u2009max",
}
BIG = {"sum": "∑", "prod": "∏", "bigcup": "⋃", "bigcap": "⋂", "bigoplus": "⨁"}
INTEGRALS = {"int": "∫", "iint": "∬", "oint": "∮"}
ACCENTS = {
    "hat": "^", "bar": "¯", "tilde": "~", "dot": "˙", "ddot": "¨", "vec": "→", "check": "ˇ", "breve": "˘",
}  # fmt: skip
STRETCHED = {"widehat": "\u0302", "widetilde": "\u0303", "overrightarrow": "→"}  # the combining signs stretch
SIZES = {"big": 1.2, "Big": 1.8, "bigg": 2.4, "Bigg": 3.0}
SPACES = {
    "quad": "1em", "qquad": "2em", r"\,": "0.1667em", r"\:": "0.2222em", r"\;": "0.2778em",
    r"\!": "-0.1667em", r"\ ": "0.25em", "~": "0.25em",
}  # fmt: skip

BOLD = {
    **{chr(ord("A") + i): chr(0x1D400 + i) for i in range(26)},
    **{chr(ord("a") + i): chr(0x1D41A + i) for i in range(26)},
    **{str(i): chr(0x1D7CE + i) for i in range(10)},
}
DOUBLE_STRUCK = {
    **{chr(ord("A") + i): chr(0x1D538 + i) for i in range(26)},
    **{str(i): chr(0x1D7D8 + i) for i in range(10)},
    **dict(zip("CHNPQRZ", "ℂℍℕℙℚℝℤ", strict=True)),
}
SCRIPT = {
    **{chr(ord("A") + i): chr(0x1D49C + i) for i in range(26)},
    **dict(zip("BEFHILMR", "ℬℰℱℋℐℒℳℛ", strict=True)),
}
ALPHABETS = {"mathbf": BOLD, "boldsymbol": BOLD, "mathbb": DOUBLE_STRUCK, "mathcal": SCRIPT}

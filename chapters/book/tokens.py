"""TeX as a sequence of tokens to be read from left to right."""

import re

TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\d+(?:\{,\}\d{3})*(?:\.\d+)?|\s+|.", re.DOTALL | re.ASCII)
NO_BREAK = "\u00a0"
TEXT_ESCAPES = {r"\,": "\u2009", r"\ ": NO_BREAK, "~": NO_BREAK} | {rf"\{sign}": sign for sign in "_%$&#{}"}


class Tokens:
    def __init__(self, tex):
        self.tokens = [*TOKEN.findall(tex), ""]
        self.position = 0

    def peek(self):
        while self.tokens[self.position].isspace():
            self.position += 1
        return self.tokens[self.position]

    def next(self):
        token = self.peek()
        self.position += token != ""
        return token

    def expect(self, token):
        if (got := self.next()) != token:
            raise ValueError(f"tex must have {token!r} here, got {got or 'its end'!r}")

    def raw(self):
        """The text of a group, spaces and all."""
        self.expect("{")
        text = ""
        while (token := self.tokens[self.position]) != "}":
            self.position += 1
            plain = TEXT_ESCAPES.get(token, token)
            if not token or token in "{$^_&#%" or plain.startswith("\\"):
                raise ValueError(f"tex must have plain text here, got {token or 'its end'!r}")
            text += plain
        self.position += 1
        return text

"""The expressions of CloudWatch Logs Insights' query language, as far as the saved queries use them.

Fields (name, @timestamp, `in-backticks`, dotted.name), numbers, strings, functions; arithmetic; comparisons, like
with a string or a /regular expression/; not, and, or. After AWS's "CloudWatch Logs Insights language query syntax".
"""

import operator
import re
from dataclasses import dataclass

TOKEN = re.compile(
    r"""\s*(?:
      (?P<regex>/(?:[^/\\]|\\.)+/)(?=\s|$|\))
    | (?P<duration>\d+(?:ms|s|m|h|d)\b)
    | (?P<number>\d+(?:\.\d+)?)
    | '(?P<single>[^']*)' | "(?P<double>[^"]*)"
    | `(?P<backticks>[^`]+)`
    | (?P<word>@?[A-Za-z_][\w.]*)
    | (?P<operator><=|>=|!=|[=<>()|,*/+-])
    )""",
    re.VERBOSE,
)
WORDS = {"and", "or", "not", "like", "as", "by", "asc", "desc"}

# How tightly an operator binds.
BINDING = {
    "or": 1,
    "and": 2,
    "=": 4,
    "!=": 4,
    "<": 4,
    "<=": 4,
    ">": 4,
    ">=": 4,
    "like": 4,
    "+": 5,
    "-": 5,
    "*": 6,
    "/": 6,
}
NOT = 3

OPERATORS = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": lambda a, b: a / b if b else None,
}


@dataclass(frozen=True)
class Constant:
    value: object


@dataclass(frozen=True)
class Field:
    name: str


@dataclass(frozen=True)
class Call:
    """A function, or an operator."""

    name: str
    arguments: tuple


class Tokens:
    """The tokens of a query, taken one by one; each is a kind and a text."""

    def __init__(self, text):
        self._text, self._position = text, 0
        self._tokens = []
        while text[self._position :].strip():
            match = TOKEN.match(text, self._position)
            if match is None:
                raise self.error(f"at {text[self._position :]!r}")
            kind, value = match.lastgroup, match[match.lastgroup]
            if kind == "word" and value.lower() in WORDS:
                kind, value = "operator", value.lower()
            self._tokens.append((kind, value, match.start(kind), match.end()))
            self._position = match.end()
        self._next = 0

    def peek(self):
        """Return the next operator, or None if something else, or nothing, is next."""
        kind, value, *_ = self._tokens[self._next] if self._next < len(self._tokens) else (None, None)
        return value if kind == "operator" else None

    def at_end(self):
        return self._next == len(self._tokens)

    def take(self):
        if self.at_end():
            raise self.error("it ends too early")
        kind, value, *_ = self._tokens[self._next]
        self._next += 1
        return kind, value

    def accept(self, text):
        """Take the next token if it is this operator, and say whether it was."""
        if self.peek() != text:
            return False
        self._next += 1
        return True

    def expect(self, text):
        if not self.accept(text):
            raise self.error(f"no {text!r} where one is needed")

    def text_since(self, first):
        """Return what stands in the query from the token with this index on, as it names an unnamed column."""
        return self._text[self._tokens[first][2] : self._tokens[self._next - 1][3]]

    @property
    def index(self):
        return self._next

    def error(self, what):
        return SyntaxError(f"query {self._text!r}: {what}")


def parse_expression(tokens, binding=0):
    left = _operand(tokens)
    while (name := tokens.peek()) in BINDING and BINDING[name] > binding:
        tokens.take()
        left = Call(name, (left, parse_expression(tokens, BINDING[name])))
    return left


def _operand(tokens):
    if tokens.accept("not"):
        return Call("not", (parse_expression(tokens, NOT),))
    if tokens.accept("("):
        inner = parse_expression(tokens)
        tokens.expect(")")
        return inner
    kind, text = tokens.take()
    if kind == "number":
        return Constant(float(text) if "." in text else int(text))
    if kind in ("single", "double"):
        return Constant(text)
    if kind == "regex":
        return Constant(re.compile(text[1:-1]))
    if kind == "duration":
        return Constant(milliseconds(text))
    if kind == "backticks":
        return Field(text)
    if kind != "word":
        raise tokens.error(f"{text!r} where a value is needed")
    return Call(text, _arguments(tokens)) if tokens.accept("(") else Field(text)


def _arguments(tokens):
    arguments = []
    while not tokens.accept(")"):
        arguments.append(Field("*") if tokens.accept("*") else parse_expression(tokens))
        if tokens.peek() != ")":
            tokens.expect(",")
    return tuple(arguments)


def milliseconds(duration):
    """Return how long a duration such as 5m is."""
    number, unit = re.fullmatch(r"(\d+)([a-z]+)", duration).groups()
    return int(number) * {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}[unit]

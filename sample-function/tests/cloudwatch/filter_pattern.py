"""Filter patterns for JSON: { ($.type = "larder.access") && ($.status >= 400) }.

After AWS's "Filter pattern syntax for metric filters, subscription filters, filter log events, and Live Tail".
Comparisons, IS NULL and NOT EXISTS, && before ||, brackets; strings with * in them. No regular expressions.
"""

import operator
import re

TOKEN = re.compile(
    r"""\s*(?:
      (?P<selector>\$(?:\.[\w@-]+|\[\d+\])+)
    | (?P<operator>&&|\|\||!=|>=|<=|[=<>(){}])
    | "(?P<quoted>[^"]*)"
    | (?P<word>[^\s"&|=<>(){}$]+)
    )""",
    re.VERBOSE,
)
COMPARISONS = {
    "=": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
MISSING = object()


def compile_pattern(pattern):
    """Return a function that says whether an event matches. A pattern that is not understood is a SyntaxError."""
    return _Parser(pattern).parse()


class _Parser:
    def __init__(self, pattern):
        self._pattern = pattern
        self._tokens = []
        position, end = 0, len(pattern.rstrip())
        while position < end:
            match = TOKEN.match(pattern, position)
            if match is None:
                raise self._error(f"at {pattern[position:]!r}")
            self._tokens.append((match.lastgroup, match[match.lastgroup]))
            position = match.end()

    def parse(self):
        self._expect("{")
        matches = self._either()
        self._expect("}")
        if self._tokens:
            raise self._error(f"after the end: {self._tokens}")
        return lambda event: event.document is not None and matches(event.document)

    def _either(self):
        terms = self._separated(self._all, "||")
        return lambda document: any(term(document) for term in terms)

    def _all(self):
        terms = self._separated(self._term, "&&")
        return lambda document: all(term(document) for term in terms)

    def _separated(self, parse, separator):
        terms = [parse()]
        while self._tokens and self._tokens[0] == ("operator", separator):
            self._tokens.pop(0)
            terms.append(parse())
        return terms

    def _term(self):
        kind, text = self._take()
        if (kind, text) == ("operator", "("):
            inner = self._either()
            self._expect(")")
            return inner
        if kind != "selector":
            raise self._error(f"{text!r} instead of a selector")
        path = [int(index) if index else name for name, index in re.findall(r"\.([\w@-]+)|\[(\d+)\]", text)]
        return self._test(path)

    def _test(self, path):
        kind, text = self._take()
        if kind == "word":
            words = (text, self._take()[1])
            if words == ("IS", "NULL"):
                return lambda document: _select(document, path) is None
            if words == ("NOT", "EXISTS"):
                return lambda document: _select(document, path) is MISSING
            raise self._error(f"{' '.join(words)!r} instead of a comparison")
        if text not in COMPARISONS:
            raise self._error(f"{text!r} instead of a comparison")
        return _comparison(path, COMPARISONS[text], *self._take())

    def _take(self):
        if not self._tokens:
            raise self._error("it ends too early")
        return self._tokens.pop(0)

    def _expect(self, text):
        found = self._take()
        if found != ("operator", text):
            raise self._error(f"{found[1]!r} instead of {text!r}")

    def _error(self, what):
        return SyntaxError(f"filter pattern {self._pattern!r}: {what}")


def _comparison(path, compare, kind, text):
    """Compare numbers with numbers, and strings with strings, where only = and != make sense."""
    number = _number(text) if kind == "word" else None
    if number is not None:

        def test(document):
            value = _select(document, path)
            return isinstance(value, int | float) and not isinstance(value, bool) and compare(value, number)

        return test
    if kind not in ("word", "quoted") or compare not in (operator.eq, operator.ne):
        raise SyntaxError(f"filter pattern: {text!r} cannot be compared so")
    wanted = re.compile(".*".join(map(re.escape, text.split("*"))), re.DOTALL)

    def matches(document):
        value = _select(document, path)
        return isinstance(value, str) and (wanted.fullmatch(value) is not None) == (compare is operator.eq)

    return matches


def _number(text):
    try:
        return float(text)
    except ValueError:
        return None


def _select(document, path):
    value = document
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return MISSING
    return value

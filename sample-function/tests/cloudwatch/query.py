"""Queries of CloudWatch Logs Insights: commands, one after the other, each on the rows of the one before."""

from cloudwatch.events import text_of
from cloudwatch.expressions import OPERATORS, Call, Constant, Field, Tokens, parse_expression

MOST_ROWS = 10_000  # Insights' own limit, where a query has none

AGGREGATES = {
    "count": len,
    "count_distinct": lambda values: len(set(values)),
    "sum": sum,
    "avg": lambda values: sum(values) / len(values) if values else None,
    "min": lambda values: min(values, default=None),
    "max": lambda values: max(values, default=None),
}


def run(query, events, backwards=False):
    """Return the rows that the query gives, as dictionaries from column to value; what is missing is left out.

    In which order rows and groups come that the query does not sort is not documented: here by time, or backwards.
    A query that is not understood is a SyntaxError.
    """
    rows = [_Row(event.milliseconds, dict(event.fields)) for event in events]
    rows.sort(key=lambda row: row.milliseconds)
    if backwards:
        rows.reverse()
    columns = None
    tokens = Tokens(query)
    while True:
        command = tokens.take()[1]
        if command not in COMMANDS:
            raise tokens.error(f"unknown command {command!r}")
        rows, columns = COMMANDS[command](tokens, rows, columns)
        if tokens.at_end():
            break
        tokens.expect("|")
    columns = columns or ["@timestamp", "@message"]
    return [{c: row.fields[c] for c in columns if row.fields.get(c) is not None} for row in rows[:MOST_ROWS]]


class _Row:
    def __init__(self, milliseconds, fields):
        self.milliseconds, self.fields = milliseconds, fields


def _fields(tokens, rows, columns):
    """fields a, f(b) as c: columns to show, which later commands may use."""
    for name, expression in _named(tokens):
        columns = [*(columns or []), name]
        for row in rows:
            row.fields[name] = _value(expression, row)
    return rows, columns


def _filter(tokens, rows, columns):
    condition = parse_expression(tokens)
    return [row for row in rows if _value(condition, row)], columns


def _stats(tokens, rows, _):
    """stats f(a) as b by c, bin(5m) as d: one row for each group, and its columns alone."""
    results = list(_named(tokens))
    keys = list(_named(tokens)) if tokens.accept("by") else []
    groups = {}
    for row in rows:
        groups.setdefault(tuple(_value(expression, row) for _, expression in keys), []).append(row)
    if not keys:
        groups.setdefault((), [])
    made = []
    for group, members in groups.items():
        fields = dict(zip((name for name, _ in keys), group, strict=True))
        fields |= {name: _aggregate(expression, members) for name, expression in results}
        made.append(_Row(0, fields))
    return made, [name for name, _ in [*keys, *results]]


def _sort(tokens, rows, columns):
    """sort a desc, b asc. Which way is the default is not documented, so it has to be said."""
    orders = []
    while not orders or tokens.accept(","):
        expression = parse_expression(tokens)
        if not (descending := tokens.accept("desc")):
            tokens.expect("asc")
        orders.append((expression, descending))
    for expression, descending in reversed(orders):
        rows = sorted(rows, key=lambda row: _sort_key(_value(expression, row)), reverse=descending)
    return rows, columns


def _sort_key(value):
    """Order what is missing before numbers, and those before text."""
    if value is None:
        return (0, 0)
    return (1, value) if isinstance(value, int | float) else (2, str(value))


def _limit(tokens, rows, columns):
    kind, text = tokens.take()
    if kind != "number":
        raise tokens.error(f"limit {text!r}")
    return rows[: int(text)], columns


COMMANDS = {"fields": _fields, "filter": _filter, "stats": _stats, "sort": _sort, "limit": _limit}


def _named(tokens):
    """Yield the name and the expression of each item of a list; without `as`, the expression's text is its name."""
    while True:
        first = tokens.index
        expression = parse_expression(tokens)
        name = expression.name if isinstance(expression, Field) else tokens.text_since(first)
        if tokens.accept("as"):
            name = tokens.take()[1]
        yield name, expression
        if not tokens.accept(","):
            return


def _aggregate(expression, rows):
    """Evaluate an expression over a group. Fields stand in it only as arguments of aggregates."""
    if isinstance(expression, Constant):
        return expression.value
    if not isinstance(expression, Call):
        raise SyntaxError(f"{expression} outside an aggregate")
    if expression.name in AGGREGATES:
        (argument,) = expression.arguments or (Field("*"),)
        if argument == Field("*"):
            return AGGREGATES[expression.name](rows)
        values = (_value(argument, row) for row in rows)
        return AGGREGATES[expression.name]([value for value in values if value is not None])
    if expression.name in ("earliest", "latest"):
        (argument,) = expression.arguments
        by_time = sorted(rows, key=lambda row: row.milliseconds)
        values = [value for row in by_time if (value := _value(argument, row)) is not None]
        return (values or [None])[0 if expression.name == "earliest" else -1]
    return _operate(expression.name, [_aggregate(argument, rows) for argument in expression.arguments])


def _value(expression, row):
    """Evaluate an expression over one row; None where a field is missing."""
    if isinstance(expression, Constant):
        return expression.value
    if isinstance(expression, Field):
        return row.fields.get(expression.name)
    if expression.name == "bin":
        (width,) = expression.arguments
        return text_of(row.milliseconds // width.value * width.value)
    return _operate(expression.name, [_value(argument, row) for argument in expression.arguments])


def _operate(name, arguments):
    match name, arguments:
        case "and", [a, b]:
            return bool(a) and bool(b)
        case "or", [a, b]:
            return bool(a) or bool(b)
        case "not", [a]:
            return not a
        case "ispresent", [a]:
            return int(a is not None)
        case "coalesce", _:
            return next((a for a in arguments if a is not None), None)
        case "strcontains", [text, part]:
            return int(text is not None and part in str(text))
        case "like", [text, pattern]:
            found = pattern in str(text) if isinstance(pattern, str) else pattern.search(str(text)) is not None
            return text is not None and found
        case _, [a, b] if name in OPERATORS:
            if a is None or b is None or isinstance(a, str) != isinstance(b, str):
                return None
            return OPERATORS[name](a, b)
    raise SyntaxError(f"unknown function {name} of {len(arguments)} arguments")

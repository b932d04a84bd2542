"""Prints the table that a saved query gives for the log on standard input."""

import sys

from cloudwatch.events import events_of
from cloudwatch.query import run
from cloudwatch.saved import saved_queries


def main(arguments):
    queries = saved_queries()
    if len(arguments) != 1 or arguments[0] not in queries:
        print(f"usage: python3 -m cloudwatch {'|'.join(queries)} < LOG", file=sys.stderr)
        return 2
    rows = run(queries[arguments[0]], events_of(sys.stdin.read()))
    columns = list(dict.fromkeys(column for row in rows for column in row))
    lines = [columns, *([_shown(row.get(column)) for column in columns] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    return 0


def _shown(value):
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

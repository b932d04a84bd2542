"""Prints the table that a saved query gives for the log on standard input."""

import sys

from cloudwatch.events import events_of
from cloudwatch.query import run
from cloudwatch.saved import saved_queries
from cloudwatch.table import table


def main(arguments):
    queries = saved_queries()
    if len(arguments) != 1 or arguments[0] not in queries:
        print(f"usage: python3 -m cloudwatch {'|'.join(queries)} < LOG", file=sys.stderr)
        return 2
    print("\n".join(table(run(queries[arguments[0]], events_of(sys.stdin.read())))))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

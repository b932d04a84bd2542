"""Rows as a table on a terminal."""


def table(rows):
    """Return the lines of a table of dictionaries, the columns' names first."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    lines = [columns, *([_shown(row.get(column)) for column in columns] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]


def _shown(value):
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)

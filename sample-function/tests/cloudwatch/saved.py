"""The saved queries, read from the template's Mappings by their form, which needs no YAML parser."""

import re
from pathlib import Path

TEMPLATE = Path(__file__).parent.parent.parent / "template.yaml"
QUERY = re.compile(
    r"^    (?P<name>\w+):\n      Title: (?P<title>.+)\n      Query: >-\n(?P<lines>(?:        .+\n)+)", re.MULTILINE
)


def saved_queries(template=None):
    """Return the queries of a template's text, this project's if none is given, by their names."""
    text = TEMPLATE.read_text() if template is None else template
    return {m["name"]: " ".join(line.strip() for line in m["lines"].splitlines()) for m in QUERY.finditer(text)}

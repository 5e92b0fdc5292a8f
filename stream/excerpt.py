r"""A value as messages show it: as JSON has it, on one line, cut where it is long.

>>> print(excerpt("5pc"), excerpt(True), excerpt([1, {"a": None}]), excerpt("a\u2028b"))
"5pc" true [1, {"a": null}] "a\u2028b"
"""

import json

LONGEST = 60


def excerpt(value: object) -> str:
    """What was written, fit for the end of a sentence."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except (TypeError, ValueError, RecursionError):
        text = f"a {type(value).__name__}"
    if len(text) > LONGEST:
        text = text[: LONGEST - 3] + "..."
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)

"""All measurements of speed and size, one after the other.

python -m benchmarks [--write]
"""

import argparse
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

from benchmarks import condense, pane_close, state_size

RESULTS = Path(__file__).parent / "results" / "speed.md"
PARTS = {
    "Telemetry to rows": condense.main,
    "One pane close": pane_close.main,
    "The state of a rollout": state_size.main,
}


def main() -> None:
    """Measure, print, and with `--write` keep what was printed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.name} too")
    options = parser.parse_args()
    sys.argv[1:] = []
    text = "# Speed and size\n\nMeasured by `make bench`; only ratios within a part are comparable between machines.\n"
    for title, measure in PARTS.items():
        out = StringIO()
        with redirect_stdout(out):
            measure()
        text += f"\n## {title}\n\n{out.getvalue().rstrip()}\n"
        print(text.rpartition("\n## ")[2])
    if options.write:
        RESULTS.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

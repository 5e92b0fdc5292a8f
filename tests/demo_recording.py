"""The demo as docs/demo.md shows it: what stands on the screen when the canary is stopped, and what is told at the end.

    python -m tests.demo_recording

runs the demo, and puts what it shows into the page.
"""

import os
import re
from collections import Counter
from pathlib import Path

from tests.page_helpers import ROOT, blocks, page
from tests.pty_helpers import Terminal
from tests.worker_helpers import CANARY

PAGE = "docs/demo.md"
SEED = "8"
SIZE = 24, 88
"""Lines and columns."""
_SHOWN = re.compile(r"(```text\n)(.*?)(```)", re.DOTALL)


def play() -> tuple[str, str]:
    """Run the demo in a terminal: the screen after the call of the hook, and what it told at its end."""
    outer = {name: value for name, value in os.environ.items() if not name.startswith("CANARY_")}
    with Terminal([*CANARY, "demo", "--seed", SEED], {**outer, "PYTHONUTF8": "1"}, SIZE) as terminal:
        screen = terminal.wait_for("✗ ABORT", "rollback: succeeded", "say-why: succeeded", "q quit", seconds=90)
        code = terminal.wait(60)
        assert code == 0, terminal.afterwards
        return screen, terminal.afterwards


def neat(text: str) -> str:
    """Without blanks at the ends of lines, and with one line's end."""
    return "\n".join(line.rstrip() for line in text.splitlines()).strip("\n") + "\n"


def recorded() -> list[str]:
    """The texts that the page shows."""
    return [block.text for block in blocks(page(PAGE), "text")]


def shape(text: str) -> Counter[str]:
    """What a text tells about, without its numbers, names and times, and without what comes and goes by chance."""
    found: Counter[str] = Counter()
    for line in text.splitlines():
        told = re.match(r"\d\d:\d\d:\d\d  (demo|verdict|hook|divergence|no data|instance outlier) ", line)
        label = re.match(r"  (Why|How sure|Decision|Data|Hooks|Effect)  ", line)
        rest = re.match(r"(METRIC  |\* decides|As announced|✗ ABORT|[A-Z][A-Za-z ]+(?= p\d\d \*| \*  ))", line)
        for match in filter(None, (told, label, rest)):
            found[match[1].strip()] += 1
    return found


def main() -> None:
    """Put what the demo shows into the page."""
    texts = iter(neat(text) for text in play())
    path = Path(ROOT / PAGE)
    path.write_text(_SHOWN.sub(lambda match: match[1] + next(texts) + match[3], path.read_text()), encoding="utf-8")


if __name__ == "__main__":
    main()

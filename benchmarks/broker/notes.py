"""What a measured process notes down: one JSON object a line, with the time that all processes of a machine share."""

import json
import os
import time
from pathlib import Path


def note(what: str, **fields: object) -> None:
    """Note something down, with monotonic seconds and the processor time used so far."""
    line = json.dumps({"what": what, "at": time.monotonic(), "cpu": time.process_time(), **fields})
    with Path(os.environ["BENCH_NOTES"]).open("a", encoding="utf-8") as file:
        file.write(line + "\n")

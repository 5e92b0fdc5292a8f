"""Rollouts over several processes. Each depends on its task alone, so neither their number nor their order matters."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait

from benchmarks.simulation.replicate import Result, Task, run


def run_all(tasks: Sequence[Task], code: str, workers: int) -> Iterator[Result]:
    """Results as they are finished. One worker is this process.

    Workers are started deaf to interruptions, which are this process's business, and do not outlive it.
    """
    if workers == 1:
        for task in tasks:
            yield run(task, code)
        return
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=_begin, initargs=(os.getpid(),)) as pool:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        waiting = {pool.submit(run, task, code) for task in tasks}
        signal.signal(signal.SIGINT, before)
        try:
            while waiting:
                finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in finished:
                    yield future.result()
        finally:
            for future in waiting:
                future.cancel()


def _begin(parent: int) -> None:
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)

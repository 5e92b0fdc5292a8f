"""How rollouts stand: what the registry and the newest outputs say together."""

from collections.abc import Generator, Iterable
from dataclasses import dataclass, replace

from stream.adapters.kafka.outputs import latest_verdicts, newest_scores, read_output, sequence
from stream.adapters.kafka.records import Reader, open_reader
from stream.adapters.kafka.rollouts import Entry, read_registry
from stream.adapters.settings import Settings
from stream.adapters.silence import silent_ms
from stream.adapters.topics import SCORES, VERDICTS
from stream.outputs import Output, Score, Verdict

NEED = ("abort", "judge_error", "no_data", "inconclusive", "continue", "warming_up", "promote")
"""The states of a rollout, those that need someone first."""


@dataclass(frozen=True)
class Standing:
    """One rollout."""

    entry: Entry
    """What the registry says."""
    verdict: Verdict | None
    """Its newest verdict."""
    score: Score | None
    """Its newest score; not looked up where the final verdict has it."""

    @property
    def ended(self) -> bool:
        """Whether it has its final verdict."""
        return (self.verdict is not None and self.verdict.final) or self.entry.registration.verdict is not None

    @property
    def state(self) -> str:
        """The state that people see."""
        if self.verdict is not None and self.verdict.final:
            return self.verdict.verdict
        return self.entry.registration.verdict or (self.score.state if self.score is not None else "warming_up")

    @property
    def newest(self) -> Verdict | Score | None:
        """The output that says how it stands: the final verdict, else the score, else what verdict there is."""
        if self.verdict is not None and self.verdict.final:
            return self.verdict
        return self.score or self.verdict

    @property
    def begin_ms(self) -> int:
        """From when on it has outputs."""
        return self.entry.rollout.from_.ms if self.entry.rollout.from_ is not None else 0

    def silent(self, now_ms: int) -> int | None:
        """For how many milliseconds the monitor has been silent about it; None while it is not."""
        if self.ended:
            return None
        times = [output.at for output in (self.verdict, self.score) if output is not None]
        return silent_ms(self.entry.rollout, self.entry.written_ms, max(times, default=None), now_ms)

    def take(self, output: Output) -> "Standing":
        """The standing after an output of the rollout; repeats of older ones change nothing."""
        if isinstance(output, Verdict) and (self.verdict is None or sequence(output) > sequence(self.verdict)):
            return replace(self, verdict=output)
        if isinstance(output, Score) and (self.score is None or sequence(output) > sequence(self.score)):
            return replace(self, score=output)
        return self


def standings(reader: Reader, prefix: str, entries: Iterable[Entry]) -> list[Standing]:
    """How rollouts stand, those that need someone first, then the newest first.

    Raises:
        SourceError: a topic is missing, or the broker no longer answers.
    """
    verdicts = latest_verdicts(reader, prefix)
    found = [Standing(entry, verdicts.get(entry.rollout.id), None) for entry in entries]
    since = {one.entry.rollout.id: one.begin_ms for one in found if not one.ended}
    scores = newest_scores(reader, prefix, since)
    found = [replace(one, score=scores.get(one.entry.rollout.id)) for one in found]
    return sorted(found, key=lambda one: (NEED.index(one.state), -one.begin_ms))


def watch(settings: Settings, rollout: str, seconds: float) -> Generator[Standing]:
    """How a rollout stands: now, and again now and then until it has ended or the time is over.

    Raises:
        CanaryError: there is no such rollout.
        SourceError: no broker, no way in, no such topic, or the broker no longer answers.
    """
    with open_reader(settings) as reader:
        entry = read_registry(reader, settings.prefix).find(rollout)
        ends = reader.ends(VERDICTS.name(settings.prefix), SCORES.name(settings.prefix))
        (standing,) = standings(reader, settings.prefix, [entry])
        yield standing
        if standing.ended:
            return
        for record in reader.follow(ends, seconds):
            output = read_output(record) if record is not None and record.key == rollout.encode() else None
            if output is not None and output.rollout == rollout:
                standing = standing.take(output)
            if record is None or output is not None:
                yield standing
            if standing.ended:
                return

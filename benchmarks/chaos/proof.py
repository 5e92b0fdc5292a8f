"""Whether what a run said is what it must have said."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.chaos.spoken import Said, Spoken
from stream.registry import read_registration
from tests.broker_helpers import Incoming

EXCUSABLE = frozenset({"unlike the fold", "missing", "beyond the fold"})
"""Findings that late traffic explains; nothing explains the others."""
SHOWN = 3
"""Examples of each kind of finding."""


@dataclass
class Proof:
    """The findings of a run."""

    outputs: int = 0
    """Different outputs."""
    repeats: int = 0
    """Records of outputs that were there before."""
    letters: int = 0
    """Different dead letters."""
    wrong: Counter[str] = field(default_factory=Counter)
    """Findings by kind; a run without any has passed."""
    examples: dict[str, list[str]] = field(default_factory=dict)
    """Some of each kind."""

    def find(self, kind: str, example: str) -> None:
        """Add a finding."""
        self.wrong[kind] += 1
        if self.wrong[kind] <= SHOWN:
            self.examples.setdefault(kind, []).append(example)


def prove(proof: Proof, outputs: Sequence[Spoken], expected: Mapping[str, Sequence[Said]]) -> None:
    """Compare the outputs of all rollouts with what is expected of each."""
    first: dict[str, Spoken] = {}
    newest: dict[tuple[str, int, str], int] = {}
    for one in outputs:
        known = first.setdefault(one.head.id, one)
        if known is one:
            _look_at(proof, one)
            place = one.topic, one.record.partition, one.head.rollout
            if one.head.number < newest.get(place, 0):
                proof.find("out of order", f"{one.head.id} after {newest[place]} in {one.topic}")
            newest[place] = one.head.number
        else:
            proof.repeats += 1
            if known.record.value != one.record.value or known.topic != one.topic:
                proof.find("other content", f"{one.head.id}: {known.record.value!r} and {one.record.value!r}")
    proof.outputs = len(first)
    for rollout, said in expected.items():
        _compare(proof, rollout, first, said)
    for rollout in {one.head.rollout for one in outputs} - expected.keys():
        proof.find("strange", f"outputs of {rollout}, which nobody started")


def _look_at(proof: Proof, one: Spoken) -> None:
    """What holds for each output by itself."""
    headers = one.record.headers
    if one.record.key != one.head.rollout.encode() or headers.get("ce_id") != one.head.id.encode():
        proof.find("strange", f"{one.head.id} has key {one.record.key!r} and headers {headers}")
    if not one.topic.endswith(f".{one.head.type}s"):
        proof.find("strange", f"{one.head.id} is a {one.head.type} in {one.topic}")


def _compare(proof: Proof, rollout: str, first: Mapping[str, Spoken], said: Sequence[Said]) -> None:
    """One rollout: all that is expected is there, and behind a final verdict nothing."""
    for one in said:
        found = first.get(one.id)
        if found is None:
            proof.find("missing", one.id)
        elif found.record.value != one.value:
            proof.find("unlike the fold", f"{found.record.value!r}, and by the fold {one.value!r}")
    numbers = {one.head.number for one in first.values() if one.head.rollout == rollout}
    if numbers != set(range(1, len(numbers) + 1)):
        proof.find("gaps", f"{rollout}: of {max(numbers)} there are {len(numbers)}")
    if said and said[-1].final and len(numbers) > len(said):
        proof.find(
            "beyond the fold", f"{rollout} went on after its end: {len(numbers)} outputs, by the fold {len(said)}"
        )


def prove_latest(proof: Proof, latest: Sequence[Incoming], outputs: Sequence[Spoken]) -> None:
    """The compacted topic must hold each rollout's newest verdict."""
    held = {(one.key or b"").decode(): one.value for one in latest}
    verdicts = sorted((one for one in outputs if one.head.type == "verdict"), key=lambda one: one.head.number)
    for rollout, value in {one.head.rollout: one.record.value for one in verdicts}.items():
        if held.get(rollout) != value:
            proof.find("latest verdict", f"{rollout}: {held.get(rollout)!r} instead of {value!r}")


def prove_registry(proof: Proof, registry: Sequence[Incoming], expected: Mapping[str, Sequence[Said]]) -> None:
    """Rollouts that have ended must be over in the registry, and no others."""
    held = {(one.key or b"").decode(): one for one in registry}
    for rollout, said in expected.items():
        if not said or not said[-1].final:
            continue
        record = held.get(rollout)
        if record is None or record.value is None or read_registration(record.key, record.value).verdict is None:
            proof.find("registry", f"{rollout} has ended, and its record is {record}")


def prove_letters(proof: Proof, letters: Sequence[Incoming], unusable: set[tuple[int, int]]) -> None:
    """Each unusable record must be among the dead letters, and nothing else."""
    told = {(int(one.headers["partition"]), int(one.headers["offset"])) for one in letters}
    proof.letters = len(told)
    for place in sorted(unusable - told):
        proof.find("dead letters", f"none of partition {place[0]}, offset {place[1]}")
    for place in sorted(told - unusable):
        proof.find("dead letters", f"of partition {place[0]}, offset {place[1]}, which is fine")

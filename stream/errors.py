"""Everything this package raises on purpose.

CanaryError
├── PolicyError     a rollout or policy file is wrong; the user can mend it (exit 2)
├── TelemetryError  one message cannot be read; it is counted, the rest goes on
├── SourceError     a file or topic cannot be read at all (exit 1)
└── StateError      a stored state does not fit this code or this policy
"""


class CanaryError(Exception):
    """The root. Its text is one line that names the field or file and the remedy."""


class PolicyError(CanaryError):
    """A rollout or policy is wrong. The text starts with the path of the field."""


class TelemetryError(CanaryError):
    """One telemetry message is unusable.

    `reason` is a word of a small closed set, fit for a counter's label; the text has the detail.
    """

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class SourceError(CanaryError):
    """A source of telemetry cannot be read."""


class StateError(CanaryError):
    """A stored state cannot be restored."""

"""How all rollouts stand: what came in, folded. No clock, no terminal, no broker: times come in as arguments."""

from collections.abc import Iterator

from stream.adapters.silence import silent_ms
from stream.adapters.terminal.explain import Story
from stream.adapters.terminal.glyph import STATES
from stream.adapters.terminal.news import Away, Back, News, Registered
from stream.outputs import Action, Alert, Divergence, Output, Score, Switch, Verdict
from stream.registry import Registration

KEPT_MS = 7 * 86_400_000
"""For how long a rollout is shown that has ended."""
NEEDY = ("judge_error", "no_data", "inconclusive")
"""States in which a person must look."""


class Card:
    """One rollout."""

    def __init__(self, registration: Registration, at: int) -> None:
        self.registration = registration
        """How it stands in the registry."""
        self.written = at
        """When that was written, milliseconds UTC."""
        self.story = Story(registration.rollout)
        """Its newest outputs, and all its alerts."""
        self.actions: dict[str, Action] = {}
        """The attempts of hooks, by id, in the order in which they came."""
        self._numbers: dict[tuple[type, str], int] = {}

    @property
    def id(self) -> str:
        """The rollout's id."""
        return self.registration.rollout.id

    @property
    def state(self) -> str:
        """The state that people see: a key of `STATES`."""
        final = self.final
        return final.verdict if final is not None else self.registration.verdict or self.story.state

    @property
    def final(self) -> Verdict | None:
        """Its last verdict, where it is known."""
        verdict = self.story.verdict
        return verdict if verdict is not None and verdict.final else None

    @property
    def ended(self) -> bool:
        """Whether nothing is judged any more."""
        return self.final is not None or self.registration.verdict is not None

    @property
    def begins(self) -> int:
        """From when on it is judged, milliseconds UTC."""
        start = self.registration.rollout.from_
        return start.ms if start is not None else 0

    @property
    def newest(self) -> Verdict | Score | None:
        """The output that says how it stands."""
        return self.final or self.story.score or self.story.verdict

    def silent(self, now: int) -> int | None:
        """For how many milliseconds the monitor has said nothing of it; None while all is well."""
        if self.ended:
            return None
        times = [output.at for output in (self.story.verdict, self.story.score) if output is not None]
        return silent_ms(self.registration.rollout, self.written, max(times, default=None), now)

    def old(self, now: int) -> bool:
        """Whether it ended so long ago that nobody asks for it."""
        return self.ended and now - (self.final.at if self.final is not None else self.written) > KEPT_MS

    def take(self, output: Output | Action) -> bool:
        """Take one in; whether it was news, and no repeat."""
        if isinstance(output, Action):
            known = output.id in self.actions
            self.actions.setdefault(output.id, output)
            return not known
        number = output.id.rpartition("/")[2]
        key = type(output), output.metric if isinstance(output, Divergence) else ""
        if not number.isdecimal() or int(number) <= self._numbers.get(key, 0):
            return False
        self._numbers[key] = int(number)
        self.story.add(output)
        return True


class Board:
    """All rollouts that were heard of, or one. Outputs of a rollout count from its registration on."""

    def __init__(self, only: str | None = None) -> None:
        """Prepare it.

        Args:
            only: the id of the one rollout that is wanted; all by default.
        """
        self.only = only
        self.cards: dict[str, Card] = {}
        """By id."""
        self.switch: Switch | None = None
        """The kill switch of the hooks, as it was thrown last."""
        self.away: Away | None = None
        """Why nothing is heard, while the broker does not answer."""
        self.ready = False
        """Whether all has been told that was there at first."""

    def take(self, news: News) -> bool:
        """Take one piece of news in; whether it was new."""
        match news:
            case Registered():
                return self._register(news)
            case Switch():
                if self.switch is not None and self.switch.at >= news.at:
                    return False
                self.switch = news
                return True
            case Away():
                changed, self.away = self.away is None, news
                return changed
            case Back():
                changed, self.away, self.ready = self.away is not None or not self.ready, None, True
                return changed
        card = self.cards.get(news.rollout)
        return card is not None and card.take(news)

    def shown(self, now: int, *, everything: bool = False) -> list[Card]:
        """The rollouts to show: who needs someone first, then the newest.

        Args:
            now: the reader's clock, milliseconds UTC.
            everything: also those that ended more than seven days ago.
        """
        order = list(STATES)
        cards = [card for card in self.cards.values() if everything or not card.old(now)]
        return sorted(cards, key=lambda card: (order.index(card.state), -card.begins, card.id))

    def _register(self, news: Registered) -> bool:
        if self.only not in (None, news.rollout):
            return False
        card = self.cards.get(news.rollout)
        if news.registration is None:
            return self.cards.pop(news.rollout, None) is not None
        if card is None:
            self.cards[news.rollout] = Card(news.registration, news.at)
            return True
        changed = card.registration != news.registration
        card.registration, card.written = news.registration, news.at
        return changed


def needy(cards: list[Card], now: int) -> int:
    """How many of them a person must look at."""
    return sum(card.state in NEEDY or card.silent(now) is not None for card in cards)


def firing(card: Card) -> Iterator[Alert]:
    """The alerts that stand, the newest first; of a rollout that has ended, those that its last verdict resolved."""
    newest: dict[tuple[str, str | None], Alert] = {}
    final = card.final.at if card.final is not None else None
    for alert in card.story.alerts:
        if not (alert.status == "resolved" and alert.at == final):
            newest[alert.kind, alert.metric] = alert
    standing = [alert for alert in newest.values() if alert.status == "firing"]
    return iter(sorted(standing, key=lambda alert: alert.at, reverse=True))

"""Which graph of a model is the fastest: rounds of paired measurements that drop what is clearly slower.

Every candidate is measured in turn with the others, session by session, so that two of them pair up under the same
conditions: a ratio is that of two session medians of one turn, and its interval a bootstrap over the turns. A round
drops what is clearly slower than the best so far, and of the rest the slower half (successive halving: Jamieson and
Talwalkar 2016, arXiv 1502.07943). The default and the released file stay, since every ratio is to one of them.

The best of many looks better than it is on the very turns that it was chosen by. So the best after the last round, the
finalist, is measured against the default once more, and those turns alone decide whether it is certainly faster.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sdkgen.bench.report.paired import Measured, Medians, Place, device_name, is_whole, read_sessions
from sdkgen.bench.results import statistics
from sdkgen.bench.results.store import StoredSession
from sdkgen.formats import InputType, Layout, Precision

RELEASED = "released"
"""What the released file is called among the candidates' labels."""


@dataclass(frozen=True)
class Candidate:
    """One way of converting a model."""

    variant: str
    layout: Layout
    precision: Precision
    input_type: InputType

    @property
    def label(self) -> str:
        """What tables and the store call it."""
        return f"{self.variant} {self.layout} {self.precision} {self.input_type}"


def label_of(row: str, model: str) -> str:
    """Return a candidate's label from the name of its row in the store."""
    return row.removeprefix(f"{model} ")


def find_partial(sessions: Iterable[StoredSession], model: str) -> dict[str, str]:
    """Return which candidates a backend took only a part of, by label, and how much it took."""
    found: dict[str, str] = {}
    for one in sessions:
        placement = one.record.placement
        if one.status == "complete" and placement is not None and not placement.full:
            share = f"{placement.delegated} of {placement.ops} operations" if placement.ops > 0 else "a part"
            found[label_of(one.model, model)] = f"only {share} on the {one.backend} of {device_name(one)}"
    return found


def read_whole(sessions: Iterable[StoredSession], round_number: int, model: str) -> list[Measured]:
    """Return what a round measured; sessions that a backend ran in part only do not count."""
    whole = [one for one in sessions if is_whole(one)]
    return read_sessions(whole, round_number, lambda row: label_of(row, model))


@dataclass
class Tuning:
    """The state of a search. ``active`` are the labels that the next round measures beside the references."""

    default: str
    active: list[str]
    references: Sequence[str] = (RELEASED,)
    dropped: dict[str, str] = field(default_factory=dict)
    """Why a candidate is no longer measured, by its label."""
    finalist: str | None = None
    """The best after the last round, if that is not the default."""
    confirmation: int | None = None
    """The number of the round that decides on the finalist."""
    _medians: Medians = field(default_factory=Medians)

    @property
    def places(self) -> list[Place]:
        """Where the default was measured, in the order of the first measurement."""
        return self._medians.places(self.default)

    @property
    def measured(self) -> list[str]:
        """Everything that has figures, in the order of the first measurement."""
        return self._medians.labels

    def add(self, found: Iterable[Measured]) -> None:
        """Take the sessions of a round."""
        self._medians.add(found)

    def ratio(self, label: str, other: str, place: Place) -> statistics.Interval | None:
        """Return how long ``label`` takes relative to ``other``, paired by turn; None if they share no turn.

        Where both are in the round of the confirmation, only its turns count.
        """
        found = self._medians.ratio(label, other, place, only=self.confirmation)
        return found[0] if found else None

    def median(self, label: str, place: Place) -> float:
        """Return the median of the session medians, in milliseconds."""
        return self._medians.median(label, place)

    def turns(self, label: str, place: Place) -> int:
        """Return how many sessions there are."""
        return len(self._medians.turns(label, place))

    def worst(self, label: str) -> tuple[Place, statistics.Interval] | None:
        """Return where ``label`` does worst relative to the default; None unless it was measured everywhere."""
        ratios = [(place, self.ratio(label, self.default, place)) for place in self.places]
        known = [(place, ratio) for place, ratio in ratios if ratio is not None]
        if not known or len(known) < len(ratios):
            return None
        return max(known, key=lambda one: one[1].value)

    def ranked(self) -> list[str]:
        """Return the active candidates that were measured everywhere, the smallest worst-case ratio first."""
        worst = {label: self.worst(label) for label in [self.default, *self.active]}
        known = {label: found[1].value for label, found in worst.items() if found is not None}
        return sorted(known, key=lambda label: (known[label], label != self.default))

    def drop_slower(self, round_number: int, failures: Mapping[str, str] = {}) -> None:
        """Drop what failed, what is clearly slower than the best so far, and then all but the faster half."""
        ranked = self.ranked()
        for label in self.active:
            if label not in ranked:
                self.dropped[label] = failures.get(label, "not measured everywhere")
        for label in ranked[1:]:
            place, _ = self.worst(label) or (None, None)
            behind = self.ratio(label, ranked[0], place) if place is not None else None
            if behind is not None and behind.low is not None and behind.low > 1:
                self.dropped[label] = f"slower than the best in round {round_number}"
        left = [label for label in ranked if label not in self.dropped and label != self.default]
        for label in left[-(-len(self.active) // 2) :]:
            self.dropped[label] = f"in the slower half of round {round_number}"
        self.dropped.pop(self.default, None)
        self.active = [label for label in left if label not in self.dropped]

    def begin_confirmation(self, round_number: int) -> bool:
        """Let the best candidate be measured against the default once more; return False if the default is the best."""
        best, *_ = self.ranked()
        self.finalist = best if best != self.default else None
        self.dropped |= {label: "not the best after the last round" for label in self.active if label != self.finalist}
        self.active = [self.finalist] if self.finalist else []
        self.confirmation = round_number if self.finalist else None
        return self.finalist is not None

    def choice(self) -> str:
        """Return the finalist if the confirmation shows it certainly faster everywhere, else the default."""
        if self.finalist is None:
            return self.default
        for place in self.places:
            ratio = self.ratio(self.finalist, self.default, place)
            if ratio is None or ratio.high is None or ratio.high >= 1 or not self._is_confirmed(place):
                return self.default
        return self.finalist

    def _is_confirmed(self, place: Place) -> bool:
        """Tell whether finalist and default were both measured in the round of the confirmation."""
        shared = self._medians.ratios(self.finalist or "", self.default, place)
        return any(turn[0] == self.confirmation for turn in shared)

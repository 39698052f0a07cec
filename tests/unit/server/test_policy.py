"""The policy of turns, against a simulation of a box with some slots."""

import random
from collections import Counter
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpsearch.server.policy import (
    AGEING,
    SHORTEST_TURN,
    Contender,
    Held,
    level,
    next_turn,
    passes_to,
)


def contender(study: str, **given: object) -> Contender:
    settings = {"user": study, "priority": 0, "waiting_since": 0.0} | given
    return Contender(study=study, **settings)  # type: ignore[arg-type]


contenders = st.lists(
    st.builds(
        Contender,
        study=st.sampled_from("abcdefgh"),
        user=st.sampled_from(["ana", "ben", "eva"]),
        priority=st.integers(-3, 3),
        waiting_since=st.floats(0, 5000),
        most=st.none() | st.integers(1, 3),
    ),
    unique_by=lambda one: one.study,
    max_size=8,
)
held = st.lists(
    st.builds(Held, study=st.sampled_from("abcdefgh"), user=st.sampled_from(["ana", "ben", "eva"])),
    max_size=6,
)


@dataclass
class Box:
    """A box whose slots run trials of studies, second after second."""

    slots: int
    limit: int | None = None
    uneven: random.Random | None = None
    """Makes trials of several lengths; None: all are as long."""
    now: float = 0.0
    studies: dict[str, Contender] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)
    """Trials of each study that have not started."""
    running: list[tuple[str, float, float]] = field(default_factory=list)
    """Of each slot in use: the study, when its trial ends, and since when it has the slot."""
    seconds: Counter[str] = field(default_factory=Counter)
    """For which each study had slots."""
    waited: dict[str, float] = field(default_factory=dict)
    """The longest time that each study had no slot though it had trials to start."""

    def submit(self, study: Contender, trials: int) -> None:
        self.studies[study.study] = replace(study, waiting_since=self.now)
        self.left[study.study] = trials

    def held(self, without: int | None = None) -> list[Held]:
        return [
            Held(study=study, user=self.studies[study].user)
            for index, (study, _, _) in enumerate(self.running)
            if index != without
        ]

    def wanting(self, but: str = "") -> list[Contender]:
        return [one for name, one in self.studies.items() if self.left[name] and name != but]

    def ends(self, length: float) -> float:
        return self.now + length * (self.uneven.uniform(0.5, 1.5) if self.uneven else 1)

    def started(self, study: Contender, length: float) -> tuple[str, float, float]:
        """A slot that begins with a trial of a study."""
        name = study.study
        self.waited[name] = max(self.waited.get(name, 0), self.now - study.waiting_since)
        self.left[name] -= 1
        return name, self.ends(length), self.now

    def step(self, length: float) -> None:
        """Let a second pass; trials take ``length`` of them."""
        for index in reversed(range(len(self.running))):
            study, ends, since = self.running[index]
            if ends > self.now:
                continue
            own, others = self.studies[study], self.wanting(study)
            found = passes_to(
                own, others, self.held(index), self.now,
                for_seconds=self.now - since, most_of_user=self.limit,
            )  # fmt: skip
            if found is not None:
                self.running[index] = self.started(found, length)
            elif self.left[study]:
                self.left[study] -= 1
                self.running[index] = (study, self.ends(length), since)
            else:
                del self.running[index]
        while len(self.running) < self.slots:
            found = next_turn(self.wanting(), self.held(), self.now, most_of_user=self.limit)
            if found is None:
                break
            self.running.append(self.started(found, length))
        for study, _, _ in self.running:
            self.seconds[study] += 1
            self.studies[study] = replace(self.studies[study], waiting_since=self.now)
        self.now += 1


@given(contenders, held, st.none() | st.integers(1, 3), st.floats(5000, 9000))
def test_the_turn_is_of_a_study_within_its_limits_on_the_highest_level(
    studies: list[Contender], slots: list[Held], limit: int | None, now: float
) -> None:
    found = next_turn(studies, slots, now, most_of_user=limit)
    of_study, of_user = Counter(s.study for s in slots), Counter(s.user for s in slots)
    may = [
        one
        for one in studies
        if (one.most is None or of_study[one.study] < one.most)
        and (limit is None or of_user[one.user] < limit)
    ]
    if not may:
        assert found is None
        return
    assert found in may

    def of(one: Contender) -> int:
        return one.priority if of_study[one.study] else level(one, now)

    assert of(found) == max(map(of, may))
    equals = [one for one in may if of(one) == of(found)]

    def order(one: Contender) -> tuple[int, int, float, str]:
        return of_user[one.user], of_study[one.study], one.waiting_since, one.study

    assert order(found) == min(map(order, equals))


@given(contenders, held, st.randoms(use_true_random=False), st.floats(0, 9000))
def test_the_order_in_which_studies_are_listed_is_nothing_to_it(
    studies: list[Contender], slots: list[Held], mixer: random.Random, now: float
) -> None:
    mixed = [*studies]
    mixer.shuffle(mixed)
    assert next_turn(mixed, slots, now) == next_turn(studies, slots, now)


@given(contenders, held, st.floats(5000, 9000), st.floats(0, 200))
def test_a_slot_passes_only_to_whose_turn_it_is_and_not_back(
    studies: list[Contender], slots: list[Held], now: float, held_for: float
) -> None:
    if not studies:
        return
    own, *others = studies
    found = passes_to(own, others, slots, now, for_seconds=held_for)
    if found is None:
        return
    assert found == next_turn(others, slots, now)
    assert level(found, now) > own.priority or held_for >= SHORTEST_TURN
    taken = [*slots, Held(study=found.study, user=found.user)]
    back = passes_to(
        found, [replace(own, waiting_since=now)], taken[:-1], now, for_seconds=SHORTEST_TURN
    )
    assert back is None or back.study == own.study


@settings(max_examples=20)
@given(
    st.lists(
        st.tuples(st.sampled_from(["ana", "ben", "eva"]), st.integers(-2, 2), st.integers(1, 30)),
        min_size=1, max_size=8,
    ),
    st.integers(1, 3),
    st.integers(1, 40),
)  # fmt: skip
def test_no_slot_is_free_while_a_trial_waits_and_every_trial_runs(
    submitted: list[tuple[str, int, int]], slots: int, length: int
) -> None:
    box = Box(slots)
    for index, (user, priority, trials) in enumerate(submitted):
        box.submit(contender(str(index), user=user, priority=priority), trials)
    total = sum(trials for _, _, trials in submitted)
    for _ in range(total * length + length):
        box.step(length)
        assert len(box.running) == slots or not box.wanting()
    assert not any(box.left.values())
    assert sum(box.seconds.values()) >= total * length


@pytest.mark.parametrize("priority", [0, 3])
def test_whatever_is_submitted_the_turn_of_every_study_comes(priority: int) -> None:
    box = Box(slots=2)
    box.submit(contender("old", priority=-2), 3)
    for number in range(2 * 3600 // 20):
        box.submit(contender(f"new-{number}", priority=priority), 4)  # more than two slots can do
        for _ in range(20):
            box.step(length=10)
    bound = (priority + 2 + 1) * AGEING + SHORTEST_TURN
    assert 0 < box.waited["old"] <= bound
    assert box.left["old"] <= max(0, 3 - 7200 // bound)


def test_two_users_get_equal_shares_however_many_studies_each_has() -> None:
    box = Box(slots=4, uneven=random.Random(0))  # noqa: S311  # the same each time
    for name in ("a1", "a2", "a3", "a4", "a5"):
        box.submit(contender(name, user="ana"), 10_000)
    box.submit(contender("b1", user="ben"), 10_000)
    for _ in range(3600):
        box.step(length=7)
    of_ana = sum(box.seconds[name] for name in ("a1", "a2", "a3", "a4", "a5"))
    assert abs(of_ana - box.seconds["b1"]) <= 4 * SHORTEST_TURN
    shares = [box.seconds[name] for name in ("a1", "a2", "a3", "a4", "a5")]
    assert min(shares) > 0.8 * max(shares)


def test_a_higher_priority_takes_every_slot_when_its_trial_ends() -> None:
    box = Box(slots=3)
    box.submit(contender("low"), 1000)
    for _ in range(5):
        box.step(length=10)
    box.submit(contender("high", priority=5), 1000)
    for _ in range(12):
        box.step(length=10)
    assert {study for study, _, _ in box.running} == {"high"}


def test_limits_of_users_and_studies_are_kept() -> None:
    box = Box(slots=4, limit=2)
    box.submit(contender("a1", user="ana"), 1000)
    box.submit(contender("b1", user="ben", most=1), 1000)
    for _ in range(300):
        box.step(length=5)
        of = Counter(study for study, _, _ in box.running)
        assert of == {"a1": 2, "b1": 1}

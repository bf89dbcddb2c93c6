"""The door: open to all until some are refused inside; then it lets about as many pass as find room."""

from dataclasses import dataclass

import pytest

from commonspace.serve.door import Door, Kind

TEXT = Kind(tenant="acme", route="/v1/embeddings", is_bulk=False, size=2)
BULK = Kind(tenant="acme", route="/v1/embeddings", is_bulk=True, size=2)


@dataclass
class House:
    """So many come a second, and so many find room; the rest are refused at the door or inside."""

    now: float = 0.0
    passed: int = 0
    refused: int = 0

    def __post_init__(self) -> None:
        self.door = Door(lambda: self.now)

    def live(self, seconds: float, *, coming: float, room: float, kind: Kind = TEXT) -> int:
        """How many were turned away at the door meanwhile."""
        turned, free = 0, 0.0
        for _ in range(round(seconds * coming)):
            self.now += 1 / coming
            free = min(5.0, free + room / coming)
            if self.door.turns_away(kind):
                turned += 1
                continue
            has_room = free >= 1
            free -= has_room
            self.passed += 1
            self.refused += not has_room
            self.door.settled(kind, refused=not has_room)
        return turned


def test_nobody_is_turned_away_as_long_as_there_is_room() -> None:
    house = House()
    assert house.live(20, coming=100, room=101) == 0
    assert house.refused == 0


@pytest.mark.parametrize("times", [2, 5, 20])
def test_of_too_many_only_a_few_more_pass_than_there_is_room_for(times: int) -> None:
    house = House()
    house.live(5, coming=100 * times, room=100)
    house.passed = house.refused = 0
    house.live(20, coming=100 * times, room=100)
    assert house.passed - house.refused >= 0.97 * 20 * 100, "the house is full"
    assert house.refused < 0.35 * 20 * 100, "few are refused inside"


def test_when_there_is_room_again_the_door_is_open_again_within_a_second() -> None:
    house = House()
    house.live(10, coming=500, room=50)
    assert house.live(1, coming=40, room=50) < 20
    assert house.live(10, coming=40, room=50) == 0


def test_no_kind_pays_for_another() -> None:
    house = House()
    assert house.live(5, coming=500, room=50, kind=BULK) > 0
    assert not house.door.turns_away(TEXT)


def test_where_nothing_at_all_finds_room_some_still_pass_to_see() -> None:
    house = House()
    house.live(10, coming=200, room=0)
    assert 0 < house.passed < 10 * 200 / 4


def test_while_the_event_loop_is_slow_some_are_turned_away_and_bulk_first() -> None:
    door = Door(lambda: 0.0)
    door.went_round(0.1)
    assert not any(door.turns_away(TEXT) for _ in range(50))
    assert 5 <= sum(door.turns_away(BULK) for _ in range(50)) <= 20
    door.went_round(0.6)
    assert 30 <= sum(door.turns_away(TEXT) for _ in range(50)) <= 45
    door.went_round(0.001)
    assert sum(door.turns_away(TEXT) for _ in range(50)) <= 1

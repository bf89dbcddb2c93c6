"""Items are made ready side by side, in order, no more than a batch ahead; an error comes when its turn does."""

from threading import Lock

import pytest

from commonspace.encode.advance import in_advance


def test_batches_come_in_order_and_at_most_one_is_made_ahead() -> None:
    made, lock = [], Lock()

    def make(item: bytes) -> int:
        with lock:
            made.append(item)
        return item[0]

    batches = in_advance(make, [bytes([number]) for number in range(40)], 8)

    assert next(batches) == list(range(8))
    assert len(made) <= 16
    assert [number for batch in batches for number in batch] == list(range(8, 40))


@pytest.mark.parametrize("items", [["a", "b", "no", "c"], [b"a", b"b", b"no", b"c"]], ids=["texts", "media"])
def test_the_first_bad_item_s_error_is_raised_after_the_batches_before_it(items: list[object]) -> None:
    def make(item: object) -> object:
        if item in ("no", b"no"):
            raise ValueError("no")
        return item

    batches = in_advance(make, items, 2)

    assert next(batches) == items[:2]
    with pytest.raises(ValueError, match="no"):
        next(batches)

from __future__ import annotations

import threading
import time

import pytest
import torch

from sfumato.engine.prefetch import Prefetcher
from sfumato.errors import DataError


def test_the_next_item_is_made_while_this_one_is_used() -> None:
    made = threading.Event()

    def load(step: int) -> int:
        if step == 1:
            made.set()
        return step

    with Prefetcher(load, 0, None, timeout=5) as items:
        assert items.next() == 0
        assert made.wait(5)
        assert [items.next() for _ in range(3)] == [1, 2, 3]


def test_items_come_in_order_however_long_each_takes_to_load() -> None:
    def load(step: int) -> int:
        time.sleep(0.02 if step % 3 == 0 else 0.0)
        return step

    with Prefetcher(load, 5, 25, timeout=5, threads=4) as items:
        assert [items.next() for _ in range(20)] == list(range(5, 25))


def test_several_threads_load_at_once() -> None:
    together = threading.Barrier(3)

    def load(step: int) -> int:
        together.wait(timeout=5)  # Breaks unless three threads are here at the same time.
        return step

    with Prefetcher(load, 0, 6, timeout=5, threads=3) as items:
        assert [items.next() for _ in range(6)] == list(range(6))


def test_what_a_thread_raises_comes_at_its_step() -> None:
    def load(step: int) -> int:
        if step == 3:
            raise ValueError("torn")
        return step

    with Prefetcher(load, 0, None, timeout=5, threads=4) as items:
        assert [items.next() for _ in range(3)] == [0, 1, 2]
        with pytest.raises(ValueError, match="torn") as caught:
            items.next()
        assert caught.value.__notes__ == ["while preparing the batch of step 3"]


def test_a_reader_that_hangs_is_named_and_does_not_hold_us() -> None:
    release = threading.Event()
    began = time.monotonic()
    with (
        pytest.raises(DataError, match="step 4"),
        Prefetcher(lambda step: release.wait(30), 4, None, timeout=0.05) as items,
    ):
        items.next()
    assert time.monotonic() - began < 5
    release.set()


def test_loading_takes_one_core_and_the_consumer_keeps_its_own() -> None:
    def load(step: int) -> int:
        torch.ones(1 << 20).sum()  # Large enough to be shared out, if it may be.
        return torch.get_num_threads()

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with Prefetcher(load, 0, None, timeout=5, threads=2) as items:
            assert [items.next() for _ in range(4)] == [1, 1, 1, 1]
            assert torch.get_num_threads() == 2
            anew: list[int] = []
            other = threading.Thread(target=lambda: anew.append(torch.get_num_threads()))
            other.start()
            other.join()
            assert anew == [2]
    finally:
        torch.set_num_threads(before)


def test_closing_ends_the_thread() -> None:
    before = threading.active_count()
    for _ in range(5):
        with Prefetcher(lambda step: step, 0, None, timeout=5, threads=3) as items:
            items.next()
    assert threading.active_count() <= before  # One of another test may have ended meanwhile.


def test_waiting_is_counted_for_what_is_not_ready() -> None:
    made, asked = threading.Event(), threading.Event()

    def load(step: int) -> int:
        if step == 2:
            made.set()
            asked.wait(5)
        return step

    with Prefetcher(load, 0, 3, timeout=5) as items:
        items.next()
        assert made.wait(5)  # The thread is at the third item, so the second is ready.
        before = items.waited
        items.next()
        ready = items.waited
        threading.Timer(0.2, asked.set).start()
        items.next()
    assert items.waited - ready > ready - before

"""Batches of several workers are played in capture time; a silent worker delays the others, and not for long."""

from hypothesis import given
from hypothesis import strategies as st

from sensor.handover.records import Batch
from sensor.watching.order import PATIENCE, Order


def order(workers):
    made = Order()
    for worker in range(workers):
        made.join(worker)
    return made


def played(made, now):
    return [(worker, batch.time) for worker, batch in made.ready(now)]


def test_one_worker_waits_for_nobody():
    made = order(1)
    made.put(0, Batch(5, []), 0)
    made.put(0, Batch(7, []), 0)
    assert played(made, 0) == [(0, 5), (0, 7)]


def test_the_earlier_goes_first_once_the_other_has_told_its_time():
    made = order(2)
    made.put(0, Batch(10, []), 0)
    assert played(made, 0.1) == []
    made.put(1, Batch(8, []), 0.1)
    assert played(made, 0.1) == [(1, 8)]
    made.put(1, Batch(12, []), 0.2)
    assert played(made, 0.2) == [(0, 10)]


def test_a_silent_worker_is_overtaken_and_that_is_counted():
    made = order(2)
    made.put(0, Batch(10, []), 0)
    assert played(made, PATIENCE - 0.01) == []
    assert played(made, PATIENCE) == [(0, 10)]
    assert made.overtaken == 1


def test_a_worker_that_left_is_not_waited_for_and_what_it_told_is_played():
    made = order(2)
    made.put(1, Batch(3, []), 0)
    made.put(0, Batch(10, []), 0)
    assert [batch.time for batch in made.leave(1)] == [3]
    assert played(made, 0) == [(0, 10)]


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 5)), max_size=60))
def test_with_all_workers_talking_everything_is_played_in_time(steps):
    made = order(3)
    clock, put, got = [0, 0, 0], [], []
    for worker, step in steps:
        clock[worker] += step
        made.put(worker, Batch(clock[worker], []), 0)
        put.append((worker, clock[worker]))
        got += played(made, 0)
    for worker in range(3):
        made.put(worker, Batch(10_000, []), 0)
    got += played(made, 0)
    assert [time for _, time in got] == sorted(time for _, time in got)
    assert sorted(got) == sorted([*put, *((worker, 10_000) for worker in range(3))])
    assert made.overtaken == 0


def test_a_clock_that_is_set_back_stops_nothing():
    made = order(2)
    for worker in (0, 1):
        made.put(worker, Batch(3_600, []), 0)
    assert len(played(made, 0)) == 2
    for now in range(1, 5):
        for worker in (0, 1):
            made.put(worker, Batch(now, []), now)
        assert len(played(made, now + PATIENCE)) == 2

"""Files of lines: whole lines only, once, put aside by size and period, whatever happens in between."""

import errno
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

import orjson
import pytest
from ways_kit import FEED, destination, hand, item, items

from sensor.ship.destination import Unreachable
from sensor.ship.rotating import RotatingFile

TEXT = """
- type: lines
  path: out/feed.ndjson
"""


def lines(folder):
    return [orjson.loads(line) for path in sorted(folder.glob("feed*")) for line in path.read_bytes().splitlines()]


def sequences(folder):
    return sorted(line["ot"]["feed"]["sequence"] for line in lines(folder))


def test_a_line_is_a_document_and_says_what_went_before(tmp_path):
    made = destination(tmp_path, TEXT)
    assert hand(made, items(3, 7), after=2).acknowledged == 2
    hand(made, items(8), after=7)
    found = lines(tmp_path / "out")
    told = [(line["event"]["sequence"], line["ot"]["feed"]["after"], line["ot"]["feed"]["id"]) for line in found]
    assert told == [(3, 2, FEED), (7, 3, FEED), (8, 7, FEED)]
    assert all(line["event"]["ingested"] > "2026" for line in found)
    assert found[0]["ot"]["site"] == "north"
    made.close()


def test_after_a_crash_the_last_line_says_where_to_go_on(tmp_path):
    made = destination(tmp_path, TEXT)
    hand(made, items(1, 2, 3))
    made.close()  # killed here, before the cursor moved
    again = destination(tmp_path, TEXT)
    assert hand(again, items(1, 2, 3, 4, 5)).acknowledged == 5
    assert sequences(tmp_path / "out") == [1, 2, 3, 4, 5]
    assert lines(tmp_path / "out")[3]["ot"]["feed"]["after"] == 3
    assert again.counts()["repeats_skipped"] == 3
    again.close()


def test_another_store_begins_its_numbers_anew(tmp_path):
    made = destination(tmp_path, TEXT)
    hand(made, items(1, 2, 3))
    made.close()
    other = destination(tmp_path, TEXT)
    other.feed = "ffff"
    hand(other, items(1, 2))
    assert sequences(tmp_path / "out") == [1, 1, 2, 2, 3]
    other.close()


def test_a_torn_line_is_cut_off_and_written_again(tmp_path):
    made = destination(tmp_path, TEXT)
    hand(made, items(1, 2))
    made.close()
    path = tmp_path / "out" / "feed.ndjson"
    path.write_bytes(path.read_bytes()[:-40])
    again = destination(tmp_path, TEXT)
    hand(again, items(1, 2))
    assert sequences(tmp_path / "out") == [1, 2]
    assert again.counts()["torn_bytes"] > 0
    again.close()


def test_a_full_disk_leaves_whole_lines_and_loses_nothing(tmp_path, monkeypatch):
    made = destination(tmp_path, TEXT)
    hand(made, items(1))
    size = (tmp_path / "out" / "feed.ndjson").stat().st_size
    write, room = os.write, [size // 2]

    def full(file, data):
        if not room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(file, data[: room.pop()])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(Unreachable, match="No space left on device"):
        hand(made, items(2, 3), after=1)
    assert sequences(tmp_path / "out") == [1]
    monkeypatch.setattr(os, "write", write)
    assert hand(made, items(2, 3), after=1).acknowledged == 2
    assert sequences(tmp_path / "out") == [1, 2, 3]
    made.close()


def test_a_file_that_is_large_enough_is_put_aside_and_old_ones_go(tmp_path):
    made = destination(tmp_path, TEXT + "  max_size: 4 kB\n  keep: 3\n")
    for number in range(1, 61):
        hand(made, items(number), after=number - 1)
    aside = made.file.aside()
    assert len(aside) == 3
    assert made.counts()["files_put_aside"] == made.counts()["files_removed"] + 3 > 5
    assert all(path.stat().st_size <= 4_000 and path.read_bytes().endswith(b"\n") for path in aside)
    kept = sequences(tmp_path / "out")
    assert kept == list(range(kept[0], 61))
    assert aside == sorted(aside, key=lambda path: path.read_bytes())  # in the order of their lines' numbers
    made.close()


def test_a_batch_is_spread_over_files_that_keep_to_their_size(tmp_path):
    made = destination(tmp_path, TEXT + "  max_size: 4 kB\n  keep: 0\n")
    large = [item(31, message="x" * 9_000)]
    hand(made, [*items(*range(1, 31)), *large, *items(*range(32, 61))])
    sizes = [path.stat().st_size for path in made.file.aside()]
    assert len(sizes) > 5
    assert [size for size in sizes if size > 4_000] == [max(sizes)]  # the one line that is longer than a file
    assert sequences(tmp_path / "out") == list(range(1, 61))
    made.close()


def test_a_file_of_an_earlier_period_is_put_aside_also_when_idle(tmp_path, monkeypatch):
    made = destination(tmp_path, TEXT + "  max_age: 1h\n")
    hand(made, items(1))
    made.idle()
    assert made.file.aside() == []
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 3600)
    made.idle()
    made.idle()
    assert len(made.file.aside()) == 1
    assert (tmp_path / "out" / "feed.ndjson").read_bytes() == b""
    made.close()
    again = destination(tmp_path, TEXT)  # the line before is found in the file that was put aside
    hand(again, items(1, 2))
    assert sequences(tmp_path / "out") == [1, 2]
    again.close()


def test_a_file_that_was_carried_off_is_begun_anew(tmp_path):
    made = destination(tmp_path, TEXT)
    hand(made, items(1))
    (tmp_path / "out" / "feed.ndjson").rename(tmp_path / "carried")
    hand(made, items(2), after=1)
    assert sequences(tmp_path / "out") == [2]
    (tmp_path / "out" / "feed.ndjson").unlink()
    hand(made, items(3), after=2)
    assert sequences(tmp_path / "out") == [3]
    made.close()


def test_two_writers_of_one_file_are_one_too_many(tmp_path):
    made, other = destination(tmp_path, TEXT), destination(tmp_path, TEXT)
    hand(made, items(1))
    with pytest.raises(Unreachable, match="in use by another process"):
        hand(other, items(1))
    made.close()
    hand(other, items(1, 2))
    assert sequences(tmp_path / "out") == [1, 2]
    other.close()


def test_what_was_put_aside_in_one_second_is_not_overwritten(tmp_path, monkeypatch):
    monkeypatch.setattr(time, "strftime", lambda *_: "20261123T000000Z")
    for _ in range(3):
        file = RotatingFile(tmp_path / "a.b", 10, 60.0, 0, sync=False)
        file.open()
        file.append(b"one\n")
        file.rotate()
        file.close()
    assert [path.name for path in file.aside()] == [f"a.20261123T000000Z-0000{x}.b" for x in ("", "x", "xx")]


KILLED = """
import sys, pathlib
sys.path[:0] = [{kit!r}, {root!r}]
from ways_kit import destination, hand, items
made = destination(pathlib.Path({folder!r}), {text!r})
cursor = pathlib.Path({folder!r}) / "cursor"
print("ready", flush=True)
while True:
    upto = int(cursor.read_text())
    hand(made, items(*range(upto + 1, upto + 8)), after=upto)
    (cursor.parent / "new").write_text(str(upto + 7))
    (cursor.parent / "new").replace(cursor)
"""


def test_killed_at_any_moment_every_line_is_there_once(tmp_path, pytestconfig):
    (tmp_path / "cursor").write_text("0")
    text = TEXT + "  max_size: 40 kB\n  keep: 0\n  sync: false\n"
    here = pathlib.Path(__file__).parent
    code = KILLED.format(kit=str(here), root=str(pytestconfig.rootpath), folder=str(tmp_path), text=text)
    for _ in range(6):
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        assert process.stdout.readline() == b"ready\n"
        time.sleep(random.uniform(0.02, 0.15))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    upto = int((tmp_path / "cursor").read_text())
    made = destination(tmp_path, text)
    hand(made, items(*range(upto + 1, upto + 8)), after=upto)
    made.close()
    assert sequences(tmp_path / "out") == list(range(1, upto + 8))
    assert upto > 50


def test_a_line_of_somebody_else_at_the_end_is_left_alone(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "feed.ndjson").write_bytes(b"not ours\n" + b"x" * 200_000 + b"\n")
    made = destination(tmp_path, TEXT)
    hand(made, [item(1, message="é\n\u2028")])
    made.close()
    found = (tmp_path / "out" / "feed.ndjson").read_bytes()
    assert found.startswith(b"not ours\n")
    assert found.count(b"\n") == 3

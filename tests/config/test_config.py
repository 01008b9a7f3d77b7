"""Every key is checked; a wrong one is answered with its place and the nearest right name."""

import pathlib

import pytest

from sensor.config import Config, ConfigError, load
from sensor.yamls import MAX_FILE


@pytest.fixture
def write(tmp_path):
    def written(text):
        path = tmp_path / "otsensor.yml"
        path.write_text(text)
        return path

    return written


def test_a_whole_configuration(write):
    places = "site: north\nsegment: cell-1\ninterfaces:\n  span1: cell-2\n"
    config = load(write(places + "assets:\n  10.0.0.1: HMI\n  00:11:22:33:44:55: PLC\n"))
    names = {"10.0.0.1": "HMI", "00:11:22:33:44:55": "PLC"}
    assert config == Config("", "north", "cell-1", {"span1": "cell-2"}, names)
    assert config.place("x.pcap", "span1") == ("north", "cell-2")
    assert config.place("x.pcap", "") == ("north", "cell-1")


def test_an_empty_file_is_the_default(write):
    assert load(write("")) == Config()


def test_all_faults_are_told_at_once_with_line_and_nearest_name(write):
    with pytest.raises(ConfigError) as caught:
        load(write("sit: north\nsegment: [a]\nassets:\n  plc-1: x\n"))
    lines = str(caught.value).splitlines()
    assert [line.split(": ", 1)[0].rsplit(":", 1)[1] for line in lines] == ["1", "2", "4"]
    assert "did you mean site?" in lines[0]
    assert "is not an IP or MAC address" in lines[2]


@pytest.mark.parametrize("text", ["- a\n- b\n", "a: [", "\x00", "just words", "interfaces: 3"])
def test_whatever_else_is_refused_with_its_place(write, text):
    with pytest.raises(ConfigError, match=r"otsensor\.yml"):
        load(write(text))


def test_a_file_that_nests_without_end_is_refused(write):
    with pytest.raises(ConfigError, match="nested too deep"):
        load(write("[" * 100_000))


def test_what_has_no_end_is_not_read(write):
    with pytest.raises(ConfigError, match="no regular file"):
        load(pathlib.Path("/dev/zero"))
    with pytest.raises(ConfigError, match="too long"):
        load(write("#" * (MAX_FILE + 1)))

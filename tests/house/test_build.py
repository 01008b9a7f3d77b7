"""What is compiled, what is not, and that an install without a compiler works and says so."""

import os
import pathlib
import runpy
import shutil
import subprocess
import sys
import types

import pytest

setuptools = pytest.importorskip("setuptools", reason="building needs setuptools")

ROOT = pathlib.Path(__file__).parents[2]
SLOWER = "installed UNCOMPILED"


@pytest.fixture
def setup(monkeypatch):
    """What setup.py defines; nothing is built by it."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(setuptools, "setup", lambda **_: None)
    monkeypatch.setenv("OTSENSOR_PURE", "1")
    monkeypatch.delenv("CC", raising=False)
    names = types.SimpleNamespace(**runpy.run_path("setup.py"))
    monkeypatch.delenv("OTSENSOR_PURE")
    return names


@pytest.fixture
def mypycify(monkeypatch):
    """A stand-in for mypyc, which keeps what it was asked for."""
    asked = types.SimpleNamespace(error=None, arguments=None, named=None)

    def stand_in(arguments, **named):
        asked.arguments, asked.named = arguments, named
        if asked.error is not None:
            raise asked.error
        return [types.SimpleNamespace(extra_compile_args=[])]

    module = types.ModuleType("mypyc.build")
    module.mypycify = stand_in
    monkeypatch.setitem(sys.modules, "mypyc", types.ModuleType("mypyc"))
    monkeypatch.setitem(sys.modules, "mypyc.build", module)
    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/cc")
    monkeypatch.setattr(pathlib.Path, "exists", lambda _: True)
    return asked


def test_the_line_up_to_the_behaviours_is_compiled_and_nothing_else(setup):
    hot = set(setup.hot_files())
    assert {"sensor/contract.py", "sensor/pipeline.py", "sensor/flow/table.py", "sensor/behaviour/learner.py"} <= hot
    folders = {pathlib.Path(name).parts[1] for name in hot}
    assert folders == {"contract.py", "pipeline.py", "capture", "decode", "flow", "protocols", "behaviour"}
    assert all((ROOT / name).is_file() for name in hot)


def test_declarations_packages_and_files_that_say_so_stay_python(setup):
    hot = [ROOT / name for name in setup.hot_files()]
    assert not [path for path in hot if path.name in ("fields.py", "__init__.py")]
    off = [path for path in (ROOT / "sensor").rglob("*.py") if path.read_text().startswith("# mypyc: off")]
    assert off
    assert not set(off) & set(hot)


def test_nobody_is_in_the_way_of_compiling_here(setup, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/cc")
    monkeypatch.setattr(pathlib.Path, "exists", lambda _: True)
    assert setup.why_pure() == ""


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("OTSENSOR_PURE", "1", "OTSENSOR_PURE=1 asks for it"),
        ("CC", "/nonexistent", "no C compiler (/nonexistent) was found"),
        ("CC", "/nonexistent -m64", "no C compiler (/nonexistent) was found"),
    ],
)
def test_what_is_missing_is_named(setup, monkeypatch, name, value, why):
    monkeypatch.setenv(name, value)
    assert setup.why_pure().startswith(why)


def test_missing_headers_are_named_with_their_package(setup, monkeypatch, tmp_path):
    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/cc")
    monkeypatch.setattr("sysconfig.get_path", lambda _: str(tmp_path))
    assert setup.why_pure() == f"Python's headers are missing ({tmp_path}/Python.h); Debian: apt install python3-dev"


@pytest.mark.parametrize(("name", "value"), [("OTSENSOR_PURE", "1"), ("CC", "/nonexistent")])
def test_without_a_compiler_nothing_is_compiled_and_it_is_said(setup, monkeypatch, capsys, name, value):
    monkeypatch.setenv(name, value)
    assert setup.extensions() == []
    assert SLOWER in capsys.readouterr().err


def test_all_is_one_named_group_of_many_files_and_no_warning_breaks_an_install(setup, mypycify):
    (extension,) = setup.extensions()
    assert mypycify.named["multi_file"] is True
    assert mypycify.named["group_name"] == "otsensor"
    assert set(setup.hot_files()) < set(mypycify.arguments)
    assert "-Wno-error" in extension.extra_compile_args


@pytest.mark.parametrize("error", [SystemExit(1), ImportError("no module named mypyc"), OSError("disk full")])
def test_where_mypyc_fails_nothing_is_compiled_and_it_is_said(setup, mypycify, capsys, error):
    mypycify.error = error
    assert setup.extensions() == []
    said = capsys.readouterr().err
    assert SLOWER in said
    assert str(error) in said


@pytest.fixture
def failing(setup, monkeypatch, tmp_path):
    """The command that compiles two modules, and fails after the first."""

    def fail(command):
        first, _ = map(pathlib.Path, command.get_outputs())
        first.parent.mkdir(parents=True, exist_ok=True)
        first.touch()
        raise OSError("cc1: out of memory")

    monkeypatch.setattr(setup.SayIt.__mro__[1], "run", fail)
    names = ["sensor.contract", "otsensor__mypyc"]
    command = setup.SayIt(setuptools.Distribution({"ext_modules": [setuptools.Extension(name, []) for name in names]}))
    command.build_lib = str(tmp_path)
    command.finalize_options()
    return command


def test_where_the_c_compiler_fails_not_half_is_left_compiled_and_it_is_said(failing, capsys, tmp_path):
    failing.run()
    assert failing.extensions == []
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert "out of memory" in capsys.readouterr().err


def test_who_forbids_an_uncompiled_install_gets_none(setup, mypycify, failing, monkeypatch):
    monkeypatch.setenv("OTSENSOR_PURE", "0")
    mypycify.error = ImportError("no module named mypyc")
    with pytest.raises(SystemExit, match=r"not installed.*no module named mypyc"):
        setup.extensions()
    with pytest.raises(SystemExit, match=r"not installed.*out of memory"):
        failing.run()
    monkeypatch.undo()
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("OTSENSOR_PURE", "0")
    monkeypatch.setenv("CC", "/nonexistent")
    with pytest.raises(SystemExit, match="no C compiler"):
        setup.extensions()


@pytest.mark.parametrize("editable", [False, True])
def test_the_rules_go_into_the_package(setup, monkeypatch, tmp_path, editable):
    monkeypatch.setattr(setup.WithRules.__mro__[1], "run", lambda _command: None)
    command = setup.WithRules(setuptools.Distribution())
    command.build_lib, command.editable_mode = str(tmp_path), editable
    command.run()
    copied = {path.relative_to(tmp_path / "sensor") for path in tmp_path.rglob("*.yml")}
    shipped = {path.relative_to(ROOT) for path in (ROOT / "rules").rglob("*.yml")}
    assert copied == (set() if editable else shipped)


@pytest.mark.slow
def test_an_uncompiled_build_reads_a_capture_with_its_own_rules(tmp_path):
    source, built = tmp_path / "source", tmp_path / "built"
    away = shutil.ignore_patterns(".*", "build", "*.egg-info", "*.so", "__pycache__", "bench", "tests")
    shutil.copytree(ROOT, source, ignore=away)
    pure = {**os.environ, "OTSENSOR_PURE": "1"}
    command = [sys.executable, "setup.py", "-q", "build", "--build-lib", str(built)]
    done = subprocess.run(command, cwd=source, env=pure, capture_output=True, text=True, check=True)
    assert SLOWER in done.stderr
    assert not list(built.rglob("*.so"))

    def otsensor(*arguments):
        call = [sys.executable, "-P", "-W", "ignore", "-m", "sensor.cli", *arguments]
        there = {**os.environ, "PYTHONPATH": str(built)}
        return subprocess.run(call, cwd=tmp_path, env=there, capture_output=True, text=True, check=False)

    assert "UNCOMPILED" in otsensor("--version").stdout
    rules = sorted((ROOT / "rules").rglob("*.yml"))
    read = otsensor("read", str(ROOT / "pcaps" / "plant.pcapng"), "--quiet", "--db", str(tmp_path / "plant.db"))
    assert (read.returncode, read.stderr) == (0, "")
    assert len(list((built / "sensor" / "rules").rglob("*.yml"))) == len(rules) > 0

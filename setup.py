"""Compile the hot folders with mypyc where a C compiler is there; install the same files as they are otherwise.

Everything else about the package stands in pyproject.toml.
"""

import os
import pathlib
import shutil
import sys
import sysconfig

from setuptools import setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

# The folders that see every frame. `fields.py` stays Python: its declarations are looked at, not run.
HOT = ("contract.py", "pipeline.py", "capture", "decode", "flow", "protocols", "behaviour")
COLD = {"__init__.py", "fields.py"}
# An isolated build has neither our dependencies nor their types, and must not fail over what is not compiled.
MYPY = ("--config-file=pyproject.toml", "--follow-imports=silent", "--ignore-missing-imports")


def hot_files() -> list[str]:
    """Return the files to compile; a file that says `# mypyc: off` in its first line stays as it is."""
    root = pathlib.Path("sensor")
    found = [path for name in HOT for path in (sorted((root / name).rglob("*.py")) or [root / name])]
    return [str(p) for p in found if p.name not in COLD and not p.read_text().startswith("# mypyc: off")]


def why_pure() -> str:
    """Return why nothing is compiled; empty when everything is there."""
    if os.environ.get("OTSENSOR_PURE") == "1":
        return "OTSENSOR_PURE=1 asks for it"
    compiler = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0]
    if not shutil.which(compiler):
        return f"no C compiler ({compiler}) was found; Debian: apt install gcc"
    header = pathlib.Path(sysconfig.get_path("include"), "Python.h")
    if not header.exists():
        return f"Python's headers are missing ({header}); Debian: apt install python3-dev"
    return ""


class SayIt(build_ext):
    """Fall back to plain Python, said aloud, when the C compiler fails."""

    def run(self) -> None:
        """Build all, or nothing: half a compiled line would be a third thing to test."""
        try:
            super().run()
        except Exception as error:  # noqa: BLE001  # whatever a compiler does wrong, plain Python works
            for built in self.get_outputs():
                pathlib.Path(built).unlink(missing_ok=True)
            self.extensions = []
            say(f"the C compiler failed ({error})")


class WithRules(build_py):
    """Put the rules, which people find at the top of the tree, into the package as well."""

    def run(self) -> None:
        """Copy packages, then rules."""
        super().run()
        if not self.editable_mode:
            shutil.copytree("rules", pathlib.Path(self.build_lib, "sensor", "rules"), dirs_exist_ok=True)


def say(reason: str) -> None:
    """Tell on standard error that the package is installed uncompiled, and why; end there when it must not be."""
    if os.environ.get("OTSENSOR_PURE") == "0":
        raise SystemExit(f"otsensor: not installed: {reason}; OTSENSOR_PURE=0 forbids to leave it uncompiled")
    print(f"otsensor: installed UNCOMPILED, about twenty times slower: {reason}", file=sys.stderr, flush=True)


def extensions() -> list:
    """Return mypyc's extensions, none where compiling is not possible or not wanted."""
    reason = why_pure()
    if not reason:
        try:
            from mypyc.build import mypycify  # noqa: PLC0415  # only there when it is used

            built = mypycify(
                [*MYPY, *hot_files()],
                opt_level="3",
                debug_level="0",
                multi_file=True,
                group_name="otsensor",
                strict_dunder_typing=True,
            )
            for extension in built:
                extension.extra_compile_args.append("-Wno-error")  # a newer gcc's warning must not break an install
        except (Exception, SystemExit) as error:  # noqa: BLE001  # mypyc ends the program over a wrong type
            reason = f"mypyc failed ({error})"
        else:
            return built
    say(reason)
    return []


setup(ext_modules=extensions(), cmdclass={"build_ext": SayIt, "build_py": WithRules})

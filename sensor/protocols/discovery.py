# mypyc: off  # noqa: ERA001
"""Find every protocol: each folder beside this file, and each folder an engineer drops in.

The rule it lives by: a protocol is found, not registered. A folder is a protocol's when its package has `PROTOCOLS`.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import pkgutil
import sys
from typing import TYPE_CHECKING

import sensor.protocols
from sensor.contract import MAX_NAME, Carrier, Protocol
from sensor.vocabulary import gather, vocabulary

if TYPE_CHECKING:
    import pathlib
    from types import ModuleType

    from sensor.vocabulary import Vocabulary


class ProtocolFault(Exception):  # noqa: N818  # the fault of a folder, told to whoever dropped it in
    """A folder of protocols cannot be used; the text is one line."""


@functools.cache
def packages() -> tuple[ModuleType, ...]:
    """Return the packages of all protocols shipped with us, in alphabetical order."""
    names = sorted(found.name for found in pkgutil.iter_modules(sensor.protocols.__path__) if found.ispkg)
    return tuple(importlib.import_module(f"sensor.protocols.{name}") for name in names)


def dropped_in(folder: pathlib.Path) -> list[ModuleType]:
    """Import every package in `folder`, uncompiled, as `otsensor_protocol_<name>`; raise ProtocolFault."""
    if not folder.is_dir():
        raise ProtocolFault(f"{folder}: is not a folder")
    found = [imported(init) for init in sorted(folder.glob("*/__init__.py"))]
    if not found:
        raise ProtocolFault(f"{folder}: no folder in it has an __init__.py; expected one, with PROTOCOLS")
    return found


def imported(init: pathlib.Path) -> ModuleType:
    """Import one package from its file."""
    name = name_of(init)
    for known in [one for one in sys.modules if one == name or one.startswith(f"{name}.")]:
        del sys.modules[known]  # another folder's of the same name
    spec = importlib.util.spec_from_file_location(name, init, submodule_search_locations=[str(init.parent)])
    if spec is None or spec.loader is None:
        raise ProtocolFault(f"{init}: cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # somebody else's code: whatever it raises, the reader of our line wrote it
        why = " ".join(str(error).split())
        raise ProtocolFault(f"{init}: cannot be imported: {type(error).__name__}: {why}") from error
    offered = getattr(module, "PROTOCOLS", None)
    if not offered or not all(isinstance(one, Protocol) for one in offered):
        raise ProtocolFault(f"{init}: PROTOCOLS is {offered!r}; expected a tuple of protocols")
    if long := [one.name for one in offered if len(one.name) > MAX_NAME]:
        raise ProtocolFault(f"{init}: the name {long[0]!r} is longer than {MAX_NAME} characters")
    return module


def name_of(init: pathlib.Path) -> str:
    """Return the name a dropped-in package goes by."""
    return f"otsensor_protocol_{init.parent.name}"


def words(folders: tuple[pathlib.Path, ...]) -> Vocabulary:
    """Return the words of every protocol, shipped and dropped in; to be asked after `find`."""
    if not folders:
        return vocabulary()
    dropped = [name_of(init) for folder in folders for init in sorted(folder.glob("*/__init__.py"))]
    try:
        return gather([*(package.__name__ for package in packages()), *dropped])
    except Exception as error:  # somebody else's declarations
        raise ProtocolFault(f"{folders[0]}: its fields: {type(error).__name__}: {error}") from error


def find(folders: tuple[pathlib.Path, ...] = ()) -> list[Protocol]:
    """Return every protocol, shipped and dropped in; one folder may offer several."""
    modules = [*packages(), *(module for folder in folders for module in dropped_in(folder))]
    protocols: list[Protocol] = [protocol for module in modules for protocol in getattr(module, "PROTOCOLS", ())]
    for carrier in protocols:
        if isinstance(carrier, Carrier):
            carrier.inner = [protocol for protocol in protocols if carrier.name in protocol.transports]
    return protocols

# mypyc: off
"""Find every protocol: each folder beside this file, and each folder an engineer drops in.

The rule it lives by: a protocol is found, not registered. A folder is a protocol's when its package has `PROTOCOLS`.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import pathlib
import pkgutil
import sys
from types import ModuleType

import sensor.protocols
from sensor.contract import Carrier, Protocol


@functools.cache
def packages() -> tuple[ModuleType, ...]:
    """Return the packages of all protocols shipped with us, in alphabetical order."""
    names = sorted(found.name for found in pkgutil.iter_modules(sensor.protocols.__path__) if found.ispkg)
    return tuple(importlib.import_module(f"sensor.protocols.{name}") for name in names)


def dropped_in(folder: pathlib.Path) -> list[ModuleType]:
    """Import every package in `folder`, uncompiled, as `otsensor_protocol_<name>`."""
    found = []
    for init in sorted(folder.glob("*/__init__.py")):
        name = f"otsensor_protocol_{init.parent.name}"
        spec = importlib.util.spec_from_file_location(name, init, submodule_search_locations=[str(init.parent)])
        if spec is None or spec.loader is None:
            continue
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        found.append(module)
    return found


def find(folders: tuple[pathlib.Path, ...] = ()) -> list[Protocol]:
    """Return every protocol, shipped and dropped in; one folder may offer several."""
    modules = [*packages(), *(module for folder in folders for module in dropped_in(folder))]
    protocols: list[Protocol] = [protocol for module in modules for protocol in getattr(module, "PROTOCOLS", ())]
    for carrier in protocols:
        if isinstance(carrier, Carrier):
            carrier.inner = [protocol for protocol in protocols if carrier.name in protocol.transports]
    return protocols

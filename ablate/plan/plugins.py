"""Plug-ins: the user's own modules, imported before anything is validated."""

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path

from ablate.core import GridError, Problem, digest


def import_plugins(plugins: Iterable[str]) -> None:
    """Import each plug-in once: a dotted module name, or the path of a ``.py`` file.

    A file may import its neighbours: its folder is put on the import path.

    Raises:
        GridError: one does not exist or raises while it is imported; says where.
    """
    for plugin in plugins:
        try:
            _import(plugin)
        except GridError:
            raise
        except Exception as error:
            frames = traceback.extract_tb(error.__traceback__)
            place = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
            message = f"plug-in {plugin!r} failed to import: {type(error).__name__}: {error}{place}"
            raise GridError(Problem(message, "bad-plugin", "plugins")) from error


def plugin_versions(plugins: Iterable[str]) -> dict[str, str]:
    """``plug-in NAME`` -> digest of its source: of the file, or of the file of the module. Imports nothing new."""
    found = {}
    for plugin in plugins:
        path = plugin if plugin.endswith(".py") else getattr(sys.modules.get(plugin), "__file__", None)
        if path and Path(path).is_file():
            name = Path(plugin).name if plugin.endswith(".py") else plugin
            found[f"plug-in {name}"] = digest(Path(path).read_text("utf-8", errors="replace"), size=6)
    return found


def _import(plugin: str) -> None:
    if not plugin.endswith(".py"):
        importlib.import_module(plugin)
        return
    path = Path(plugin).resolve()
    if not path.is_file():
        message = f"there is no plug-in file {plugin!r}"
        raise GridError(Problem(message, "file-not-found", "plugins"))
    name = f"ablate_plugin_{path.stem}_{digest(str(path), size=4)}"
    if name in sys.modules:
        return
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise

"""Programs that an earlier process compiled are found without tracing, and only where nothing has changed."""

import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import ablate
from ablate.engine import program_cache

PLUGIN = """
from ablate.systems import ACTIVATIONS, Activation

@ACTIVATIONS.register("times")
class Times(Activation):
    def build(self):
        def function(x):
            print("traced", flush=True)
            return FACTOR * x
        return function
"""
TRAIN = """
import importlib, json, sys
from ablate.engine import prepare_environment
prepare_environment(2)
import numpy as np
for name in sys.argv[1].split(","):
    importlib.import_module(name)
from ablate.engine.compile_cache import use_compile_cache
from ablate.engine.drawing import drawings, read
from ablate.engine.executable import executable_for
use_compile_cache()
config = {
    "kind": "supervised",
    "problem": {"kind": "spirals", "points": int(sys.argv[2]), "batch": 16},
    "model": {"kind": "mlp", "width": 8, "activation": {"kind": "times"}},
    "diagnostics": {"norms": {"kind": "norms"}},
}
count = int(sys.argv[3])
shared, rows, starts = read([config] * count)
executable = executable_for(shared, count, "map")
executable.compile([shared.whole])
lanes = executable.start(drawings(starts, np.arange(count)))
lanes, told = executable.advance(lanes, rows, np.full((count, 1), 20), np.ones((count, 1), bool))
print(json.dumps([executable.step_metrics, executable.evaluation_metrics, executable.diagnosis]))
report = executable.read(told)
print(report.means.tobytes().hex(), report.evaluation.tobytes().hex())
"""


class Processes:
    """Runs that share a cache and a plug-in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cache = folder / "cache"

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)
        time.sleep(0.1)  # what is as new as the process does not count

    def train(
        self, modules: str = "own", points: int = 64, lanes: int = 2, **environment: str
    ) -> tuple[int, list[str]]:
        """How often the network was traced, and what came out."""
        process = self.start(modules, points, lanes, **environment)
        output, _ = process.communicate()
        assert process.returncode == 0
        *traced, metrics, numbers = output.splitlines()
        assert set(traced) <= {"traced"}
        return len(traced), [metrics, numbers]

    def start(
        self, modules: str = "own", points: int = 64, lanes: int = 2, **environment: str
    ) -> subprocess.Popen[str]:
        settings = {"ABLATE_CACHE_DIR": str(self.cache), "PYTHONPATH": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.Popen(
            [sys.executable, str(self.folder / "train.py"), modules, str(points), str(lanes)],
            env=os.environ | settings | environment,
            stdout=subprocess.PIPE,
            text=True,
        )

    def files(self, kind: str) -> list[Path]:
        return list(self.cache.glob(f"xla/*/programs/{kind}-*"))


@pytest.fixture
def processes(tmp_path: Path) -> Processes:
    found = Processes(tmp_path)
    found.write("train.py", TRAIN)
    found.write("own.py", f"FACTOR = 0.5{PLUGIN}")
    return found


def test_the_second_process_traces_nothing_and_has_the_same_bits(processes: Processes) -> None:
    traced, first = processes.train()
    assert traced > 0
    assert processes.train() == (0, first)
    for torn in processes.files("program"):
        torn.write_bytes(torn.read_bytes()[:-1])
    traced, again = processes.train()
    assert (traced > 0, again) == (True, first)


def test_of_two_processes_at_a_time_one_compiles(processes: Processes) -> None:
    told = "f = cache.compile\ncache.compile = lambda *given: print('compiled\\n', end='', flush=True) or f(*given)\n"
    told = f"from ablate.engine.program_cache import ProgramCache as cache\n{told}"
    processes.write("train.py", TRAIN.replace("use_compile_cache()\nconfig", f"use_compile_cache()\n{told}config"))
    both = [processes.start() for _ in range(2)]
    outputs = [process.communicate()[0].splitlines() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sum(lines.count("compiled") for lines in outputs) == 2, "what trains, and what draws first states"
    assert outputs[0][-2:] == outputs[1][-2:]
    assert not processes.files("turn")


def test_what_xla_loaded_from_its_own_cache_is_not_kept(processes: Processes) -> None:
    """XLA writes it without its machine code, which is found missing only when it runs."""
    _, first = processes.train()
    for kept in processes.cache.glob("xla/*/programs/*"):
        kept.unlink()
    for _ in range(2):
        traced, again = processes.train()
        assert (traced > 0, again) == (True, first)
    assert not processes.files("program")


def test_changed_code_is_traced_again(processes: Processes) -> None:
    _, first = processes.train()
    processes.write("own.py", f"FACTOR = 0.7{PLUGIN}")  # as many bytes
    traced, second = processes.train()
    assert traced > 0
    assert second != first
    assert processes.train() == (0, second)


def test_whatever_else_decides_is_told_apart(processes: Processes) -> None:
    _, first = processes.train()
    processes.write("other.py", "")
    module, _ = processes.train("own,other")
    setting, _ = processes.train(JAX_DEFAULT_MATMUL_PRECISION="highest")
    data, _ = processes.train(points=96)
    devices, one = processes.train(lanes=1)
    assert min(module, setting, data, devices) > 0
    assert processes.train(lanes=1) == (0, one)
    assert processes.train() == (0, first)


def test_another_copy_of_ablate_has_programs_of_its_own(processes: Processes) -> None:
    """Two checkouts, or two environments, of one user: the files of both are as they were."""
    found = []
    for name, length in {"here": "length", "there": "2 * length"}.items():
        copy = processes.folder / name / "ablate"
        shutil.copytree(Path(ablate.__file__).parent, copy)
        supervised = copy / "systems" / "supervised.py"
        text = supervised.read_text()
        assert text.count('"grad_norm": length') == 1
        supervised.write_text(text.replace('"grad_norm": length', f'"grad_norm": {length}'))
        time.sleep(0.1)
        path = os.pathsep.join([str(copy.parent), str(processes.folder)])
        traced, numbers = processes.train(PYTHONPATH=path)
        assert traced > 0
        assert processes.train(PYTHONPATH=path) == (0, numbers)
        found.append(numbers)
    assert found[0] != found[1]


def test_a_component_made_inside_a_function_is_traced_each_time(processes: Processes) -> None:
    inside = PLUGIN.replace("\n", "\n    ")
    processes.write("own.py", f"FACTOR = 0.5\ndef make():{inside}\nmake()\n")
    first = processes.train()
    assert first[0] > 0
    assert processes.train() == first
    assert not processes.files("entry")


def test_a_file_that_is_newer_than_the_process_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "new.py").touch()
    assert program_cache._state(str(tmp_path / "new.py")) is None
    assert program_cache._state(pytest.__file__) is not None


def test_threads_that_load_together_look_at_the_files_of_a_list_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []

    def get(path: Path) -> bytes:
        read.append(path)
        time.sleep(0.1)  # the others come meanwhile
        return b"{}"

    monkeypatch.setattr(program_cache, "_get", get)
    with ThreadPoolExecutor(3) as threads:
        list(threads.map(lambda _: program_cache._is_as_it_was(tmp_path, "x"), range(3)))
    assert read == [tmp_path / "modules-x"]

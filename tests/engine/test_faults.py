"""Real processes, really killed: nothing is lost, nothing is done twice, and the bits agree."""

import os
import re
import signal
import time
from pathlib import Path

import polars as pl
import pytest

from .driving import PAUSING, SPIRALS, Driver, Running

pytestmark = pytest.mark.slow


@pytest.fixture
def driver(tmp_path: Path) -> Driver:
    return Driver(tmp_path, PAUSING)


def start_and_pause(driver: Driver, *arguments: str) -> Running:
    """A run whose first pack has saved its state and waits."""
    driver.pause()
    running = driver.start(*arguments)
    running.reaches(lambda: driver.steps() > 0)
    assert driver.steps() < 8000
    return running


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    whole = Driver(tmp_path_factory.mktemp("uninterrupted"), PAUSING)
    whole.finish()
    return whole.results()


def test_a_killed_driver_resumes_bitwise(driver: Driver, uninterrupted: pl.DataFrame) -> None:
    running = start_and_pause(driver)
    running.process.kill()
    running.ends(-signal.SIGKILL)
    driver.go_on()
    driver.is_left_alone()
    assert "6 of 6 runs ended" in driver.finish()
    assert driver.results().equals(uninterrupted)


def test_a_killed_worker_is_replaced_within_the_run(driver: Driver, uninterrupted: pl.DataFrame) -> None:
    running = start_and_pause(driver)
    os.kill(driver.worker(), signal.SIGKILL)
    driver.go_on()
    running.ends(0)
    assert driver.results().equals(uninterrupted)


def test_a_worker_that_is_told_to_end_saves_first(tmp_path: Path) -> None:
    """SIGTERM is the notice of a machine that will be taken away."""
    driver = Driver(tmp_path, SPIRALS.replace("  model.activation: tanh\n", ""))  # one pack
    running = driver.start("train.steps=1000000", "run.checkpoint_every=1000000")
    running.reaches(lambda: driver.steps() > 0)
    os.kill(driver.worker(), signal.SIGTERM)
    running.reaches(lambda: any(len(attempts) > 1 for attempts in driver.store.attempts.values()))
    running.process.send_signal(signal.SIGINT)
    running.ends(130, timeout=60)
    told = [attempts for attempts in driver.store.attempts.values() if len(attempts) > 1]
    for attempts in told:
        first, last = sorted(attempts, key=lambda attempt: attempt.pack_id)
        assert 0 < last.state.since == first.state.step, "it went on from where it was told to end"


def test_a_stopped_worker_is_killed_and_replaced(driver: Driver, uninterrupted: pl.DataFrame) -> None:
    running = start_and_pause(driver, "run.timeout=10")
    os.kill(driver.worker(), signal.SIGSTOP)
    driver.go_on()
    running.ends(0)
    assert driver.results().equals(uninterrupted)


def test_the_place_of_a_killed_worker_is_filled_again(tmp_path: Path) -> None:
    """Tune would be content to train all that is left on the workers that survive."""
    driver = Driver(
        tmp_path, SPIRALS.replace("lanes: map", "lanes: solo, resources: {cpu: 0.5}, max_concurrent_trials: 2")
    )
    running = driver.start("train.steps=1000000")
    running.reaches(lambda: len(driver.workers()) == 2 and running.printed.count("compiling") == 2)
    victim = driver.workers()[0]
    os.kill(victim, signal.SIGKILL)
    running.reaches(lambda: running.printed.count("compiling") == 3)
    assert len(driver.workers()) == 2
    assert victim not in driver.workers()
    running.process.send_signal(signal.SIGINT)
    running.ends(130, timeout=60)


@pytest.mark.parametrize(("process", "afterwards"), [("raylet/raylet", ()), ("gcs/gcs_server", ("--inline",))])
def test_without_ray_the_driver_ends_soon_and_says_why(
    driver: Driver, uninterrupted: pl.DataFrame, process: str, afterwards: tuple[str, ...]
) -> None:
    running = start_and_pause(driver)
    (victim,) = driver.processes(process.encode())
    start = time.monotonic()
    os.kill(victim, signal.SIGKILL)
    printed = running.ends(1, timeout=60)
    assert time.monotonic() - start < 30
    driver.go_on()
    driver.is_left_alone()
    (line,) = (line for line in printed.splitlines() if line.startswith("error: "))
    assert "does not answer any more" in line
    assert "Traceback" not in printed
    driver.finish(*afterwards)
    assert driver.results().equals(uninterrupted)


def test_an_interrupt_saves_and_says_how_to_resume(driver: Driver, uninterrupted: pl.DataFrame) -> None:
    running = start_and_pause(driver)
    running.process.send_signal(signal.SIGINT)
    assert "resume with: ablate run grid.yaml" in running.ends(130, timeout=60)
    assert 0 < driver.steps() < 48000
    driver.go_on()
    driver.finish("--inline")
    assert driver.results().equals(uninterrupted)
    assert "nothing was left to train" in driver.finish()


def test_a_second_interrupt_does_not_wait(tmp_path: Path) -> None:
    driver = Driver(tmp_path, SPIRALS)
    running = driver.start("run.timeout=1000", "train.steps=1000000")
    running.reaches(lambda: driver.steps() >= 250)
    worker = driver.worker()
    os.kill(worker, signal.SIGSTOP)  # it will not answer the first one
    running.process.send_signal(signal.SIGINT)
    time.sleep(1)
    running.process.send_signal(signal.SIGINT)
    start = time.monotonic()
    running.ends(130, timeout=60)
    assert time.monotonic() - start < 30


def test_a_driver_that_is_told_to_end_has_the_time_it_needs(tmp_path: Path) -> None:
    driver = Driver(tmp_path, SPIRALS)
    running = driver.start("train.steps=1000000")
    running.reaches(lambda: driver.steps() >= 250)
    worker = driver.worker()
    os.kill(worker, signal.SIGSTOP)  # as if saving took long: Ray would abort the driver after three seconds
    running.process.send_signal(signal.SIGTERM)
    time.sleep(6)
    os.kill(worker, signal.SIGCONT)
    printed = running.ends(130, timeout=60)
    assert "interrupted, state saved" in printed
    assert "SIGTERM" not in printed


def test_status_works_meanwhile_and_a_second_driver_is_refused(driver: Driver) -> None:
    running = start_and_pause(driver)
    status = driver.finish(command="status")
    assert "6 runs: 6 not ended" in status
    assert re.search(r"base +\d+ %", status)
    refused = driver.finish("--inline", code=2)
    assert f"process {running.process.pid} on" in refused
    running.process.send_signal(signal.SIGTERM)
    running.ends(130, timeout=60)

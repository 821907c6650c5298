"""How a local cluster is started."""

from typing import Any

import pytest
import ray
from ray._private import parameter

from ablate.engine import cluster


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What `ray.init` was started with, as its own code would put it together."""
    found: list[Any] = []
    monkeypatch.setattr(ray, "init", lambda **options: found.append(parameter.RayParams()))
    return found


def test_a_local_cluster_has_no_autoscaler_and_no_reader_of_logs(asked: list[Any]) -> None:
    whole = parameter.RayParams
    cluster._start({"num_cpus": 1})
    assert parameter.RayParams is whole
    assert asked[0].no_monitor
    assert asked[0].include_log_monitor is False


def test_a_cluster_that_is_there_is_left_alone(asked: list[Any]) -> None:
    cluster._start({"address": "auto"})
    assert not asked[0].no_monitor
    assert asked[0].include_log_monitor is None


def test_a_ray_without_these_options_is_started_whole(asked: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parameter, "RayParams", lambda no_monitor=False: "whole")
    cluster._start({"num_cpus": 1})
    assert asked == ["whole"]

"""A plug-in whose source changes is noticed; nothing is trained again because of it."""

from pathlib import Path

from ablate.plan import Plan, make_plan, plugin_versions, plugins_of
from ablate.store import PackRecord, PackWriter, RunState, Store, now, provenance

GRID = """
base:
  problem: {kind: spirals, points: 64, batch: 16}
  model: {kind: mlp, width: 4}
  train: {steps: 4}
metric: {name: val_loss, goal: minimize}
seeds: 2
plugins: [mine.py]
ablate: {optimizer.lr: [0.1]}
"""


def trained(plan: Plan, store: Store) -> None:
    """Write what training the baseline leaves behind."""
    ids = tuple(run.run_id for run in plan.runs if run.variant == "base")
    writer = PackWriter(store.pack_folder("01"), "01")
    writer.open(
        PackRecord(
            pack_id="01",
            signature="s",
            run_ids=ids,
            width=2,
            strategy="map",
            devices=1,
            compile_seconds=0.0,
            provenance=provenance((), plugin_versions(plugins_of(plan.grid))),
        )
    )
    states = {run_id: RunState(step=4, status="done", every=100) for run_id in ids}
    writer.flush((), states, updated=now(), step_seconds=None)


def test_a_changed_plugin_warns_and_keeps_its_runs(tmp_path: Path) -> None:
    (tmp_path / "grid.yaml").write_text(GRID)
    (tmp_path / "mine.py").write_text("X = 1\n")

    def plan() -> Plan:
        return make_plan(tmp_path / "grid.yaml", Store(tmp_path / "runs"))

    assert plan().warnings == ()
    trained(plan(), Store(tmp_path / "runs"))
    assert plan().warnings == ()
    (tmp_path / "mine.py").write_text("X = 2\n")
    (warning,) = plan().warnings
    assert warning.code == "plugin-changed"
    assert "plug-in mine.py has changed since 2 of the runs were trained" in str(warning)
    assert len(plan().ended) == 2

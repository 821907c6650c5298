"""The exact text of every mistake that a grid can contain, place included."""

import pytest

from ablate.core import GridError
from ablate.grid import expand, load

from .conftest import Write

BASE = "base: {model: {kind: gpt, width: 64, heads: 4}, optimizer: {lr: 1e-3}}\n"
HEAD = BASE + "metric: {name: val_loss, goal: minimize}\n"

CASES = {
    "unknown key": (
        HEAD + "sedes: 3\nmodel: {width: 3}",
        [
            "a.yaml:3:1  sedes: no such key; did you mean seeds?  [unknown-key]",
            "a.yaml:4:1  model: no such key; write it inside base: base: {model: ...}  [unknown-key]",
        ],
    ),
    "required keys": (
        "question: why?",
        [
            "a.yaml:1:1  base: this key is required: the configuration that all variants are compared with"
            "  [missing-field]",
            "a.yaml:1:1  metric: this key is required: write metric: {name: ..., goal: ...}  [missing-field]",
        ],
    ),
    "metric": (
        BASE + "metric: {nam: x, goal: min, at: mean}",
        [
            "a.yaml:2:9  metric.name: this field is required  [missing-field]",
            "a.yaml:2:10  metric.nam: no such key; did you mean name?  [unknown-key]",
            "a.yaml:2:24  metric.goal: input should be 'minimize' or 'maximize', got the text 'min'  [bad-value]",
            "a.yaml:2:33  metric.at: 'mean' is no way to score a run; write last, best, mean_last:K, step:N or auc"
            "  [bad-value]",
        ],
    ),
    "top-level values": (
        HEAD + "version: 2\nquestion: 3\nmargin: -1\nplugins: [a.py, os.path, '3x']",
        [
            "a.yaml:3:10  version: this ablate reads version 1 of the grid language, got the number 2  [not-supported]",
            "a.yaml:4:11  question: expected a text, got the number 3; put it in quotes  [wrong-type]",
            "a.yaml:5:9  margin: the margin must be above 0, got -1; leave it out to call nothing equivalent"
            "  [bad-value]",
            "a.yaml:6:11  plugins[0]: there is no file a.py; the path is relative to the grid file  [bad-plugin]",
            "a.yaml:6:26  plugins[2]: '3x' is neither a module such as my_lab.snr nor a .py file  [bad-plugin]",
        ],
    ),
    "duplicate seed": (HEAD + "seeds: [0, 1, 0]", ["a.yaml:3:8  seeds: 0 appears twice  [duplicate-seed]"]),
    "seeds": (
        HEAD + "seeds: [true, 9-0, 3]",
        [
            "a.yaml:3:9  seeds: expected a number, a list such as [0, 1, 2] or a range such as 0-9, got true"
            "  [bad-value]",
            "a.yaml:3:15  seeds: expected a number, a list such as [0, 1, 2] or a range such as 0-9, got the text '9-0'"
            "  [bad-value]",
        ],
    ),
    "tune": (
        HEAD + "tune: {seeds: 3}",
        ["a.yaml:3:7  tune.axes: there are no axes to tune; write axes: {optimizer.lr: {log: [1e-4, 1e-2], count: 5}}"
         "  [empty-axis]"],
    ),
    "tune, all at once": (
        HEAD + "tune: {axs: {}, axes: {lr: [1], 2x: [1]}, seeds: [0, 5], select: {at: first, name: x}}",
        [
            "a.yaml:3:8  tune.axs: no such key; did you mean axes?  [unknown-key]",
            "a.yaml:3:33  tune.axes.2x: '2x' is not a field path such as optimizer.lr  [unknown-path]",
            "a.yaml:3:50  tune.seeds: 0 would tune and confirm: a variant may not be judged on a seed that chose its "
            "setting; write the number of tuning seeds, such as seeds: 3  [duplicate-seed]",
            "a.yaml:3:71  tune.select.at: 'first' is no way to score a run; write last, best, mean_last:K, step:N or "
            "auc  [bad-value]",
        ],
    ),
    "tune and a variant": (
        HEAD + "ablate: {optimizer.lr: [1], whole: {optimizer: {lr: 2}}, fine: {optimizer: {kind: sgd}}}\n"
        "exclude: [{optimizer.lr: 3}]\ntune: {axes: {optimizer.lr: [1, 2]}}",
        [
            "a.yaml:3:10  ablate.optimizer.lr: `tune` chooses optimizer.lr for each variant, so it cannot be set here; "
            "take it out of one  [bad-value]\n    a.yaml:5:15  tune sets it here",
            "a.yaml:3:37  ablate.whole.optimizer: `tune` chooses optimizer.lr for each variant, so it cannot be set "
            "here; take it out of one  [bad-value]\n    a.yaml:5:15  tune sets it here",
            "a.yaml:4:12  exclude[0]: `tune` chooses optimizer.lr for each variant, so no condition can depend on it  "
            "[not-supported]",
        ],
    ),
    "run and report": (
        HEAD + "run: {lanes: on, resources: {gpus: 1}, max_restart: 1}\nreport: {alpha: 2, columns: [a, a]}",
        [
            "a.yaml:3:14  run.lanes: input should be 'auto', 'vmap', 'map', 'solo', 'strict' or 'off', got the text "
            "'on'  [bad-value]",
            "a.yaml:3:30  run.resources.gpus: no such key; did you mean gpu?  [unknown-key]",
            "a.yaml:3:40  run.max_restart: no such key; did you mean max_restarts?  [unknown-key]",
            "a.yaml:4:17  report.alpha: input should be less than 0.5, got the number 2  [bad-value]",
            "a.yaml:4:29  report.columns: a appears twice; keep one  [bad-value]",
        ],
    ),
    "names in base": (
        "base: {model.width: 3, model: {layers 2}}\nmetric: {name: x, goal: minimize}",
        [
            "a.yaml:1:8  base.model.width: a key of base has no dots; write model: {width: ...}  [unknown-path]",
            "a.yaml:1:32  base.model: 'layers 2' is not a field name: letters, digits, '_' and '-', no digit first"
            "  [unknown-path]",
        ],
    ),
    "axes": (
        HEAD + "ablate:\n  model.x: []\n  model.y:\n  model.z: {min: 1, max: 2}\n  'a b': [1]\n"
        "  no_history: {histry: 1}\n"
        "  named: {model.width: {range: [1, 2, 3]}}\n  model.h: [{as: 3, value: 1}]",
        [
            "a.yaml:4:12  ablate.model.x: an axis needs at least one value  [empty-axis]",
            "a.yaml:5:11  ablate.model.y: the axis has no values; write a list, or leave the key out  [empty-axis]",
            "a.yaml:6:12  ablate.model.z: these keys make no value form; the forms are {values: [...]}, "
            "{min: A, max: B, count: N}, {log: [A, B], count: N}, {range: [START, STOP, STEP]}  [bad-value]",
            "a.yaml:7:3  ablate.a b: 'a b' is not a field path such as model.width  [unknown-path]",
            "a.yaml:8:16  ablate.no_history.histry: a variant with a name holds field paths such as model.width, and "
            "histry is neither a dotted path nor a top-level key of base; known: model, optimizer  [unknown-path]",
            "a.yaml:9:24  ablate.named.model.width: a value form makes an axis, and here model.width takes one value; "
            "write the value itself  [bad-value]",
            "a.yaml:10:18  ablate.model.h: a name is a text that is not empty, got the number 3  [bad-value]",
        ],
    ),
    "zip lengths": (
        HEAD + "zip:\n  size: {model.width: [64, 128], model.heads: [2, 4, 8]}\n  model.heads: [2, 4]",
        [
            "a.yaml:4:9  zip.size: model.width has 2 values, model.heads has 3  [zip-length]",
            "a.yaml:5:3  zip.model.heads: each group of zip has a name: write zip: {NAME: {model.width: [...], "
            "model.heads: [...]}}  [bad-value]",
        ],
    ),
    "one path, two axes": (
        HEAD + "grid: {model.width: [1, 2]}\nzip: {size: {model.width: [3, 4]}}",
        [
            "a.yaml:4:14  zip.size.model.width: two axes of the same product set this path; keep one  [bad-value]\n"
            "    a.yaml:3:8  the other axis"
        ],
    ),
    "across": (
        HEAD + "across: {model.width: [1, 2]}\nablate: {model: [mlp]}\nexclude: [{model.width: 2}]",
        [
            "a.yaml:4:10  ablate.model: `across` sets model.width, so a variant cannot; take it out of one of the two"
            "  [bad-value]\n    a.yaml:3:10  across sets it here",
            "a.yaml:5:12  exclude[0]: `across` sets model.width, and a variant is in every context or in none; use "
            "fields that no context changes  [not-supported]",
        ],
    ),
    "when": (
        HEAD + "when:\n  - {if: {model.kind: mlp}, grd: 1}",
        [
            "a.yaml:4:5  when[0]: no key grid here; write {if: {PATH: VALUE}, grid: {PATH: [...]}}  [missing-field]",
            "a.yaml:4:29  when[0].grd: no such key; did you mean grid?  [unknown-key]",
        ],
    ),
    "conditions": (
        HEAD + "exclude: ['model.width = 2', 'open(1)', {}, 4]",
        [
            "a.yaml:3:11  exclude[0]: 'model.width = 2' is not an expression: write `==` to compare  [bad-expression]",
            "a.yaml:3:30  exclude[1]: `open(1)` is not allowed; an expression has numbers, texts, field paths, "
            "+ - * / // % **, comparisons, in, and, or, not  [bad-expression]",
            "a.yaml:3:41  exclude[2]: an empty condition would match every variant; name the fields that decide"
            "  [bad-value]",
            "a.yaml:3:45  exclude[3]: expected a mapping of fields to values or an expression in quotes, got the "
            "number 4  [wrong-type]",
        ],
    ),
    "fields of conditions": (
        HEAD + "ablate: {model.width: [1]}\nexclude: ['model.heads == four', {model.wdth: 3}]",
        [
            "a.yaml:4:11  exclude[0]: four is set neither in base nor by an axis (a component's default does not count,"
            " and a text needs quotes); known: model, model.heads, model.kind, model.width, ...  [unknown-path]",
            "a.yaml:4:35  exclude[1]: model.wdth is set neither in base nor by an axis (a component's default does not "
            "count, and a text needs quotes); did you mean model.width?  [unknown-path]",
        ],
    ),
    "expressions that fail": (
        HEAD + "ablate: {model.width: [0]}\n"
        "exclude: [\"model.kind > 2\", 'model.width', 'model.heads / model.width > 1']",
        [
            "a.yaml:4:11  exclude[0]: it needs a number where it has the text 'gpt' (variant width=0)"
            "  [bad-expression]",
            "a.yaml:4:29  exclude[1]: it gives the number 0, not true or false; compare it with something "
            "(variant width=0)  [bad-expression]",
            "a.yaml:4:44  exclude[2]: it cannot be worked out: division by zero (variant width=0)  [bad-expression]",
        ],
    ),
    "a path through a number": (
        HEAD + "ablate: {model.width.x: [1]}",
        [
            "a.yaml:3:10  ablate.model.width.x: model.width is the number 64, which has no field 'x'  [unknown-path]",
        ],
    ),
    "a conditional axis that exists already": (
        HEAD + "grid: {model.width: [1, 2]}\nwhen: [{if: {model.width: 2}, grid: {model.width: [3]}}]",
        [
            "a.yaml:4:38  when[0].grid.model.width: this axis belongs to variants that already have one for the same "
            "path; keep one  [bad-value]"
        ],
    ),
    "two variants with one name": (
        HEAD + "ablate: {wide: {model.width: 128}}\ninclude: [{label: wide, model.width: 256}]",
        [
            "a.yaml:4:11  include[0]: two different variants are called 'wide'; give one of them another name"
            "  [duplicate-label]\n    a.yaml:3:10  the other one"
        ],
    ),
    "a name for a variant that was not kept": (
        HEAD + "ablate: {wide: {model.width: 128}, big: {model.width: 128}}\ninclude: [{label: big, model.width: 256}]",
        [
            "a.yaml:3:36  ablate.big: two different variants are called 'big'; give one of them another name"
            "  [duplicate-label]"
        ],
    ),
    "the name base": (
        HEAD + "include: [{label: base, model.width: 3}]",
        ["a.yaml:3:19  include[0].label: the name 'base' is taken by the baseline; choose another  [bad-value]"],
    ),
    "too many variants": (
        HEAD + "grid: {model.a: &x {min: 1, max: 9999, count: 9999}, model.b: *x}",
        ["a.yaml:3:1  grid: the product has 99,980,001 members, more than 1,000,000; use fewer values or `ablate`"
         "  [too-large]"],
    ),
    "extends": (HEAD + "extends: none.yaml", [
        "a.yaml:3:10  extends: cannot read none.yaml: no such file or directory; check the path  [file-not-found]"
    ]),
    "extends itself": (HEAD + "extends: ./a.yaml", [
        "a.yaml:3:10  extends: the files extend each other in a circle: a.yaml -> a.yaml  [circular-extends]"
    ]),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES)
def test_every_mistake_is_shown_with_its_place_and_repair(write: Write, text: str, expected: list[str]) -> None:
    name = write(text)
    with pytest.raises(GridError) as caught:
        expand(load(name))
    assert str(caught.value).split("\na.yaml") == "\n".join(expected).split("\na.yaml")

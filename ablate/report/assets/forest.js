// The forest plots follow the order and the filter of the table.
const FOREST_ROWS = 30;
const wholeSwitch = one('#whole');
const everySwitch = one('#every');

function forestOrder(context) {
  const wanted = shown().map(row => data.ranking[Number(row.dataset.row)]).filter(row => row.context === context);
  return wanted.map(row => row.variant);
}

/** The label of each variant: shorter on a narrow screen, and never the same for two. */
function forestNames(list) {
  const used = new Set();
  return new Map(list.map(row => {
    let name = narrow.matches ? squeeze(row.name, 16) : row.name;
    for (let number = 2; used.has(name); number += 1) name = `${squeeze(row.name, 12)} (${number})`;
    used.add(name);
    return [row.variant, name];
  }));
}

function drawForest(chart) {
  const inside = forestNames(chart.data.rows);
  let order = forestOrder(chart.context).filter(variant => inside.has(variant));
  if (everySwitch && !everySwitch.checked) order = order.slice(0, FOREST_ROWS);
  const kept = new Set(order);
  const only = list => list.filter(row => kept.has(row.variant)).map(row => ({ ...row, name: inside.get(row.variant) }));
  const whole = wholeSwitch && wholeSwitch.checked;
  const spec = clone(chart.spec);
  spec.height *= order.length / chart.data.rows.length;
  spec.datasets = {
    rows: only(chart.data.rows),
    seeds: only(chart.data.seeds),
    away: whole ? [] : only(chart.data.away),
    margin: chart.data.margin,
    zero: chart.data.zero,
  };
  setScales(spec, {
    x: { domain: whole ? chart.whole : chart.close, nice: false, zero: false },
    y: { domain: order.map(variant => inside.get(variant)) },
  });
  for (const layer of spec.layer) {
    if (layer.encoding && layer.encoding.y && layer.encoding.y.axis) {
      layer.encoding.y.axis.labelLimit = narrow.matches ? 124 : 260;
    }
    if (narrow.matches && layer.encoding && layer.encoding.x && layer.encoding.x.axis) {
      layer.encoding.x.axis.tickCount = 4;
    }
  }
  const host = document.getElementById('forest-' + chart.number);
  host.parentElement.hidden = order.length === 0;
  return order.length ? draw('forest-' + chart.number, spec) : Promise.resolve();
}

function orderForests() {
  return Promise.all(data.forests.map(drawForest));
}

if (wholeSwitch) {
  one('#whole-switch').hidden = !data.forests.some(chart => chart.data.away.length > 0);
  one('#every-switch').hidden = !data.forests.some(chart => chart.data.rows.length > FOREST_ROWS);
  wholeSwitch.addEventListener('change', orderForests);
  everySwitch.addEventListener('change', orderForests);
}

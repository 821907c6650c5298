// Charts of tuning and confirmation, and their downloads: only on pages that have them.
const selection = data.selection;

function drawTuned(chart) {
  const spec = clone(chart.spec);
  spec.datasets = chart.data;
  return draw(chart.id, spec);
}

function drawBoth(chart) {
  const spec = clone(chart.spec);
  const named = rows => rows.map(row => (narrow.matches && row.short ? { ...row, name: row.short } : row));
  spec.datasets = Object.fromEntries(Object.entries(chart.data).map(([name, rows]) => [name, named(rows)]));
  setScales(spec, { y: { domain: spec.datasets.rows.map(row => row.name) } });
  for (const layer of spec.layer) {
    const { x, y } = layer.encoding;
    if (y && y.axis) y.axis.labelLimit = narrow.matches ? 124 : 260;
    if (narrow.matches && x && x.axis) x.axis.tickCount = 4;
  }
  return draw(chart.id, spec);
}

function drawSelection() {
  return Promise.all([...selection.tuned.map(drawTuned), ...selection.both.map(drawBoth)]);
}

function tuningCsv() {
  const tuning = selection.tuning;
  const head = ['context', 'variant', ...tuning.axes, `mean ${tuning.metric} (${tuning.at})`, 'seeds', 'chosen', 'fresh'];
  return toCsv([head, ...tuning.rows.flatMap(row => tuning.settings.map((values, place) => {
    const isChosen = place === row.chosen;
    return [row.context, row.variant, ...values, row.means[place], row.n[place], isChosen ? 'yes' : 'no', isChosen ? row.fresh : null];
  }))]);
}

tables.tuning = tuningCsv;
tables.confirmation = () => rankingCsv(selection.confirmation);
narrow.addEventListener('change', drawSelection);
drawSelection();

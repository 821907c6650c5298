// Diagnostics: a chart for each quantity. It is drawn when it comes near the window; until then its picture stands.
const readings = new Map(data.diagnostics.charts.map(chart => [chart.id, chart]));
const picked = selector => { const select = one(selector); return select ? select.value : '0'; };

/** The rows of the chart's data for what is chosen: as in `charts/diagnostics.py`. */
function readingRows(chart, choice) {
  if (!choice) return [];
  if (chart.kind === 'lines') {
    return choice.rows.flatMap(([place, n, values]) => values.flatMap(
      (y, at) => y === null ? [] : [{ ...data.diagnostics.looks[place], n, s: chart.steps[at], y }]));
  }
  return choice.rows.flatMap(([place, first, shares]) => shares.flatMap(
    (share, at) => share ? [{ ...chart.bins[first + at], n: choice.n, s: chart.steps[place], share }] : []));
}

function drawReading(id) {
  const chart = readings.get(id);
  const spec = clone(chart.spec);
  const parts = [picked('#inside-context'), picked(`select[data-layer="${id}"]`)];
  if (chart.kind === 'bins') parts.push(picked('#inside-variant'));
  const choice = chart.choices[parts.join(' ')];
  const rows = readingRows(chart, choice);
  if (chart.kind === 'lines') {
    spec.datasets = { points: rows };
    const { log, domain } = choice || {};
    if (choice) setScales(spec, { y: log ? { type: 'log', domain } : { domain, nice: false, zero: false } });
  } else {
    spec.datasets = { cells: rows };
  }
  one(`[data-nothing="${id}"]`).hidden = rows.length > 0;
  one(`[data-far="${id}"]`).hidden = !(choice && choice.cut);
  return draw(id, spec);
}

const comesNear = new IntersectionObserver(entries => {
  for (const entry of entries) {
    if (entry.isIntersecting) {
      comesNear.unobserve(entry.target);
      drawReading(entry.target.id);
    }
  }
}, { rootMargin: '600px 0px' });
for (const id of readings.keys()) comesNear.observe(document.getElementById(id));

for (const select of all('select[data-layer], #inside-context, #inside-variant')) {
  select.addEventListener('change', () => {
    const chosen = select.selectedOptions[0].textContent;
    for (const copy of all(`[data-shows="${select.dataset.layer || select.id}"]`)) copy.textContent = chosen;
    for (const id of readings.keys()) if ([id, undefined].includes(select.dataset.layer)) drawReading(id);
    say(`${select.dataset.what}: ${chosen}`);
  });
}

// The charts of factors, cost and seeds. Each is drawn when it comes near the window; until then its picture stands.
const studies = new Map(data.studies.map(chart => [chart.id, chart]));
const seen = new Set();

/** The labels of the vertical axis as they are on a narrow screen. */
function shorten(spec, short) {
  const text = label => short[label] || label;
  for (const [name, rows] of Object.entries(spec.datasets)) {
    spec.datasets[name] = rows.map(row => ({ ...row, ...(row.name && { name: text(row.name) }), ...(row.row && { row: text(row.row) }) }));
  }
  for (const layer of spec.layer) {
    const y = layer.encoding.y;
    if (y && y.scale && y.type === 'nominal') y.scale = { ...y.scale, domain: y.scale.domain.map(text) };
  }
}

function drawStudy(id) {
  const chart = studies.get(id);
  const host = document.getElementById(id);
  const spec = clone(chart.spec);
  const select = one(`select[data-chart="${id}"]`);
  const choice = chart.choices[select ? Number(select.value) : 0];
  spec.datasets = choice ? choice.data : chart.data;
  if (choice) {
    const plain = { nice: false, zero: false };
    setScales(spec, {
      x: { type: choice.log ? 'log' : 'linear', domain: choice.domain, nice: false },
      y: { ...plain, domain: choice.y },
    });
  }
  const limit = narrow.matches ? 116 : 240;
  const cells = chart.columns ? spec.datasets.cells : [];
  const widest = 7 * Math.max(0, ...cells.map(cell => cell.text.length)) + 4;
  const fits = chart.columns ? (host.clientWidth - limit) / chart.columns >= widest : !(narrow.matches && chart.choices.length);
  if (!fits) spec.layer = spec.layer.filter(layer => layer.name !== 'numbers');
  if (narrow.matches) shorten(spec, chart.short);
  for (const layer of spec.layer) {
    const { x, y } = layer.encoding;
    if (x && x.axis && choice) x.axis.title = choice.title;
    if (x && x.axis && narrow.matches && x.axis.tickCount) x.axis.tickCount = 4;
    if (y && y.axis && y.axis.labelLimit) y.axis.labelLimit = limit;
  }
  seen.add(id);
  return draw(id, spec);
}

const near = new IntersectionObserver(entries => {
  for (const entry of entries) {
    if (entry.isIntersecting) {
      near.unobserve(entry.target);
      drawStudy(entry.target.id);
    }
  }
}, { rootMargin: '600px 0px' });
for (const id of studies.keys()) near.observe(document.getElementById(id));

for (const select of all('select[data-chart]')) {
  select.addEventListener('change', () => {
    drawStudy(select.dataset.chart);
    say(`Cost: ${select.selectedOptions[0].textContent}`);
  });
}
narrow.addEventListener('change', () => { for (const id of seen) drawStudy(id); });

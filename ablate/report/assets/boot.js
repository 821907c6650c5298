// Draw everything once, and again when the page crosses the width at which labels move.
function drawAll() {
  const work = [orderForests(), drawCurves()];
  if (data.reference) {
    const spec = clone(data.reference.spec);
    spec.datasets = { ...data.reference.data };
    if (narrow.matches) {
      setScales(spec, { x: { domain: [-1.35, 2.35], nice: false, zero: false } });
      spec.datasets.slopes = spec.datasets.slopes.map(row => ({ ...row, name: squeeze(row.name, 10) }));
    }
    work.push(draw('slopes', spec));
  }
  return Promise.all(work);
}

narrow.addEventListener('change', drawAll);
unpack().then(drawAll).then(() => { window.__ready = true; });

// On paper the charts are drawn for the width of the sheet, so that their text keeps its size.
const SHEET = 930;
window.addEventListener('beforeprint', () => {
  for (const [id, view] of shownViews) {
    const share = Number(document.getElementById(id).dataset.share || 1);
    view.width(['curve', 'difference'].includes(id) ? SHEET / 2 - 12 : id === 'slopes' ? SHEET / 2 : SHEET * share).run();
  }
});
window.addEventListener('afterprint', () => window.dispatchEvent(new Event('resize')));

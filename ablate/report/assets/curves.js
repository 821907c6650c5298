// Curves of the chosen variants, and their paired differences from the baseline.
const curves = data.curves;
const numberOf = new Map(curves ? curves.variants.map((variant, index) => [variant, index]) : []);
const chosen = [];
const state = { metric: curves && curves.metrics[0], context: curves && curves.contexts[0] };

// In a large page the numbers of all curves are one compressed blob; those of a panel are read when it is wanted.
let numbers = null;
const whole = new Map();

async function unpack() {
  if (!curves || !curves.packed) return;
  const bytes = Uint8Array.from(atob(curves.packed), sign => sign.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate'));
  numbers = new Uint8Array(await new Response(stream).arrayBuffer());
}

function unpackedLine([offset, length, low, high]) {
  return Array.from({ length }, (_, place) => {
    const value = numbers[offset + place] + 256 * numbers[numbers.length / 2 + offset + place];
    return value === 65535 ? null : Number((low + (high - low) * value / 65534).toPrecision(6));
  });
}

/** The curves of one variant in a panel, as lists of numbers. */
function seriesOf(panel, index) {
  const source = panel.series[index];
  if (!source || !numbers) return source;
  if (!whole.has(source)) {
    const part = packed => ({
      ...packed,
      ...(packed.runs && { runs: Object.fromEntries(Object.entries(packed.runs).map(([seed, line]) => [seed, unpackedLine(line)])) }),
      ...(packed.mean && { mean: unpackedLine(packed.mean), low: unpackedLine(packed.low), high: unpackedLine(packed.high) }),
    });
    whole.set(source, { ...part(source), apart: part(source.apart) });
  }
  return whole.get(source);
}

const isBase = index => curves.variants[index] === curves.baseline;

/** Slot of a variant among the colours; the baseline has none. A slot becomes free when its variant is removed. */
const slots = new Map();
function slotOf(index) {
  if (!slots.has(index)) {
    const taken = new Set(slots.values());
    let slot = 0;
    while (taken.has(slot)) slot += 1;
    slots.set(index, slot);
  }
  return slots.get(index);
}
const colorOf = index => (isBase(index) ? 'var(--ink)' : data.series[slotOf(index) % data.series.length]);
const dashOf = index => (isBase(index) || slotOf(index) < data.series.length ? [1, 0] : [6, 3]);

function choose(index, on) {
  const place = chosen.indexOf(index);
  if (on && place < 0) {
    chosen.push(index);
    if (!isBase(index)) slotOf(index);
  }
  if (!on && place >= 0) {
    chosen.splice(place, 1);
    slots.delete(index);
  }
}

function figure(value) {
  return Number(value).toPrecision(4).replace('-', '\u2212');
}

/** What the x axis counts: steps, or something of which a variant has so much in every step. */
const axisNow = () => curves.axes[Number(one('#x-axis').value)];
const perStep = index => (axisNow().each ? axisNow().each[state.context][index] : 1);

/** Means of the values around each, as many before as after it: at the ends fewer, so that both ends stay. */
function smoothed(values, share) {
  const reach = Math.max(1, Math.round(share * values.length / 2));
  return values.map((value, place) => {
    const side = Math.min(reach, place, values.length - 1 - place);
    const around = values.slice(place - side, place + side + 1).filter(item => item !== null);
    return value === null ? null : around.reduce((sum, item) => sum + item, 0) / around.length;
  });
}

/** Rows of the named data for one panel; `apart` takes the differences from the baseline. */
function curveRows(apart, logX, logY) {
  const out = { bands: [], seeds: [], means: [], points: [], labels: [], zero: [] };
  const panel = curves.panels.find(item => item.metric === state.metric && item.context === state.context);
  if (!panel) return out;
  const share = Number(one('#smooth').value);
  const fits = (step, ...values) => (!logX || step > 0) && values.every(y => y !== null && y !== undefined && (!logY || y > 0));
  for (const index of chosen) {
    const series = seriesOf(panel, index);
    const scale = perStep(index);
    if (!series || !scale || (apart && isBase(index))) continue;
    const source = apart ? series.apart : series;
    const base = { v: curves.variants[index], name: curves.names[index], c: colorOf(index), dash: dashOf(index) };
    const runs = Object.entries(source.runs || {});
    const seedCount = Object.keys(series.runs).length;
    let last = null;
    const line = (target, values, run, text) => {
      const smooth = share && target === out.means ? smoothed(values, share) : values;
      values.forEach((y, place) => {
        const step = panel.steps[place];
        if (!fits(step, y)) return;
        const row = { ...base, s: step * scale, step, y, run: `${index} ${run}` };
        target.push({ ...row, y: smooth[place] });
        if (smooth !== values) out.seeds.push({ ...row, run: row.run + ' as recorded' });
        if (text) {
          last = { ...row, text: text(place, y) };
          out.points.push(last);
        }
      });
    };
    if (source.mean) {
      line(out.means, source.mean, 'mean', (place, y) =>
        `${figure(y)} [${figure(source.low[place])}, ${figure(source.high[place])}], mean of ${seedCount} seeds`);
      source.low.forEach((low, place) => {
        if (fits(panel.steps[place], low, source.high[place])) {
          out.bands.push({ ...base, s: panel.steps[place] * scale, y: low, y2: source.high[place] });
        }
      });
    }
    const longest = Math.max(0, ...runs.map(run => run[1].length));
    const few = runs.length <= 5 || !source.mean || source.mean.length < longest;
    if (!apart || !source.mean) {
      for (const [seed, values] of runs) {
        if (source.mean && few) line(out.seeds, values, seed);
        else if (!source.mean) line(runs.length <= 2 ? out.means : out.seeds, values, seed, (place, y) => `${figure(y)}, seed ${seed}`);
      }
    }
    if (last) out.labels.push(last);
  }
  if (apart) {
    const drawnRows = [...out.means, ...out.seeds].map(row => row.s);
    const steps = drawnRows.length ? drawnRows : panel.steps.filter(step => !logX || step > 0);
    let ends = [Infinity, -Infinity];
    for (const step of steps) ends = [Math.min(ends[0], step), Math.max(ends[1], step)];
    if (steps.length) out.zero = ends.map(s => ({ s, y: 0 }));
  }
  return out;
}

/**
 * The lines that set the y axis: ordered by how far they reach from the middle, those after a gap of a factor of
 * three are left out, so that one diverging run does not flatten all others.
 */
function nearLines(lines) {
  const ys = lines.flatMap(line => line.ys).sort((a, b) => a - b);
  const middle = ys[Math.floor(ys.length / 2)];
  const order = lines
    .map(line => ({ line, reach: Math.max(...line.ys.map(y => Math.abs(y - middle))) }))
    .sort((a, b) => a.reach - b.reach);
  for (let i = Math.max(Math.ceil(order.length / 2), 3); i < order.length; i += 1) {
    if (order[i - 1].reach > 0 && order[i].reach > 3 * order[i - 1].reach) return order.slice(0, i).map(item => item.line);
  }
  return lines;
}

/** Domains of both axes; the y axis fits the last `share` of the steps. `cut`: something lies outside on purpose. */
function domains(data, logX, logY, share) {
  const drawnRows = [...data.means, ...data.seeds];
  const steps = [...drawnRows, ...data.zero].map(row => row.s);
  const x = steps.length ? [Math.min(...steps), Math.max(...steps)] : [0, 1];
  const from = x[1] - share * (x[1] - x[0]);
  const byRun = new Map();
  for (const row of drawnRows) {
    if (row.s < from) continue;
    if (!byRun.has(row.run)) byRun.set(row.run, { v: row.v, ys: [] });
    byRun.get(row.run).ys.push(row.y);
  }
  const every = Array.from(byRun.values());
  const near = share < 1 && every.length ? nearLines(every) : every;
  const far = new Set(every.filter(line => !near.includes(line)).map(line => line.v));
  const ys = [...data.zero.map(row => row.y), ...near.flatMap(line => line.ys)];
  for (const row of data.bands) if (row.s >= from && !far.has(row.v)) ys.push(row.y, row.y2);
  let low = Infinity;
  let high = -Infinity;
  for (const y of ys) { low = Math.min(low, y); high = Math.max(high, y); }
  if (!(low < high)) [low, high] = Number.isFinite(low) ? [low - 0.5 * (Math.abs(low) || 1), low + 0.5 * (Math.abs(low) || 1)] : [0, 1];
  const room = 0.05;
  const y = logY ? [low * (low / high) ** room, high * (high / low) ** room] : [low - room * (high - low), high + room * (high - low)];
  return { x, y, cut: far.size > 0 };
}

/** Move the labels at the line ends apart, at least one line of text from each other. */
function spread(labels, y, logY, height) {
  const up = logY ? Math.log : value => value;
  const down = logY ? Math.exp : value => value;
  const span = up(y[1]) - up(y[0]);
  const gap = 15;
  const places = labels
    .map(label => ({ label, at: Math.min(Math.max(height * (1 - (up(label.y) - up(y[0])) / span), 4), height - 4) }))
    .sort((a, b) => a.at - b.at);
  for (let i = 1; i < places.length; i += 1) places[i].at = Math.max(places[i].at, places[i - 1].at + gap);
  const over = places.length ? places[places.length - 1].at - (height - 4) : 0;
  if (over > 0) {
    places[places.length - 1].at -= over;
    for (let i = places.length - 2; i >= 0; i -= 1) places[i].at = Math.min(places[i].at, places[i + 1].at - gap);
  }
  return places.map(({ label, at }) => ({ ...label, y: down(up(y[0]) + span * (1 - at / height)) }));
}

/** What a panel shows now: its data, the ends of its axes, and how to make its specification. */
function panelOf(source, apart) {
  const logX = one('#log-x').checked;
  const logY = !apart && one('#log-y').checked;
  const rows = curveRows(apart, logX, logY);
  const { x, y, cut } = domains(rows, logX, logY, Number(one('#fit').value));
  one(apart ? '#difference-cut' : '#curve-cut').hidden = !cut;
  rows.labels = narrow.matches ? [] : spread(rows.labels.map(row => ({ ...row, s: x[1] })), y, logY, source.height);
  if (!apart) delete rows.zero;
  const signals = { x0: x[0], x1: x[1], y0: y[0], y1: y[1], focus: '' };
  const scale = (log, name) => ({
    ...(log ? { type: 'log' } : { zero: false }), nice: false, domain: [{ expr: name + '0' }, { expr: name + '1' }],
  });
  const make = () => {
    const spec = clone(source);
    const ends = Object.entries(signals).map(([name, value]) => ({ name, value }));
    spec.params = [...spec.params.filter(param => !(param.name in signals)), ...ends];
    setScales(spec, { x: scale(logX, 'x'), y: scale(logY, 'y') });
    for (const layer of spec.layer) {
      const axis = layer.encoding && layer.encoding.x && layer.encoding.x.axis;
      if (!axis) continue;
      delete axis.format;
      axis.labelExpr = "format(datum.value, x1 < 10 ? '~g' : x1 < 10000 ? ',d' : '~s')";
      axis.title = axisNow().title;
      axis.tickCount = narrow.matches ? 4 : 6;
    }
    spec.datasets = rows;
    return spec;
  };
  return { rows, signals, make, look: [logX, logY, narrow.matches, axisNow().title].join() };
}

const looks = new Map();

/** Draw a panel, or only put other data into it where its axes are of the same kind as before. */
function showPanel(id, source, apart) {
  const panel = panelOf(source, apart);
  if (looks.get(id) === panel.look) return refill(id, panel.signals, panel.rows);
  looks.set(id, panel.look);
  return draw(id, panel.make());
}

function drawCurves() {
  if (!curves) return Promise.resolve();
  const primary = state.metric === data.metric.name;
  one('#curve-caption').textContent = state.metric;
  one('#difference-caption').textContent = primary
    ? `Improvement of ${state.metric} over ${curves.baseline.slice(0, 60)}, same seed and step; positive is better`
    : `Difference of ${state.metric} from ${curves.baseline.slice(0, 60)}, same seed and step`;
  drawChips();
  return Promise.all([showPanel('curve', curves.spec, false), showPanel('difference', curves.difference, true)]);
}

function focusOn(variant) {
  for (const id of ['curve', 'difference']) {
    const view = shownViews.get(id);
    if (view) view.signal('focus', variant).runAsync();
  }
}

function drawChips() {
  const host = one('#chips');
  const active = document.activeElement && document.activeElement.dataset.index;
  host.replaceChildren(...chosen.map(index => {
    const name = curves.names[index];
    const swatch = element('i', { style: `--swatch:${colorOf(index)}`, class: dashOf(index)[1] ? 'dashed' : '' });
    const button = element('button', { type: 'button', class: 'chip', 'data-index': index, 'aria-label': `Remove ${name} from the curves` },
      swatch, element('bdi', {}, name), element('span', { 'aria-hidden': 'true', class: 'cross' }, '\u00d7'));
    button.addEventListener('click', () => { setCurve(index, false); });
    for (const type of ['mouseenter', 'focus']) button.addEventListener(type, () => focusOn(curves.variants[index]));
    for (const type of ['mouseleave', 'blur']) button.addEventListener(type, () => focusOn(''));
    return element('li', {}, button);
  }));
  const rest = curves.variants.map((name, index) => index).filter(index => !chosen.includes(index));
  if (rest.length) {
    const list = element('select', { 'aria-label': 'Add a variant to the curves' }, element('option', { value: '' }, 'Add a variant\u2026'),
      ...rest.map(index => element('option', { value: index }, curves.names[index])));
    list.addEventListener('change', () => { if (list.value !== '') setCurve(Number(list.value), true); });
    host.append(element('li', {}, list));
  }
  if (active !== undefined) {
    const again = one(`[data-index="${active}"]`, host) || one('button, select', host);
    if (again) again.focus();
  }
  for (const row of rows) {
    const index = numberOf.get(data.ranking[Number(row.dataset.row)].variant);
    const on = chosen.includes(index);
    const button = one('button.pick', row);
    const color = on ? colorOf(index) : '';
    if (button.getAttribute('aria-pressed') !== String(on)) button.setAttribute('aria-pressed', String(on));
    if (button.style.getPropertyValue('--swatch') !== color) button.style.setProperty('--swatch', color);
  }
}

function setCurve(index, on) {
  choose(index, on);
  say(`Curve of ${curves.names[index]} ${on ? 'shown' : 'hidden'}; ${chosen.length} shown`);
  return drawCurves();
}

function toggleCurve(row) {
  if (!curves) return;
  const index = curves.variants.indexOf(row.variant);
  const elsewhere = row.context !== state.context && curves.contexts.includes(row.context);
  if (elsewhere) {
    state.context = row.context;
    one('#context').value = row.context;
  }
  setCurve(index, !chosen.includes(index) || (elsewhere && chosen.includes(index)));
}

if (curves) {
  for (const variant of [curves.baseline, ...curves.default]) {
    const index = curves.variants.indexOf(variant);
    if (index >= 0) choose(index, true);
  }
  one('#metric').addEventListener('change', event => { state.metric = event.target.value; drawCurves(); });
  one('#context').addEventListener('change', event => { state.context = event.target.value; drawCurves(); });
  for (const id of ['log-x', 'log-y', 'fit', 'x-axis', 'smooth']) one('#' + id).addEventListener('change', drawCurves);
}

// Shared helpers, the colour scheme, copying and downloading.
const data = JSON.parse(document.getElementById('data').textContent);
const one = (selector, scope = document) => scope.querySelector(selector);
const all = (selector, scope = document) => Array.from(scope.querySelectorAll(selector));
const say = text => { one('#status').textContent = text; };
const clone = value => JSON.parse(JSON.stringify(value));

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// ---- charts ---------------------------------------------------------------------------------------------------
const drawn = new Map();
const shownViews = new Map();

/** Draw `spec` into the element `id`; drawings of one element follow each other. Resolves to the Vega view. */
function draw(id, spec) {
  const host = document.getElementById(id);
  const before = drawn.get(id) || Promise.resolve(null);
  const next = before.then(async previous => {
    const room = host.offsetHeight;
    host.style.minHeight = room + 'px';
    if (previous) previous.finalize();
    const result = await vegaEmbed(host, spec, {
      mode: 'vega-lite', ast: true, actions: false, renderer: 'svg', config: data.config,
      tooltip: { disableDefaultStyle: true },
    });
    host.style.minHeight = '';
    shownViews.set(id, result.view);
    return result;
  });
  drawn.set(id, next.catch(() => null));
  return next;
}

/** Put other data into a chart that is drawn; far quicker than drawing it anew. Resolves when it is shown. */
function refill(id, signals, datasets) {
  const next = drawn.get(id).then(async result => {
    if (!result) return null;
    const { view } = result;
    for (const [name, value] of Object.entries(signals)) view.signal(name, value);
    for (const [name, rows] of Object.entries(datasets)) view.data(name, rows);
    await view.runAsync();
    return result;
  });
  drawn.set(id, next.catch(() => null));
  return next;
}

/** Give every layer of a specification the same scales. */
function setScales(spec, scales) {
  for (const layer of spec.layer) {
    for (const [channel, scale] of Object.entries(scales)) {
      if (layer.encoding && layer.encoding[channel]) layer.encoding[channel].scale = scale;
    }
  }
}

/** Cut a text in the middle, because labels often differ only at the end. */
function squeeze(text, limit) {
  const signs = Array.from(text);
  if (signs.length <= limit) return text;
  const tail = Math.floor(limit / 2);
  return signs.slice(0, limit - tail - 1).join('') + '\u2026' + signs.slice(-tail).join('');
}

const narrow = window.matchMedia('(max-width: 640px)');

// ---- colour scheme --------------------------------------------------------------------------------------------
const dark = window.matchMedia('(prefers-color-scheme: dark)');
const schemeButton = one('#scheme');
schemeButton.addEventListener('click', () => {
  const now = document.documentElement.dataset.theme || (dark.matches ? 'dark' : 'light');
  const next = now === 'dark' ? 'light' : 'dark';
  document.documentElement.dataset.theme = next;
  try { localStorage.setItem('ablate-scheme', next); } catch (error) { /* storage is off */ }
  say(next + ' scheme');
});

// ---- copy and download ----------------------------------------------------------------------------------------
async function copy(text, button) {
  let done = true;
  try {
    await navigator.clipboard.writeText(text);
  } catch (error) {
    const area = element('textarea', { 'aria-hidden': 'true', class: 'unseen' });
    area.value = text;
    document.body.append(area);
    area.select();
    done = document.execCommand('copy');
    area.remove();
    button.focus();
  }
  const label = button.dataset.label || button.textContent;
  button.dataset.label = label;
  button.textContent = done ? 'Copied' : 'Not copied';
  say(done ? 'Copied' : 'The browser did not allow copying');
  clearTimeout(button.timer);
  button.timer = setTimeout(() => { button.textContent = label; }, 1600);
}

for (const button of all('[data-command]')) {
  button.addEventListener('click', () => copy(one('code', button.parentElement).textContent, button));
}

/** One CSV field. A text that a spreadsheet would run as a formula gets an apostrophe. */
function field(value) {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number') return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? "'" + value : String(value);
  return /[",\n\r]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
}

const toCsv = rows => rows.map(row => row.map(field).join(',')).join('\r\n') + '\r\n';

const RANKING = ['context', 'variant', 'rank', 'rank_low', 'rank_high', 'verdict', 'words', 'could_be_best', 'mean', 'sd',
  'n', 'improvement', 'low', 'high', 'p', 'p_adjusted', 'q', 'test', 'wins', 'paired', 'done', 'diverged', 'failed',
  'missing', 'parameters', 'step_ms', 'published'];

const rankingCsv = rows => toCsv([RANKING, ...rows.map(row => RANKING.map(name => {
  const value = row[name];
  return typeof value === 'boolean' ? (value ? 'yes' : 'no') : value;
}))]);

function scoresCsv() {
  const head = ['context', 'variant', 'seed', 'status', data.metric.name, 'improvement'];
  return toCsv([head, ...data.ranking.flatMap(row => row.seeds.map(
    ([seed, score, improvement, status]) => [row.context, row.variant, seed, status || 'not finished', score, improvement]))]);
}

function curvesCsv() {
  const rows = [['metric', 'context', 'variant', 'seed', 'step', 'value']];
  for (const panel of data.curves.panels) {
    for (const index of Object.keys(panel.series)) {
      for (const [seed, values] of Object.entries(seriesOf(panel, index).runs)) {
        values.forEach((value, place) => {
          if (value !== null) {
            rows.push([panel.metric, panel.context, data.curves.variants[index], Number(seed), panel.steps[place], value]);
          }
        });
      }
    }
  }
  return toCsv(rows);
}

function download(name, text) {
  const address = URL.createObjectURL(new Blob(['\ufeff' + text], { type: 'text/csv;charset=utf-8' }));
  const link = element('a', { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

const tables = { ranking: () => rankingCsv(data.ranking), scores: scoresCsv, curves: curvesCsv };
for (const button of all('[data-download]')) {
  const what = button.dataset.download;
  button.addEventListener('click', () => download(`${data.grid.replace(/[^\w.-]+/g, '-').slice(0, 60)}-${what}.csv`, tables[what]()));
}

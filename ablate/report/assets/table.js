// The ranking: sorting, filtering, copying.
const ranking = one('table.ranking');
const rows = all('tr[data-row]', ranking);
const isBaseline = row => row.classList.contains('baseline');
const shown = () => all('tr[data-row]', ranking).filter(row => !row.hidden);

function keyOf(row, column) {
  const text = one('.' + column + '[data-sort]', row).dataset.sort;
  return text === '' ? null : text;
}

function compare(a, b, numeric) {
  return numeric ? Number(a) - Number(b) : a.localeCompare(b, 'en', { numeric: true });
}

function sortBy(header, direction) {
  const column = header.dataset.column;
  const numeric = header.classList.contains('numeric');
  for (const body of ranking.tBodies) {
    const inside = all('tr[data-row]', body).map((row, place) => ({ row, place, key: keyOf(row, column) }));
    inside.sort((a, b) => {
      if (isBaseline(a.row) !== isBaseline(b.row)) return isBaseline(a.row) ? -1 : 1;
      if ((a.key === null) !== (b.key === null)) return a.key === null ? 1 : -1;
      const order = a.key === null ? 0 : compare(a.key, b.key, numeric) * direction;
      return order || a.place - b.place;
    });
    body.append(...inside.map(item => item.row));
  }
  for (const other of all('th[aria-sort]', ranking)) {
    other.setAttribute('aria-sort', other !== header ? 'none' : direction > 0 ? 'ascending' : 'descending');
  }
  say(`Sorted by ${one('button span', header).textContent}, ${direction > 0 ? 'ascending' : 'descending'}`);
  orderForests();
}

// Columns in which the interesting end is the large one start descending.
const DESCENDING = new Set(['effect', 'wins', 'n']);
for (const header of all('th[aria-sort]', ranking)) {
  one('button', header).addEventListener('click', () => {
    const now = header.getAttribute('aria-sort');
    const first = DESCENDING.has(header.dataset.column) ? -1 : 1;
    sortBy(header, now === 'none' ? first : now === 'ascending' ? -1 : 1);
  });
}

const filter = one('#filter');
const texts = new Map(rows.map(row => [row, ['.variant', '.verdict'].map(name => one(name, row).textContent).join(' ').toLowerCase()]));
const others = rows.filter(row => !isBaseline(row));

const tierChips = all('.tiers [data-kind]');
const pressed = kind => tierChips
  .filter(chip => chip.dataset.kind === kind && chip.getAttribute('aria-pressed') === 'true')
  .map(chip => chip.dataset.value);

function applyFilter() {
  const wanted = filter.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
  const tiers = pressed('tier');
  const paths = pressed('path');
  const some = wanted.length + tiers.length + paths.length > 0;
  for (const row of others) {
    const record = data.ranking[Number(row.dataset.row)];
    row.hidden = !(wanted.every(word => texts.get(row).includes(word))
      && (!tiers.length || tiers.includes(record.verdict) || (record.could_be_best && tiers.includes('could be best')))
      && (!paths.length || paths.some(path => path in record.changes)));
  }
  const left = others.filter(row => !row.hidden).length;
  one('#count').textContent = some ? `${left} of ${others.length}` : '';
  one('#no-match').hidden = left > 0 || others.length === 0;
  if (some) say(`${left} of ${others.length} variants`);
  orderForests();
}

for (const chip of tierChips) {
  chip.addEventListener('click', () => {
    chip.setAttribute('aria-pressed', String(chip.getAttribute('aria-pressed') !== 'true'));
    applyFilter();
  });
}

const withQ = one('#show-q');
withQ.addEventListener('change', () => ranking.classList.toggle('no-q', !withQ.checked));

let waiting = 0;
filter.addEventListener('input', () => {
  clearTimeout(waiting);
  waiting = setTimeout(applyFilter, 120);
});
filter.addEventListener('keydown', event => {
  if (event.key === 'Escape') {
    filter.value = '';
    applyFilter();
  }
});

/** The rows that are shown, as texts: titles, which columns are numbers, and cells. */
function cells() {
  const heads = all('th[data-column]', ranking)
    .filter(head => head.dataset.column !== 'seeds' && (withQ.checked || head.dataset.column !== 'q'));
  const contexts = ranking.tBodies.length > 1;
  const title = head => {
    const note = one('small', head);
    return one('span', head).textContent + (note && head.dataset.column !== 'variant' ? ` (${note.textContent})` : '');
  };
  const text = (record, row, column) => {
    if (column === 'variant') return record.variant;
    if (column === 'verdict') return record.words + (record.could_be_best ? ', could be best' : '');
    const cell = one('td.' + column, row);
    const sub = one('small', cell);
    return one('.value', cell).textContent + (sub ? ` (${sub.textContent})` : '');
  };
  const plain = line => line.map(cell => cell.replace(/\s+/g, ' ').trim());
  return {
    titles: plain([...(contexts ? ['Context'] : []), ...heads.map(title)]),
    numeric: [...(contexts ? [false] : []), ...heads.map(head => head.classList.contains('numeric'))],
    rows: shown().map(row => {
      const record = data.ranking[Number(row.dataset.row)];
      return plain([...(contexts ? [record.context] : []), ...heads.map(head => text(record, row, head.dataset.column))]);
    }),
  };
}

function markdown() {
  const { titles, numeric, rows } = cells();
  const line = texts => '| ' + texts.map(text => text.replaceAll('|', '\\|')).join(' | ') + ' |\n';
  return line(titles) + line(numeric.map(is => (is ? '---:' : '---'))) + rows.map(line).join('');
}

function latex() {
  const { titles, numeric, rows } = cells();
  const sign = one => data.latex[one] || (one < '\x7f' || (one >= '\u00c0' && one <= '\u017e') ? one
    : `\\texttt{U+${one.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}}`);
  const set = text => text.split(/(?<=-)(?=-)/).map(part => [...part].map(sign).join('')).join('{}');
  const line = texts => texts.map(set).join(' & ') + ' \\\\\n';
  return '% needs \\usepackage{booktabs}\n\\begin{tabular}{' + numeric.map(is => (is ? 'r' : 'l')).join('') + '}\n\\toprule\n'
    + line(titles) + '\\midrule\n' + rows.map(line).join('') + '\\bottomrule\n\\end{tabular}\n';
}

const writers = { markdown, latex, csv: () => rankingCsv(shown().map(row => data.ranking[Number(row.dataset.row)])) };
for (const button of all('[data-copy]')) {
  button.addEventListener('click', () => copy(writers[button.dataset.copy](), button));
}

for (const row of rows) {
  row.addEventListener('click', event => {
    if (event.target.closest('button, a, input') || String(window.getSelection())) return;
    toggleCurve(data.ranking[Number(row.dataset.row)]);
  });
  one('button.pick', row).addEventListener('click', () => toggleCurve(data.ranking[Number(row.dataset.row)]));
}

// @ts-check
/* How the server is doing, looked at every two seconds while the page is open. */

troupe.widgets.status = (widget) => {
  const { h, fill, size, brief } = troupe;
  const place = /** @type {HTMLElement} */ (widget.element.firstElementChild);
  const facts = h('dl', { class: 'tr-facts' });
  const plots = h('div', { class: 'tr-plots' });
  const level = h('select', { 'aria-label': 'Level', onchange: draw }, ['info', 'warning', 'error'].map((name) => h('option', { value: name }, { info: 'Everything', warning: 'Warnings and errors', error: 'Errors' }[name])));
  const log = h('ol', { class: 'tr-log', tabindex: '0', 'aria-label': 'Log' });
  const memory = h('div', { class: 'tr-scroll' });
  place.append(facts, memory, plots, h('div', { class: 'tr-snippet-head' }, h('h3', {}, 'Log'), level), log);
  /** @type {any} */
  let status = null;

  async function look() {
    if (!document.hidden && place.offsetParent !== null) {
      status = await (await troupe.api('GET', '/api/status')).json().catch(() => null);
      draw();
    }
    setTimeout(look, 2000);
  }

  function draw() {
    if (!status) return;
    /** @param {string} name @param {string} text */
    const fact = (name, text) => h('div', {}, h('dt', {}, name), h('dd', {}, text));
    const current = status.engines.find((/** @type {any} */ one) => one.current);
    fill(facts,
      fact('State', status.state), fact('Engine', current?.title ?? 'none'), fact('Device', status.device || '–'),
      fact('Up for', span(status.up)), fact('Requests', `${status.spoken} spoken, ${status.failed} failed, ${status.cancelled} stopped`),
      fact('Requests now', `${status.open} open, ${status.waiting} sentences waiting`), fact('Narrations', String(status.narrations)),
      fact('Worker restarts', String(status.restarts)));
    fill(memory, parts());
    fill(plots,
      plot('First sound', 'After a request came', brief, status.recent.map((/** @type {any} */ one) => one.first_audio), null),
      plot('Real-time factor', 'Seconds of work for a second of sound; below 1 is faster than listening', (figure) => figure.toFixed(2), status.recent.map((/** @type {any} */ one) => one.real_time_factor), 1));
    const order = ['debug', 'info', 'warning', 'error', 'critical'];
    const lines = status.log.filter((/** @type {any} */ line) => order.indexOf(line.level) >= order.indexOf(level.value)).slice(-100).reverse();
    fill(log, ...(lines.length ? lines.map((/** @type {any} */ line) =>
      h('li', { class: line.level }, h('time', {}, new Date(line.at * 1000).toLocaleTimeString()), h('span', { class: 'tr-level' }, line.level), h('span', {}, line.text))) : [h('li', { class: 'tr-dim' }, 'Nothing of that level.')]));
  }

  /** Every process, where it computes and what it takes. */
  function parts() {
    const words = /** @type {Record<string, string>} */ ({ ready: 'beside', loading: 'loading', degraded: 'cannot speak', unloaded: 'not loaded' });
    const rows = status.engines.map((/** @type {any} */ one) => [one.title, one.current ? 'current' : words[one.state], one.device, one.memory]);
    const { device, memory: taken, preparing, problem } = status.rvc;
    if (device || preparing || problem) {
      rows.push(['Voice conversion (RVC)', preparing ? 'being prepared' : problem ? `could not be prepared: ${problem}` : 'running', device, taken]);
    }
    return h('table', { class: 'tr-table' },
      h('thead', {}, h('tr', {}, ['Engine', 'State', 'Device', 'Memory'].map((name) => h('th', { scope: 'col' }, name)))),
      h('tbody', {}, rows.map((/** @type {any[]} */ [name, state, device, held]) => h('tr', {}, h('td', {}, name), h('td', {}, state), h('td', {}, device || '–'),
        h('td', {}, Object.entries(held).map(([kind, bytes]) => `${size(/** @type {number} */ (bytes))} (${kind})`).join(', ') || '–')))));
  }

  /** @param {number} seconds */
  function span(seconds) {
    const minutes = Math.floor(seconds / 60);
    if (minutes < 1) return `${Math.floor(seconds)} s`;
    return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  }

  /** @param {string} title @param {string} about @param {(figure: number) => string} shown @param {number[]} values @param {number | null} limit */
  function plot(title, about, shown, values, limit) {
    const box = h('figure', { class: 'tr-plot' }, h('figcaption', {}, title, h('span', { class: 'tr-dim' }, about)));
    if (!values.length) return box.append(h('p', { class: 'tr-empty' }, 'Nothing was spoken yet.')), box;
    const sorted = [...values].sort((a, b) => a - b);
    const middle = sorted[Math.floor(sorted.length / 2)];
    const top = Math.max(...values, limit ?? 0, 0.001) * 1.1;
    const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    svg.setAttribute('viewBox', '0 0 300 90');
    svg.setAttribute('preserveAspectRatio', 'none');
    svg.setAttribute('role', 'img');
    svg.setAttribute('aria-label', `${title} of the last ${values.length} requests: median ${shown(middle)}, worst ${shown(sorted[sorted.length - 1])}`);
    /** @param {string} name @param {Record<string, any>} attributes */
    const draw = (name, attributes) => {
      const made = document.createElementNS('http://www.w3.org/2000/svg', name);
      for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
      svg.append(made);
    };
    const width = 300 / Math.max(values.length, 20);
    values.forEach((value, index) => draw('rect', { x: index * width + width * 0.15, width: width * 0.7, y: 90 - (value / top) * 90, height: (value / top) * 90, class: limit !== null && value > limit ? 'over' : '' }));
    if (limit !== null) draw('line', { x1: 0, x2: 300, y1: 90 - (limit / top) * 90, y2: 90 - (limit / top) * 90 });
    box.append(svg, h('p', { class: 'tr-dim' }, `Last ${shown(values[values.length - 1])} · median ${shown(middle)} · worst ${shown(sorted[sorted.length - 1])} · ${values.length} ${values.length === 1 ? 'request' : 'requests'}`));
    return box;
  }
  look();
};

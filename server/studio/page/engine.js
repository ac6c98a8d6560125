// @ts-check
/* An engine's state: load and unload it, install it, see what it is made of. */

troupe.widgets.engine = (widget) => {
  const { h, fill, badge, size, language } = troupe;
  troupe.live(widget, (value, place) => (value ? draw(value, place) : fill(place, h('p', { class: 'tr-dim' }, 'Looking…'))));

  /** @param {any} value @param {HTMLElement} place */
  function draw(value, place) {
    /** @param {string} text @param {string} action @param {string} [kind] @param {boolean} [disabled] */
    const button = (text, action, kind = '', disabled = false) =>
      h('button', { type: 'button', class: `tr-button ${kind}`, 'data-focus': action, 'data-do': action, disabled, onclick: () => widget.act({ do: action }) }, text);
    const busy = value.state === 'loading';
    const states = /** @type {Record<string, string[]>} */ ({
      ready: ['speaking now', 'good'], beside: ['loaded beside', 'good'], loading: ['loading', 'warn'], degraded: ['cannot speak', 'bad'], unloaded: ['not loaded', ''], other: ['not loaded', ''], missing: ['not installed', 'warn'] });
    const [word, kind] = states[value.state];
    const actions = [];
    if (value.state === 'missing' && !value.install.running) actions.push(button(value.download ? `Install, ${value.download} MB` : 'Install', 'install', 'primary', !value.install.possible));
    if (value.state === 'other') actions.push(button('Load', 'load', 'primary'));
    if (value.state === 'unloaded' || value.state === 'degraded') actions.push(button('Load', 'load', 'primary'));
    if (value.state === 'beside') actions.push(button('Make it the one that speaks', 'load', 'primary'));
    if (value.state === 'ready' || value.state === 'beside') actions.push(button('Unload', 'unload'));
    const locked = value.beside_source === 'environment' || value.beside_source === 'command line';
    if (value.state === 'other' && value.now && !value.beside && !locked) actions.push(button(`Use it beside ${value.now}`, 'beside'));
    if (value.beside) actions.push(locked ? badge(`beside: set by the ${value.beside_source}`, 'warn') : button(`No longer beside ${value.now}`, 'alone'));
    fill(place,
      h('div', { class: 'tr-engine-head' }, h('p', {}, value.description), badge(word, kind)),
      value.detail ? h('p', { class: `tr-notice ${value.state === 'degraded' ? 'bad' : 'info'}`, role: 'status' }, value.detail) : null,
      busy ? bar(value.fraction) : null,
      value.state === 'missing' && !value.install.possible ? h('p', { class: 'tr-notice info' }, value.install.how) : null,
      value.install.running || value.install.problem ? install(value.install, button) : null,
      h('div', { class: 'tr-actions' }, ...actions,
        value.devices.length > 1 ? h('label', { class: 'tr-inline' }, 'Device ', h('select', { 'data-focus': 'device', disabled: value.device_locked, onchange: (/** @type {any} */ e) => widget.act({ do: 'device', device: e.target.value }) },
          ['', ...value.devices].map((/** @type {string} */ device) => h('option', { value: device, selected: device === value.device_setting }, device || `as for all engines (${value.device_inherited})`)))) : null),
      h('dl', { class: 'tr-facts' },
        ...value.facts.map((/** @type {[string, string]} */ [name, text]) => h('div', {}, h('dt', {}, name), h('dd', {}, text))),
        h('div', {}, h('dt', {}, 'Languages'), h('dd', {}, value.languages.map(language).join(', ')))),
      value.weights.length ? weights(value.weights) : null);
  }

  /** @param {number | null} fraction */
  function bar(fraction) {
    const percent = fraction === null ? null : Math.round(fraction * 100);
    return h('div', { class: `tr-bar ${percent === null ? 'endless' : ''}`, role: 'progressbar', 'aria-label': 'Progress', 'aria-valuemin': 0, 'aria-valuemax': 100, ...(percent === null ? {} : { 'aria-valuenow': percent }) },
      h('span', { style: percent === null ? '' : `width: ${percent}%` }));
  }

  /** @param {any} held @param {(text: string, action: string) => any} button */
  function install(held, button) {
    return h('div', { class: 'tr-install' },
      held.problem ? h('p', { class: 'tr-notice bad', role: 'alert' }, held.problem) : null,
      held.running ? bar(held.fraction) : null,
      h('pre', { class: 'tr-log', tabindex: '0', 'aria-label': 'Log of the installation' }, held.lines.slice(-12).join('\n')),
      held.running ? button('Stop installing', 'stop') : null);
  }

  /** @param {any[]} files */
  function weights(files) {
    return h('div', { class: 'tr-scroll' }, h('table', { class: 'tr-table' },
      h('thead', {}, h('tr', {}, ['Weights', 'Size', 'Licence', 'SHA-256', 'On this machine'].map((name) => h('th', { scope: 'col' }, name)))),
      h('tbody', {}, files.map((file) => h('tr', {}, h('td', {}, file.name), h('td', {}, size(file.size)), h('td', {}, file.licence),
        h('td', {}, h('code', { class: 'tr-hash', title: file.sha256 }, file.sha256)), h('td', {}, file.there ? 'yes' : 'no, fetched when they are needed'))))));
  }
};

/* Which engine speaks, in the page's head. */
troupe.widgets.head = (widget) =>
  troupe.live(widget, (value, place) => {
    const { h, fill, badge } = troupe;
    const words = /** @type {Record<string, string[]>} */ ({ ready: ['ready', 'good'], loading: ['loading', 'warn'], degraded: ['cannot speak', 'bad'], unloaded: ['asleep', ''] });
    const [word, kind] = words[value?.state] ?? ['starting', 'warn'];
    fill(place,
      h('h1', {}, 'Troupe'),
      h('p', { class: 'tr-state', role: 'status' }, value ? `${value.title} on ${value.device || 'this machine'}` : 'Looking…', badge(word, kind),
        value?.state !== 'ready' && value?.detail ? h('span', { class: 'tr-dim' }, value.detail) : null),
      h('p', { class: 'tr-offline', role: 'alert' }, 'The server does not answer. What you see may be old.'));
  });

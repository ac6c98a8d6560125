// @ts-check
/* Settings as rows: each is saved when it is changed, and says where it comes from. */

troupe.widgets.form = (widget) => {
  const { h, fill, badge } = troupe;
  let wanted = '';
  troupe.live(widget, (value, place) => {
    if (!value) return fill(place, h('p', { class: 'tr-dim' }, 'Looking for the settings…'));
    draw(value, place);
  });

  /** @param {any} value @param {HTMLElement} place */
  function draw(value, place) {
    const search = h('input', { type: 'search', value: wanted, placeholder: 'Port, narrator, keep…', 'data-focus': 'search', oninput: (/** @type {any} */ e) => { wanted = e.target.value; sieve(place); } });
    fill(place,
      value.search ? h('div', { class: 'tr-tools' }, h('label', { class: 'wide' }, h('span', {}, 'Find a setting'), search)) : null,
      value.restart ? h('p', { class: 'tr-notice info' }, 'Some changes are in force after a restart of the server.') : null,
      ...value.sections.map((/** @type {any} */ section) =>
        h('fieldset', { class: 'tr-section' }, section.title ? h('legend', {}, section.title) : null, section.fields.map(row))),
      value.sections.every((/** @type {any} */ section) => !section.fields.length) ? h('p', { class: 'tr-empty' }, 'There is nothing to set here.') : null);
    sieve(place);
  }

  /** Hide what is not searched for. @param {HTMLElement} place */
  function sieve(place) {
    const words = wanted.trim().toLowerCase();
    for (const section of place.querySelectorAll('.tr-section')) {
      let any = false;
      for (const item of /** @type {NodeListOf<HTMLElement>} */ (section.querySelectorAll('.tr-setting'))) {
        item.hidden = Boolean(words) && !(item.textContent ?? '').toLowerCase().includes(words);
        any ||= !item.hidden;
      }
      /** @type {HTMLElement} */ (section).hidden = !any;
    }
  }

  /** @param {any} field */
  function row(field) {
    const id = `set-${widget.element.id}-${field.key}`;
    const locked = field.source === 'environment' || field.source === 'command line';
    const limits = field.low !== null && field.high !== null ? `${field.low} to ${field.high}` : '';
    return h('div', { class: `tr-setting ${field.problem ? 'refused' : ''}`, 'data-key': field.key },
      h('div', { class: 'tr-setting-text' },
        h('label', { for: id }, field.label), field.key.includes('.') ? h('code', {}, field.key) : null,
        h('p', { class: 'tr-dim', id: `${id}-about` }, [field.description, [limits, field.unit].filter(Boolean).join(' '), `Default: ${field.default_text}`].filter(Boolean).join('. ')),
        field.problem ? h('p', { class: 'tr-notice bad', role: 'alert' }, field.problem) : null),
      h('div', { class: 'tr-setting-value' },
        input(field, id, locked),
        locked ? badge(`set by the ${field.source}`, 'warn') : null,
        field.waits ? badge('after a restart', 'warn') : null,
        field.changed && !locked ? h('button', { type: 'button', class: 'tr-link', 'data-focus': `reset ${field.key}`, onclick: () => widget.act({ do: 'reset', key: field.key }) }, 'Reset') : null));
  }

  /** @param {any} field @param {string} id @param {boolean} locked @returns {any} */
  function input(field, id, locked) {
    /** @param {any} value */
    const send = (value) => widget.act({ do: 'set', key: field.key, value });
    const shared = { id, disabled: locked, 'data-focus': field.key, 'aria-describedby': `${id}-about` };
    if (field.kind === 'bool') {
      return h('input', { ...shared, type: 'checkbox', role: 'switch', checked: Boolean(field.value), onchange: (/** @type {any} */ e) => send(e.target.checked) });
    }
    if (field.choices.length) {
      const values = field.choices.includes(field.value) ? field.choices : [field.value, ...field.choices];
      return h('select', { ...shared, onchange: (/** @type {any} */ e) => send(e.target.value) },
        values.map((/** @type {string} */ choice) => h('option', { value: choice, selected: choice === field.value }, choice)));
    }
    const number = field.kind === 'int' || field.kind === 'float';
    const text = field.kind === 'list' ? field.value.join(', ') : String(field.value);
    return h('input', {
      ...shared, type: number ? 'number' : 'text', value: text, step: field.kind === 'int' ? '1' : 'any', min: field.low, max: field.high,
      onchange: (/** @type {any} */ e) => send(number ? Number(e.target.value) : e.target.value) });
  }
};

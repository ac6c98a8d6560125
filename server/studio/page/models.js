// @ts-check
/* Models of the Coqui library: find one by name, see its licence, fetch it. */

troupe.widgets.models = (widget) => {
  const { h, fill, badge, language } = troupe;
  let chosen = '';
  let accepted = '';

  troupe.live(widget, draw);

  /** @param {any} value @param {HTMLElement} place */
  function draw(value, place) {
    if (!value) return fill(place, h('p', { class: 'tr-dim' }, 'Looking for the list…'));
    if (value.problem) return fill(place, h('p', { class: 'tr-notice info' }, value.problem));
    const list = `${widget.element.id || 'library'}-list`;
    const model = value.models.find((/** @type {any} */ each) => each.name === chosen);
    const ready = model && !model.there && !value.busy && (!model.asks || accepted === chosen);
    fill(place,
      h('label', {}, h('span', {}, 'Model'),
        h('input', { type: 'text', list, value: chosen, placeholder: 'Write a language or a part of the name', spellcheck: false, autocomplete: 'off', 'data-focus': 'model',
          oninput: (/** @type {any} */ event) => choose(event.target.value.trim(), value, place) })),
      h('datalist', { id: list }, value.models.map((/** @type {any} */ each) =>
        h('option', { value: each.name }, `${each.languages.map(language).join(', ')} · ${each.licence}${each.there ? ' · on this machine' : ''}`))),
      model ? about(model, value, place) : null,
      h('div', { class: 'tr-actions' },
        h('button', { type: 'button', class: 'tr-button primary', 'data-focus': 'fetch', disabled: !ready, onclick: () => widget.act({ do: 'fetch', model: chosen, accepted: accepted === chosen }) }, 'Fetch')));
  }

  /** Redrawn only when what is written becomes a model's name, or is none any more: the list stays open meanwhile.
   * @param {string} name @param {any} value @param {HTMLElement} place */
  function choose(name, value, place) {
    const known = (/** @type {string} */ asked) => value.models.some((/** @type {any} */ each) => each.name === asked);
    const changes = known(name) || known(chosen);
    chosen = name;
    if (changes) draw(value, place);
  }

  /** @param {any} model @param {any} value @param {HTMLElement} place */
  function about(model, value, place) {
    return h('div', {},
      h('dl', { class: 'tr-facts' },
        h('div', {}, h('dt', {}, 'Licence'), h('dd', {}, model.licence)),
        h('div', {}, h('dt', {}, 'Languages'), h('dd', {}, model.languages.map(language).join(', '))),
        model.vocoder ? h('div', {}, h('dt', {}, 'Fetched with it'), h('dd', {}, model.vocoder)) : null),
      model.there ? badge('on this machine', 'good') : null,
      model.asks && !model.there ? h('label', { class: 'tr-check' },
        h('input', { type: 'checkbox', checked: accepted === model.name, 'data-focus': 'accept', onchange: (/** @type {any} */ event) => { accepted = event.target.checked ? model.name : ''; draw(value, place); } }),
        h('span', {}, `I have read the licence ${model.licence} and accept it`)) : null);
  }
};

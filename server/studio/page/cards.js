// @ts-check
/* Every voice as a card: filter, hear, compare two, rename, delete and bring back. */

troupe.widgets.cards = (widget) => {
  const { h, fill, badge, language, playButton, previewUrl } = troupe;
  const filter = { text: '', engine: '', language: '', gender: '', kind: '' };
  /** @type {string[]} */
  let compared = [];
  const tools = h('div', { class: 'tr-tools' });
  const versus = h('div', { class: 'tr-versus', 'aria-live': 'polite' });
  const count = h('p', { class: 'tr-dim', role: 'status' });
  const grid = h('ul', { class: 'tr-cards' });
  const trash = h('div', { class: 'tr-trash' });

  troupe.live(widget, (value, place) => {
    if (!place.hasChildNodes()) place.append(tools, versus, count, grid, trash);
    makeTools(value);
    draw();
  });

  /** Made anew only when there is something else to choose from; what was chosen is kept where it still can be.
   * @param {any} value */
  function makeTools(value) {
    const engines = value?.engines ?? [];
    const tags = [...new Set((value?.voices ?? []).flatMap((/** @type {any} */ voice) => voice.languages))].sort();
    const there = JSON.stringify([engines, tags]);
    if (tools.dataset.there === there) return;
    tools.dataset.there = there;
    if (engines.length < 2) filter.engine = '';
    /** @param {string} label @param {'engine'|'language'|'gender'|'kind'} key @param {[string, string][]} options */
    const choice = (label, key, options) => {
      if (!options.some(([id]) => id === filter[key])) filter[key] = '';
      return h('label', {}, h('span', {}, label), h('select', { 'data-focus': key, onchange: (/** @type {any} */ e) => { filter[key] = e.target.value; draw(); } },
        h('option', { value: '' }, 'All'), options.map(([id, text]) => h('option', { value: id, selected: id === filter[key] }, text))));
    };
    fill(tools,
      h('label', { class: 'wide' }, h('span', {}, 'Find'), h('input', { type: 'search', value: filter.text, placeholder: 'Name', 'data-focus': 'find', oninput: (/** @type {any} */ e) => { filter.text = e.target.value; draw(); } })),
      engines.length > 1 ? choice('Engine', 'engine', engines.map((/** @type {any} */ engine) => [engine.name, engine.title])) : null,
      choice('Language', 'language', tags.map((tag) => [tag, language(tag)])),
      choice('Gender', 'gender', [['female', 'Female'], ['male', 'Male'], ['neutral', 'Neutral']]),
      choice('Kind', 'kind', [['builtin', "The engine's own"], ['blend', 'Blends'], ['clone', 'Clones']]));
  }

  /** @param {any} voice */
  function engineOf(voice) {
    return widget.props.value.engines.find((/** @type {any} */ engine) => engine.name === voice.engine)?.title ?? voice.engine;
  }

  /** Two engines may have voices of the same name; the current one, which is the first, need not be said. @param {any} voice */
  function fullName(voice) {
    return voice.engine === widget.props.value.engines[0]?.name ? voice.name : `${voice.name} (${engineOf(voice)})`;
  }

  function draw() {
    const value = widget.props.value;
    if (!value) {
      fill(grid, ...Array.from({ length: 8 }, () => h('li', { class: 'tr-card tr-ghost', 'aria-hidden': 'true' })));
      count.textContent = 'Looking for the voices…';
      return;
    }
    if (value.problem) {
      count.textContent = '';
      fill(grid);
      fill(versus, h('p', { class: 'tr-notice info' }, value.problem));
      return;
    }
    const wanted = filter.text.trim().toLowerCase();
    const voices = value.voices.filter((/** @type {any} */ voice) =>
      (!wanted || `${voice.name} ${voice.id}`.toLowerCase().includes(wanted)) &&
      (!filter.engine || voice.engine === filter.engine) && (!filter.language || voice.languages.includes(filter.language)) &&
      (!filter.gender || voice.gender === filter.gender) && (!filter.kind || voice.kind === filter.kind));
    count.textContent = voices.length === value.voices.length ? `${voices.length} voices of ${value.engines.map((/** @type {any} */ engine) => engine.title).join(' and ')}` : `${voices.length} of ${value.voices.length} voices`;
    fill(grid, ...(voices.length ? voices.map(card) : [h('li', { class: 'tr-empty' }, 'No voice is like that. Clear the filter to see all.')]));
    drawVersus();
    fill(trash, ...(value.deleted.length ? [h('h3', {}, 'Deleted, can be brought back for a week'), h('ul', {}, ...value.deleted.map(deleted))] : []));
  }

  /** @param {any} voice */
  function card(voice) {
    const tags = voice.languages.length > 3 ? [...voice.languages.slice(0, 2).map(language), `${voice.languages.length - 2} more`] : voice.languages.map(language);
    const uses = [...voice.openai.map((/** @type {string} */ name) => badge(name, 'name')), ...voice.characters.map((/** @type {string} */ name) => badge(name, 'character'))];
    const own = voice.kind !== 'builtin';
    const chosen = compared.includes(voice.id);
    return h('li', { class: `tr-card ${chosen ? 'chosen' : ''}`, 'data-voice': voice.id },
      h('div', { class: 'tr-card-top' },
        playButton(`Play ${fullName(voice)}`, () => previewUrl(voice.id), { 'data-focus': `play ${voice.id}` }),
        h('div', {}, h('strong', {}, voice.name), h('span', { class: 'tr-dim tr-id' }, voice.id))),
      h('p', { class: 'tr-dim' }, [widget.props.value.engines.length > 1 ? engineOf(voice) : null, tags.join(', '), voice.gender, own ? voice.kind : null].filter(Boolean).join(' · ')),
      h('p', { class: 'tr-dim tr-licence' }, voice.licence),
      uses.length ? h('p', { class: 'tr-uses' }, h('span', { class: 'tr-dim' }, 'Used by '), ...uses) : null,
      widget.props.value.rvc.length ? conversion(voice, widget.props.value.rvc) : null,
      h('div', { class: 'tr-card-foot' },
        h('button', { type: 'button', class: 'tr-link', 'aria-pressed': String(chosen), 'data-focus': `compare ${voice.id}`, onclick: () => compare(voice.id) }, chosen ? 'Do not compare' : 'Compare'),
        own ? h('button', { type: 'button', class: 'tr-link', 'data-focus': `rename ${voice.id}`, onclick: () => rename(voice) }, 'Rename') : null,
        own ? h('button', { type: 'button', class: 'tr-link bad', 'data-focus': `delete ${voice.id}`, onclick: () => widget.act({ do: 'delete', id: voice.id }) }, 'Delete') : null));
  }

  /** Whom this voice is converted to, while RVC is on. @param {any} voice @param {string[]} choices */
  function conversion(voice, choices) {
    const known = !voice.rvc || choices.includes(voice.rvc) ? choices : [...choices, voice.rvc];
    return h('label', { class: 'tr-card-rvc' }, h('span', { class: 'tr-dim' }, 'RVC'),
      h('select', { 'data-focus': `rvc ${voice.id}`, onchange: (/** @type {any} */ e) => widget.act({ do: 'rvc', id: voice.id, rvc: e.target.value }) },
        h('option', { value: '', selected: !voice.rvc }, 'As set for all'),
        known.map((name) => h('option', { value: name, selected: name === voice.rvc }, name))));
  }

  /** @param {any} voice */
  function rename(voice) {
    const name = prompt(`A new name for ${voice.name}. Whoever uses the voice keeps it.`, voice.name);
    if (name !== null && name.trim() !== voice.name) widget.act({ do: 'rename', id: voice.id, name });
  }

  /** @param {any} voice */
  function deleted(voice) {
    return h('li', {}, h('span', { class: 'tr-line' }, voice.name),
      h('button', { type: 'button', class: 'tr-link', 'aria-label': `Bring back ${voice.name}`, onclick: () => widget.act({ do: 'restore', id: voice.id }) }, 'Bring back'));
  }

  /** @param {string} id */
  function compare(id) {
    compared = compared.includes(id) ? compared.filter((other) => other !== id) : [...compared, id].slice(-2);
    draw();
  }

  function drawVersus() {
    const known = widget.props.value.voices;
    compared = compared.filter((id) => known.some((/** @type {any} */ voice) => voice.id === id));
    const voices = compared.map((id) => known.find((/** @type {any} */ voice) => voice.id === id));
    if (!voices.length) return fill(versus);
    fill(versus, ...voices.flatMap((voice, index) => [
      index ? h('span', { class: 'tr-dim' }, 'or') : null,
      h('span', { class: 'tr-pair' }, playButton(`Play ${fullName(voice)}`, () => previewUrl(voice.id), { 'data-focus': `versus ${voice.id}` }), h('strong', {}, fullName(voice)))]),
    voices.length < 2 ? h('span', { class: 'tr-dim' }, 'Choose a second voice to compare it with.') : null);
  }
};

/* Mixes voices with sliders. */
troupe.widgets.blend = (widget) => {
  const { h, fill, playButton, previewUrl } = troupe;
  /** @type {{id: string, weight: number}[]} */
  let parts = [];
  let name = '';
  const recipe = () => parts.filter((part) => part.weight > 0).map((part) => `${part.id}(${part.weight})`).join('+');

  troupe.live(widget, (value, place) => {
    if (!value) return fill(place, h('p', { class: 'tr-dim' }, 'Looking for the voices…'));
    if (value.problem) return fill(place, h('p', { class: 'tr-notice info' }, value.problem));
    const ids = value.voices.map((/** @type {any} */ voice) => voice.id);
    parts = parts.filter((part) => ids.includes(part.id));
    while (parts.length < 2 && ids.length > parts.length) parts.push({ id: ids[parts.length], weight: 1 });
    draw(value, place);
  });

  /** @param {any} value @param {HTMLElement} place */
  function draw(value, place) {
    const mix = h('code', {});
    // A slider that is being dragged must stay the same element: only the figures change.
    const figures = () => {
      const total = parts.reduce((sum, part) => sum + part.weight, 0) || 1;
      place.querySelectorAll('.tr-share').forEach((share, index) => { share.textContent = `${Math.round((100 * parts[index].weight) / total)} %`; });
      mix.textContent = recipe() || 'nothing yet';
    };
    /** @param {{id: string, weight: number}} part @param {number} index */
    const row = (part, index) =>
      h('div', { class: 'tr-part' },
        h('select', { 'aria-label': `Voice ${index + 1}`, 'data-focus': `voice ${index}`, onchange: (/** @type {any} */ e) => { part.id = e.target.value; figures(); } },
          value.voices.map((/** @type {any} */ voice) => h('option', { value: voice.id, selected: voice.id === part.id }, voice.label))),
        h('input', { type: 'range', min: '0', max: '4', step: '0.1', value: String(part.weight), 'aria-label': `Share of voice ${index + 1}`, 'data-focus': `weight ${index}`,
          oninput: (/** @type {any} */ e) => { part.weight = Number(e.target.value); figures(); } }),
        h('output', { class: 'tr-share' }),
        playButton(`Play voice ${index + 1} alone`, () => previewUrl(part.id)),
        parts.length > 2 ? h('button', { type: 'button', class: 'tr-link bad', 'aria-label': `Remove voice ${index + 1}`, onclick: () => { parts.splice(index, 1); draw(value, place); } }, 'Remove') : null);
    const title = h('input', { type: 'text', id: 'blend-name', value: name, maxLength: 80, placeholder: 'For example Seraphina', 'data-focus': 'name', oninput: (/** @type {any} */ e) => { name = e.target.value; } });
    fill(place,
      ...parts.map(row),
      parts.length < 4 ? h('button', { type: 'button', class: 'tr-link', onclick: () => { parts.push({ id: value.voices[0].id, weight: 1 }); draw(value, place); } }, 'Add a voice') : null,
      h('div', { class: 'tr-mix' }, playButton('Play the blend', () => previewUrl(recipe()), { id: 'blend-play' }), mix),
      h('div', { class: 'tr-tools' }, h('label', { class: 'wide' }, h('span', {}, 'Name'), title),
        h('button', { type: 'button', class: 'tr-button primary', id: 'blend-save', onclick: () => widget.act({ do: 'save', name, recipe: recipe() }) }, 'Save the blend')));
    figures();
  }
};

// @ts-check
/* OpenAI Voice Mappings: one row for each name. What is not saved yet is never overwritten by what others do. */

troupe.widgets.mappings = (widget) => {
  const { h, fill, badge, playButton, previewUrl } = troupe;
  /** What was chosen here and is not saved: the voice ('' is the default), and what was set when it was chosen.
   * @type {Record<string, {to: string, from: string | null}>} */
  let edits = {};
  let engine = '';

  troupe.live(widget, (value, place) => {
    if (!value) return fill(place, h('p', { class: 'tr-dim' }, 'Looking for the mappings…'));
    if (value.engine !== engine) [engine, edits] = [value.engine, {}];
    if (value.problem) return fill(place, h('p', { class: 'tr-notice info' }, value.problem));
    for (const row of value.rows) if (edits[row.name]?.to === (row.set ?? '')) delete edits[row.name];
    draw(value, place);
  });

  /** @param {any} value @param {HTMLElement} place */
  function draw(value, place) {
    const changed = Object.keys(edits);
    const fought = value.rows.filter((/** @type {any} */ row) => edits[row.name] && edits[row.name].from !== row.set);
    const save = () => widget.act({ do: 'save', revision: value.revision, changes: Object.fromEntries(changed.map((name) => [name, edits[name].to || null])) });
    fill(place,
      value.note ? h('p', { class: 'tr-notice info' }, value.note) : null,
      h('div', { class: 'tr-mappings', role: 'group', 'aria-label': 'OpenAI Voice Mappings' }, value.rows.map((/** @type {any} */ row) => mapping(row, value, place))),
      fought.length ? h('p', { class: 'tr-notice info', role: 'alert' }, `Changed elsewhere meanwhile: ${fought.map((/** @type {any} */ row) => row.name).join(', ')}. Your choice is kept here, unsaved; saving puts it in the place of the other.`) : null,
      h('div', { class: 'tr-actions' },
        h('button', { type: 'button', class: 'tr-button primary', 'data-focus': 'save', disabled: !changed.length, onclick: save }, changed.length ? `Save ${changed.length} ${changed.length === 1 ? 'change' : 'changes'}` : 'Saved'),
        changed.length ? h('button', { type: 'button', class: 'tr-button', onclick: () => { edits = {}; draw(value, place); } }, 'Discard') : null,
        h('button', { type: 'button', class: 'tr-button', 'data-focus': 'reset', disabled: !value.rows.some((/** @type {any} */ row) => row.set !== null),
          onclick: () => { edits = {}; widget.act({ do: 'reset', revision: value.revision }); } }, 'Reset all to defaults')));
  }

  /** @param {any} row @param {any} value @param {HTMLElement} place */
  function mapping(row, value, place) {
    const edit = edits[row.name];
    const chosen = edit ? edit.to : (row.set ?? '');
    const id = `map-${value.engine}-${row.name}`;
    const known = value.voices.find((/** @type {any} */ voice) => voice.id === chosen);
    // Asked for by the name it has now: the engine of this page need not be the one that speaks.
    const heard = !chosen ? row.default_ask : known ? known.ask : row.ask || chosen;
    const pick = h('select', {
      id, 'data-focus': row.name,
      onchange: (/** @type {any} */ event) => {
        if (event.target.value === (row.set ?? '')) delete edits[row.name];
        else edits[row.name] = { to: event.target.value, from: row.set };
        draw(value, place);
      } },
    h('option', { value: '', selected: !chosen }, `Default (${row.default})`),
    chosen && !known ? h('option', { value: chosen, selected: true }, row.voice ? chosen : `${chosen} (missing)`) : null,
    value.voices.map((/** @type {any} */ voice) => h('option', { value: voice.id, selected: voice.id === chosen }, voice.label)));
    return h('div', { class: `tr-mapping ${edit ? 'edited' : ''}` },
      h('label', { for: id }, row.name, row.classic ? null : h('span', { class: 'tr-dim' }, ' newer')),
      pick,
      playButton(`Play ${row.name}`, () => previewUrl(heard), { 'data-focus': `play ${row.name}` }),
      edit ? badge('not saved', 'warn') : row.set !== null && row.voice === null ? badge('voice missing', 'bad') : null);
  }
};

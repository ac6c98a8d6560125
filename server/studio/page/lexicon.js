// @ts-check
/* Words that are said wrong, and how to say them. */

troupe.widgets.lexicon = (widget) => {
  const { h, fill, api, language, playButton } = troupe;
  /** @type {{language: string, word: string, say: string, case_sensitive: boolean}[] | null} */
  let draft = null;
  let revision = '';

  troupe.live(widget, (value, place) => {
    if (!value) return fill(place, h('p', { class: 'tr-dim' }, 'Looking for the words…'));
    if (value.problem) return fill(place, h('p', { class: 'tr-notice bad' }, value.problem));
    if (value.saved) draft = null;
    if (!draft) revision = value.revision;
    draw(value, place);
  });

  /** @param {any} value @param {HTMLElement} place */
  function draw(value, place) {
    const entries = draft ?? value.entries;
    const edit = () => (draft ??= value.entries.map((/** @type {any} */ entry) => ({ ...entry })));
    const mark = () => { bar.hidden = false; };
    const bar = h('div', { class: 'tr-actions', hidden: !draft },
      h('button', { type: 'button', class: 'tr-button primary', id: 'lexicon-save', onclick: () => widget.act({ do: 'save', revision, entries: draft }) }, 'Save'),
      h('button', { type: 'button', class: 'tr-button', onclick: () => { draft = null; revision = value.revision; draw(value, place); } }, 'Discard'));
    /** @param {any} entry @param {number} index */
    const row = (entry, index) => {
      /** @param {string} key @param {any} held */
      const set = (key, held) => { /** @type {any} */ (edit()[index])[key] = held; mark(); };
      const current = () => (draft ?? value.entries)[index];
      return h('div', { class: 'tr-word', role: 'group', 'aria-label': entry.word || 'New word' },
        h('label', {}, h('span', {}, 'Word'), h('input', { type: 'text', value: entry.word, maxLength: 100, 'data-focus': `word ${index}`, oninput: (/** @type {any} */ e) => set('word', e.target.value) })),
        h('label', {}, h('span', {}, 'Say it as'), h('input', { type: 'text', value: entry.say, maxLength: 200, placeholder: 'Zan-thee or /ˈzænθi/', 'data-focus': `say ${index}`, oninput: (/** @type {any} */ e) => set('say', e.target.value) })),
        h('label', {}, h('span', {}, 'Language'), h('select', { 'data-focus': `language ${index}`, onchange: (/** @type {any} */ e) => set('language', e.target.value) },
          [...new Set(['*', ...value.languages, entry.language])].map((tag) => h('option', { value: tag, selected: tag === entry.language }, language(tag))))),
        h('label', { class: 'tr-check' }, h('input', { type: 'checkbox', checked: entry.case_sensitive, onchange: (/** @type {any} */ e) => set('case_sensitive', e.target.checked) }), h('span', {}, 'Only in this spelling')),
        playButton(`Listen to ${entry.word || 'it'}`, () => listen(current())),
        h('button', { type: 'button', class: 'tr-link bad', 'aria-label': `Remove ${entry.word || 'this word'}`, onclick: () => { edit().splice(index, 1); draw(value, place); } }, 'Remove'));
    };
    fill(place,
      draft && revision !== value.revision ? h('p', { class: 'tr-notice info', role: 'alert' }, 'The lexicon was changed elsewhere meanwhile. Discard to see it; saving here will be refused.') : null,
      ...(entries.length ? entries.map(row) : [h('p', { class: 'tr-empty' }, 'No words yet. Add the name that is always said wrong.')]),
      h('button', { type: 'button', class: 'tr-button', id: 'lexicon-add', onclick: () => {
        edit().push({ language: value.languages[0] ?? '*', word: '', say: '', case_sensitive: false });
        draw(value, place);
        /** @type {any} */ (place.querySelector(`[data-focus="word ${(draft?.length ?? 1) - 1}"]`))?.focus();
      } }, 'Add a word'),
      bar);
  }

  /** The word as it would be said, before it is saved. @param {any} entry */
  async function listen(entry) {
    if (!entry.say.trim()) throw new Error('Write first how to say it.');
    const input = entry.say.startsWith('/') ? `[${entry.word || 'word'}](${entry.say})` : entry.say;
    const spoken = { model: 'tts-1', voice: 'alloy', input, ...(entry.language === '*' ? {} : { language: entry.language }) };
    return URL.createObjectURL(await (await api('POST', '/v1/audio/speech', spoken)).blob());
  }
};

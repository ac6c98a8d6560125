// @ts-check
/* Plays a recording while it is being made, and lists the last ones. */

troupe.widgets.player = (widget) => {
  const { h, fill, api, clock } = troupe;
  const place = /** @type {HTMLElement} */ (widget.element.firstElementChild);
  const audio = h('audio', { preload: 'auto' });
  const toggle = h('button', { type: 'button', class: 'tr-play', 'data-state': 'idle', 'aria-label': 'Play', onclick: () => (audio.paused ? resume() : audio.pause()) });
  const canvas = h('canvas', { class: 'tr-wave', role: 'slider', tabindex: '0', 'aria-label': 'Position', 'aria-valuemin': '0' });
  const time = h('span', { class: 'tr-time' });
  const deck = h('div', { class: 'tr-deck' }, toggle, canvas, time, audio);
  const facts = h('dl', { class: 'tr-facts' });
  const progress = h('div', { class: 'tr-progress' });
  const chapters = h('ol', { class: 'tr-chapters' });
  const stage = h('section', { class: 'tr-stage', 'aria-label': 'Player', hidden: true }, deck, progress, facts, chapters);
  const empty = h('p', { class: 'tr-empty' }, 'Nothing spoken yet. Write something above and press the button, or Ctrl and Enter.');
  const lists = widget.props.value?.history !== false;
  const past = h('section', { class: 'tr-history', 'aria-label': 'Last recordings' });
  place.append(stage, empty, past);

  /** @type {any} */
  let shown = null;
  let pressed = 0;
  /** @type {number | null} */
  let heard = null;
  let grows = false;

  document.addEventListener('click', (event) => {
    if (event.target instanceof Element && event.target.closest('.tr-speaks')) {
      pressed = performance.now();
      heard = null;
      troupe.hush();
    }
  }, true);
  audio.addEventListener('playing', () => {
    if (pressed && heard === null) heard = (performance.now() - pressed) / 1000;
    pressed = 0;
    draw();
  });
  for (const event of ['timeupdate', 'play', 'pause', 'waiting', 'ended', 'seeked']) audio.addEventListener(event, wave);
  canvas.addEventListener('click', (/** @type {MouseEvent} */ event) => {
    const made = shown?.state === 'making' ? Math.max(shown.done, 0.02) : 1;
    if (shown?.seconds) seek((event.offsetX / canvas.clientWidth / made) * shown.seconds);
  });
  canvas.addEventListener('keydown', (/** @type {KeyboardEvent} */ event) => {
    const steps = /** @type {Record<string, number>} */ ({ ArrowRight: 5, ArrowLeft: -5, PageUp: 30, PageDown: -30 });
    if (event.key in steps) seek(audio.currentTime + steps[event.key]);
    else if (event.key === ' ') toggle.click();
    else return;
    event.preventDefault();
  });

  function resume() {
    troupe.hush();
    audio.play().catch(() => undefined); // A browser that wants a click first shows the button as it is.
  }

  /** @param {number} second */
  function seek(second) {
    const wanted = Math.min(Math.max(second, 0), shown.seconds);
    // What was opened while it grew cannot be wound to everywhere; the finished file can.
    if (grows && shown.state !== 'making') {
      grows = false;
      const paused = audio.paused;
      audio.src = `${shown.url}/audio`;
      audio.addEventListener('loadedmetadata', () => { audio.currentTime = wanted; }, { once: true });
      if (!paused) resume();
    } else {
      audio.currentTime = wanted;
    }
  }
  new ResizeObserver(wave).observe(canvas);

  /** @param {any} recording @param {boolean} fresh */
  function show(recording, fresh) {
    shown = recording;
    if (!fresh) [pressed, heard] = [0, null];
    grows = recording.state === 'making';
    audio.src = `${recording.url}/audio`;
    resume();
    draw();
    // On a phone the player is a page below the button.
    stage.scrollIntoView({ block: 'nearest' });
    follow(recording.id);
  }

  /** Ask how far it is until it has ended. @param {string} id */
  async function follow(id) {
    while (shown?.id === id) {
      try {
        const now = await (await api('GET', `/api/recordings/${id}`)).json();
        if (shown?.id !== id) return;
        const ended = shown.state === 'making' && now.state !== 'making';
        shown = now;
        draw();
        if (now.state !== 'making') {
          if (ended) list();
          return;
        }
      } catch (error) {
        shown = { ...shown, state: 'failed', error: /** @type {Error} */ (error).message };
        draw();
        return;
      }
      await new Promise((later) => setTimeout(later, 250));
    }
  }

  function draw() {
    empty.hidden = Boolean(shown);
    stage.hidden = !shown;
    if (!shown) return;
    stage.dataset.state = shown.state;
    wave();
    fill(progress, ...status());
    /** @param {string} name @param {string} value @param {string} title */
    const fact = (name, value, title) => h('div', { title }, h('dt', {}, name), h('dd', {}, value));
    const first = heard ?? shown.first_sound;
    const unknown = shown.state === 'making' ? '…' : '–';
    fill(
      facts,
      fact('First sound', first === null ? unknown : troupe.brief(first), heard === null ? 'Until the server had the first sound' : 'From your click until you heard it'),
      fact('Real-time factor', shown.real_time_factor === null ? unknown : shown.real_time_factor.toFixed(2), 'Seconds of work for a second of sound; below 1 is faster than listening'),
      fact('Length', clock(shown.seconds), 'Of the sound made so far'),
      fact('Voice', shown.narrator ? `${shown.voice}, narrator ${shown.narrator}` : shown.voice, 'Who speaks'),
    );
    fill(chapters, ...shown.chapters.map((/** @type {any} */ chapter) =>
      h('li', {}, h('button', { type: 'button', class: 'tr-link', onclick: () => { seek(chapter.start); resume(); } },
        chapter.title, h('span', { class: 'tr-dim' }, ` ${clock(chapter.start)}`)))));
  }

  function status() {
    if (shown.state === 'failed') return [h('p', { class: 'tr-notice bad', role: 'alert' }, shown.error)];
    if (shown.state === 'making') {
      const percent = Math.floor(shown.done * 100);
      return [
        h('div', { class: 'tr-bar', role: 'progressbar', 'aria-valuenow': percent, 'aria-valuemin': 0, 'aria-valuemax': 100, 'aria-label': 'Text spoken' },
          h('span', { style: `width: ${percent}%` })),
        h('span', { class: 'tr-dim' }, shown.seconds ? `${percent} % made` : 'Waiting for the first sound…'),
        h('button', { type: 'button', class: 'tr-button', 'data-focus': 'stop', onclick: stop }, 'Stop'),
      ];
    }
    const file = h('a', { class: 'tr-button', href: `${shown.url}/file`, download: `troupe.${shown.format}` }, `Download ${shown.format.toUpperCase()}`);
    return [h('span', { class: 'tr-dim' }, shown.state === 'stopped' ? 'Stopped; what was made is kept.' : 'Complete'), shown.seconds ? file : null];
  }

  async function stop() {
    audio.pause();
    await api('DELETE', `/api/recordings/${shown.id}`).catch(() => undefined);
  }

  function wave() {
    if (!shown) return;
    const playing = !audio.paused && !audio.ended;
    toggle.dataset.state = playing ? (audio.readyState < 3 ? 'busy' : 'playing') : 'idle';
    toggle.setAttribute('aria-label', playing ? 'Pause' : 'Play');
    time.textContent = `${clock(audio.currentTime)} / ${clock(shown.seconds)}`;
    canvas.setAttribute('aria-valuemax', String(Math.round(shown.seconds)));
    canvas.setAttribute('aria-valuenow', String(Math.round(audio.currentTime)));
    canvas.setAttribute('aria-valuetext', time.textContent);
    const brush = canvas.getContext('2d');
    const style = getComputedStyle(canvas);
    const [width, height] = [canvas.clientWidth * devicePixelRatio, canvas.clientHeight * devicePixelRatio];
    if (!brush || !width) return;
    [canvas.width, canvas.height] = [width, height];
    const peaks = shown.peaks;
    const loudest = Math.max(...peaks, 1);
    const bars = Math.min(160, Math.floor(width / (4 * devicePixelRatio)));
    const step = width / bars;
    const at = shown?.seconds ? audio.currentTime / shown.seconds : 0;
    // While it grows, the outline fills the part that is made.
    const made = shown?.state === 'making' ? Math.max(shown.done, 0.02) : 1;
    for (let bar = 0; bar < bars; bar += 1) {
      const from = Math.floor((bar / bars / made) * peaks.length);
      const till = Math.max(from + 1, Math.floor(((bar + 1) / bars / made) * peaks.length));
      const loud = from < peaks.length ? Math.max(...peaks.slice(from, till)) : 0;
      const tall = Math.max(2 * devicePixelRatio, (loud / loudest) * height * 0.95);
      brush.fillStyle = style.getPropertyValue(bar / bars / made < at ? '--tr-accent' : '--tr-quiet');
      brush.fillRect(bar * step, (height - tall) / 2, step * 0.6, tall);
    }
  }

  async function list() {
    if (!lists) return;
    const { recordings } = await (await api('GET', '/api/recordings')).json().catch(() => ({ recordings: [] }));
    const others = recordings.slice(0, 10);
    fill(past, ...(others.length ? [h('h3', {}, 'Last recordings'), h('ul', {}, ...others.map(entry))] : []));
  }

  /** @param {any} recording */
  function entry(recording) {
    return h('li', {},
      h('button', { type: 'button', class: 'tr-play', 'data-state': 'idle', 'data-focus': recording.id, 'aria-label': `Play again: ${recording.text}`, onclick: () => show(recording, false) }),
      h('span', { class: 'tr-line' }, recording.text),
      h('span', { class: 'tr-dim' }, `${recording.voice} · ${clock(recording.seconds)} · ${recording.format}`),
      recording.state === 'done' || recording.state === 'stopped'
        ? h('a', { class: 'tr-link', href: `${recording.url}/file`, download: `troupe.${recording.format}`, 'aria-label': `Download: ${recording.text}` }, 'Download')
        : troupe.badge(recording.state === 'making' ? 'being made' : 'failed', recording.state === 'failed' ? 'bad' : ''));
  }

  widget.watch('value', () => {
    const value = widget.props.value;
    if (value?.id && value.id !== shown?.id) {
      show(value, true);
      list();
    }
  });
  list();
};

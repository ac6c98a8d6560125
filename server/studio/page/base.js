// @ts-check
/* What all widgets share. Nothing is ever written as markup: text stays text. */

/** What a widget is given by Gradio's HTML component.
 * @typedef {{element: HTMLElement, props: {value: any}, watch: (prop: string, then: () => void) => void,
 *            act: (data: object) => void}} Widget */

const troupe = (() => {
  /** @type {Record<string, (widget: Widget) => void>} */
  const widgets = {};

  /** An element: attributes, listeners (on...), then children.
   * @param {string} tag @param {Record<string, any>} [attributes] @param {...any} children @returns {any} */
  function h(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith('on')) made.addEventListener(name.slice(2), value);
      else if (name in made && typeof value !== 'string') made[name] = value;
      else if (value !== undefined && value !== null && value !== false) made.setAttribute(name, value);
    }
    made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
    return made;
  }

  /** Replace what is in a place, unless it holds the same already: focus and selection stay.
   * @param {HTMLElement} place @param {...any} children */
  function fill(place, ...children) {
    const held = document.activeElement;
    const path = held instanceof HTMLElement && place.contains(held) ? held.dataset.focus : undefined;
    place.replaceChildren(...children.flat().filter((child) => child !== null && child !== false));
    if (path) /** @type {HTMLElement | null} */ (place.querySelector(`[data-focus="${CSS.escape(path)}"]`))?.focus();
  }

  /** A request to this server; throws Error with what the server says is wrong.
   * @param {string} method @param {string} path @param {object} [body] */
  async function api(method, path, body) {
    const answer = await fetch(path, {
      method,
      headers: body ? { 'content-type': 'application/json' } : {},
      body: body ? JSON.stringify(body) : undefined,
    });
    if (!answer.ok) throw new Error(await reason(answer));
    return answer;
  }

  /** @param {Response} answer */
  async function reason(answer) {
    try {
      const { error, message } = await answer.json();
      return error?.message ?? message ?? error ?? answer.statusText;
    } catch {
      return `The server answered ${answer.status}.`;
    }
  }

  // One sound at a time, whoever plays it.
  const speaker = new Audio();
  /** @type {HTMLButtonElement | null} */
  let player = null;

  function hush() {
    speaker.pause();
    if (player) mark(player, 'idle');
    player = null;
  }

  /** @param {HTMLButtonElement} button @param {'idle' | 'busy' | 'playing' | 'failed'} state */
  function mark(button, state) {
    button.dataset.state = state;
    button.setAttribute('aria-pressed', String(state === 'playing' || state === 'busy'));
  }

  /** Play an address with a button that shows it; pressed again, it stops.
   * @param {string | Promise<string>} source @param {HTMLButtonElement} button */
  async function play(source, button) {
    if (player === button) return hush();
    hush();
    player = button;
    mark(button, 'busy');
    button.removeAttribute('title');
    try {
      speaker.src = await source;
      await speaker.play();
      if (player === button) mark(button, 'playing');
    } catch (error) {
      if (player !== button) return;
      player = null;
      mark(button, 'failed');
      button.title = await whyNot(speaker.src, error);
      say(button.title);
    }
  }
  speaker.addEventListener('ended', hush);

  /** An audio element keeps the server's reason to itself. @param {string} url @param {any} error */
  async function whyNot(url, error) {
    const answer = await fetch(url).catch(() => null);
    if (!answer) return 'The server does not answer.';
    if (!answer.ok) return reason(answer);
    await answer.body?.cancel();
    return String(error.message ?? error);
  }

  /** @param {string} voice */
  const previewUrl = (voice) => `/api/voices/${encodeURIComponent(voice)}/preview`;

  /** @param {string} label @param {() => string | Promise<string>} source @param {Record<string, any>} [more] */
  function playButton(label, source, more = {}) {
    return h('button', {
      type: 'button', class: 'tr-play', 'data-state': 'idle', 'aria-pressed': 'false', 'aria-label': label,
      onclick: (/** @type {any} */ event) => play(source(), event.currentTarget), ...more,
    });
  }

  /** Told to everybody, screen readers included. @param {string} text */
  function say(text) {
    let place = document.getElementById('tr-say');
    // Inside Gradio's container: its style sheet, ours included, ends there.
    if (!place) (document.getElementById('head') ?? document.body).append((place = h('div', { id: 'tr-say', role: 'status', 'aria-live': 'polite' })));
    place.textContent = text;
    place.classList.add('shown');
    clearTimeout(Number(place.dataset.timer));
    place.dataset.timer = String(setTimeout(() => place?.classList.remove('shown'), 5000));
  }

  /** @param {number} seconds */
  function clock(seconds) {
    const whole = Math.round(seconds);
    const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
    const [hours, minutes, rest] = parts;
    const end = `${String(minutes).padStart(hours ? 2 : 1, '0')}:${String(rest).padStart(2, '0')}`;
    return hours ? `${hours}:${end}` : end;
  }

  /** @param {number} seconds */
  const brief = (seconds) => (seconds < 0.1 ? `${Math.max(1, Math.round(seconds * 1000))} ms` : `${seconds.toFixed(2)} s`);

  /** @param {number} bytes */
  const size = (bytes) =>
    bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : bytes >= 1e6 ? `${(bytes / 1e6).toFixed(0)} MB` : `${(bytes / 1e3).toFixed(0)} kB`;

  /** Draw now and whenever Python sends another value.
   * @param {Widget} widget @param {(value: any, place: HTMLElement) => void} render */
  function live(widget, render) {
    const place = /** @type {HTMLElement} */ (widget.element.firstElementChild);
    const draw = () => render(widget.props.value, place);
    widget.watch('value', draw);
    draw();
  }

  const languageNames = new Intl.DisplayNames(['en'], { type: 'language' });
  /** @param {string} tag */
  function language(tag) {
    if (tag === '*') return 'Every language';
    try {
      return languageNames.of(tag) ?? tag;
    } catch {
      return tag;
    }
  }

  /** @param {string} text @param {string} [kind] */
  const badge = (text, kind = '') => h('span', { class: `tr-badge ${kind}` }, text);

  return { widgets, h, fill, api, play, playButton, previewUrl, hush, say, clock, brief, size, live, language, badge };
})();

// A notice beside the form it is about: what was done, or why it was not.
troupe.widgets.notice = (widget) =>
  troupe.live(widget, (value, place) => {
    place.setAttribute('role', value?.kind === 'bad' ? 'alert' : 'status');
    place.className = `tr-notice ${value?.text ? value.kind : 'empty'}`;
    place.textContent = value?.text ?? '';
  });

// Asks the server every second what has changed, so that each page shows what the others did.
troupe.widgets.pulse = ({ act }) => {
  /** @type {Record<string, string> | null} */
  let seen = null;
  let lost = 0;
  async function beat() {
    if (!document.hidden) {
      try {
        const now = await (await fetch('/api/revisions', { cache: 'no-store' })).json();
        const before = seen;
        const changed = before ? Object.keys(now).filter((topic) => now[topic] !== before[topic]) : ['opened'];
        seen = now;
        lost = 0;
        for (const topic of changed) act({ topic });
      } catch {
        lost += 1;
      }
      document.getElementById('head')?.classList.toggle('tr-lost', lost > 2);
    }
    setTimeout(beat, 1000);
  }
  document.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
    const buttons = /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('.tr-speaks'));
    [...buttons].find((button) => button.offsetParent !== null)?.click(); // the one of the tab that is seen
  });
  beat();
};

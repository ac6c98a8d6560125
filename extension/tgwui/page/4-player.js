// @ts-check
// The small player under a message. The host's redrawing drops it from the page, and it is put there again: so it
// is made once for each track and keeps its state.
(() => {
  const troupe = /** @type {any} */ (window).troupe;
  const sound = troupe.sound;

  const PLAY = '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M7 4v16l13-8z"/></svg>';
  const PAUSE = '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M6 4h4v16H6zM14 4h4v16h-4z"/></svg>';
  const AGAIN = '<svg viewBox="0 0 24 24" aria-hidden="true" class="troupe-line-icon"><path d="M20 11a8 8 0 1 0-2.3 6.3M20 4v7h-7"/></svg>';

  /** @type {WeakMap<object, any>} */
  const rows = new WeakMap();
  let count = 0;

  /**
   * @param {any} track
   * @param {{press: () => void, again: () => void, jump: (at: number, offset: number) => void}} actions
   * @returns {HTMLElement}
   */
  troupe.playerOf = (track, actions) => {
    const known = rows.get(track);
    if (known) return known.row;
    const row = document.createElement("troupe-player");
    row.id = `troupe-player-${++count}`;  // the host's redrawing tells nodes apart by their ids
    row.setAttribute("role", "group");
    row.setAttribute("aria-label", "Spoken message");
    row.innerHTML = `<button class="troupe-play" type="button"></button>
      <div class="troupe-track" role="slider" tabindex="0" aria-label="Position" aria-valuemin="0"><div></div></div>
      <span class="troupe-time"></span>
      <button class="troupe-again" type="button" title="Speak again" aria-label="Speak again">${AGAIN}</button>`;
    const part = (/** @type {string} */ name) => /** @type {any} */ (row.querySelector(name));
    const bar = part(".troupe-track");
    part(".troupe-play").onclick = actions.press;
    part(".troupe-again").onclick = actions.again;
    bar.onclick = (/** @type {MouseEvent} */ event) => {
      const box = bar.getBoundingClientRect();
      seek(track, actions.jump, ((event.clientX - box.left) / box.width) * lengthOf(track));
    };
    bar.onkeydown = (/** @type {KeyboardEvent} */ event) => {
      const step = { ArrowLeft: -5, ArrowRight: 5 }[event.key];
      if (!step) return;
      event.preventDefault();
      event.stopPropagation();  // the host's arrow keys change the version of a message
      seek(track, actions.jump, (sound.now.track === track ? sound.elapsed() : 0) + step);
    };
    rows.set(track, { row, play: part(".troupe-play"), bar, fill: bar.firstChild, time: part(".troupe-time") });
    draw(track);
    return row;
  };

  /** @param {any} track */
  const lengthOf = (track) =>
    track.clips.reduce((/** @type {number} */ sum, /** @type {any} */ clip) => sum + clip.duration, 0);

  /** @param {any} track @param {(at: number, offset: number) => void} jump @param {number} seconds */
  const seek = (track, jump, seconds) => {
    let left = Math.max(0, seconds), at = 0;
    while (at < track.clips.length - 1 && left >= track.clips[at].duration) left -= track.clips[at++].duration;
    jump(at, left);
  };

  const clock = (/** @type {number} */ seconds) =>
    `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

  /** @param {any} track */
  const draw = troupe.draw = (/** @type {any} */ track) => {
    const known = track && rows.get(track);
    if (!known) return;
    const current = sound.now.track === track;
    const running = current && !sound.paused();
    const total = lengthOf(track), done = current ? sound.elapsed() : 0;
    const icon = running ? "pause" : "play";
    if (known.icon !== icon) {
      known.icon = icon;
      known.play.innerHTML = running ? PAUSE : PLAY;
      known.play.title = running ? "Pause" : "Play";
      known.play.setAttribute("aria-label", known.play.title);
    }
    known.row.classList.toggle("troupe-busy", !!track.open);
    known.fill.style.width = `${total ? Math.min(100, (100 * done) / total) : 0}%`;
    known.bar.setAttribute("aria-valuemax", total.toFixed(0));
    known.bar.setAttribute("aria-valuenow", done.toFixed(0));
    const words = current ? `${clock(done)} / ${clock(total)}` : clock(total);
    if (known.time.textContent !== words) known.time.textContent = words;
  };
})();

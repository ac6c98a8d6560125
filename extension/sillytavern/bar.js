// @ts-check
/** The strip above the message field while something is spoken: who, what, next, stop, and the tap that lets sound start. */

/** @typedef {import('./troupe.js').Troupe} Troupe */

/**
 * @param {string} html
 * @param {Troupe} troupe
 */
export function mountBar(html, troupe) {
    document.querySelector('#send_form')?.insertAdjacentHTML('beforebegin', html);
    const bar = /** @type {HTMLElement} */ (document.querySelector('#troupe_bar'));
    const part = (/** @type {string} */ selector) => /** @type {HTMLElement} */ (bar.querySelector(selector));
    part('.troupe_bar_hint').addEventListener('click', () => troupe.player.unlock());
    part('.troupe_bar_skip').addEventListener('click', () => troupe.stage.skip());
    part('.troupe_bar_stop').addEventListener('click', () => troupe.stage.stopAll());
    troupe.listeners.add(() => {
        const { current } = troupe.stage;
        bar.hidden = !current;
        bar.classList.toggle('troupe_blocked', troupe.blocked);
        bar.classList.toggle('troupe_waiting', !current?.clip);
        if (!current) return;
        part('.troupe_bar_text b').textContent = current.name;
        part('.troupe_bar_text span').textContent = current.clip?.text ?? '…';
    });
}

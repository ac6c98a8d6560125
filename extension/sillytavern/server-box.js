// @ts-check
/** Address, key and light of the server. It stands in two panels at once, so it draws what is so, not what was clicked. */

import { normalAddress } from './address.js';
import { t } from './i18n.js';
import { keyStore } from './settings.js';
import { explain } from './states.js';

/** @typedef {import('./troupe.js').Troupe} Troupe */

/**
 * @param {HTMLElement} slot
 * @param {string} html
 * @param {Troupe} troupe
 * @returns {() => void} takes it down
 */
export function mountServerBox(slot, html, troupe) {
    slot.innerHTML = html;
    const part = (/** @type {string} */ name) => /** @type {any} */ (slot.querySelector(`.troupe_${name}`));
    const address = part('address');
    const key = part('key');
    const help = part('help');
    let offered = '';

    const draw = () => {
        const { connection, client, settings } = troupe;
        const shown = explain(connection, client.address);
        part('light').dataset.light = shown.light;
        part('status_text').textContent = shown.text;
        const { trouble } = troupe;
        part('trouble').hidden = !trouble;
        const time = trouble?.at.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' }) ?? '';
        part('trouble').textContent = trouble ? t`Last trouble, at ${time}: ${trouble.message}` : '';
        address.placeholder = normalAddress('', location);
        if (document.activeElement !== address) address.value = settings.address;
        if (document.activeElement !== key) key.value = keyStore.get();
        // Opened once when it is needed; afterwards a person may close it.
        if (shown.help && offered !== connection.state) help.open = true;
        if (shown.light === 'good') help.open = false;
        offered = connection.state;
    };
    const connect = () => {
        const wanted = address.value.trim();
        // Another server knows nothing of what this one is speaking.
        if (wanted !== troupe.settings.address) troupe.fallSilent();
        troupe.settings.address = wanted;
        keyStore.set(key.value);
        troupe.save();
        troupe.connection.use('page');
        void troupe.connection.reconnect();
    };
    address.addEventListener('change', connect);
    key.addEventListener('change', connect);
    part('reconnect').addEventListener('click', connect);
    // The host's panel is a form; Enter would send it and load the page anew.
    slot.addEventListener('keydown', (event) => {
        if (event.key !== 'Enter' || !(event.target instanceof HTMLInputElement)) return;
        event.preventDefault();
        event.target.blur();
    });

    troupe.connection.listeners.add(draw);
    troupe.listeners.add(draw);
    draw();
    return () => {
        troupe.connection.listeners.delete(draw);
        troupe.listeners.delete(draw);
        slot.replaceChildren();
    };
}

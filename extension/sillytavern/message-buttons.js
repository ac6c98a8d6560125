// @ts-check
/** Two buttons on every message: speak or stop it, and save its sound. */

import * as host from './host.js';
import { t } from './i18n.js';
import { saveAudio } from './save.js';

/** @typedef {import('./troupe.js').Troupe} Troupe */

/**
 * @param {string} html
 * @param {Troupe} troupe
 */
export function mountMessageButtons(html, troupe) {
    // The template serves messages to come; those on the page when an extension is installed have been made from it already.
    for (const place of document.querySelectorAll('#message_template .extraMesButtons, #chat .mes .extraMesButtons')) {
        place.insertAdjacentHTML('afterbegin', html);
    }
    $(document).on('click', '.troupe_speak', (/** @type {Event} */ event) => toggle(troupe, messageOf(event)));
    $(document).on('click', '.troupe_save', (/** @type {Event} */ event) => void save(troupe, messageOf(event)));
    troupe.listeners.add(() => mark(troupe));
}

/** @param {Event} event @returns {host.Message | undefined} */
function messageOf(event) {
    const id = /** @type {HTMLElement} */ (event.target).closest('.mes')?.getAttribute('mesid');
    return host.context().chat[Number(id)];
}

/** @param {Troupe} troupe @param {host.Message | undefined} message */
async function toggle(troupe, message) {
    if (!message) return;
    if (troupe.stage.of(message)) return troupe.stage.stop(message);
    troupe.stage.stopAll();
    try {
        await troupe.connected();
    } catch (error) {
        return troupe.tell(/** @type {Error} */ (error));
    }
    // While the server was waited for, it was pressed again, or another chat was opened.
    if (troupe.stage.of(message) || !host.context().chat.includes(message)) return;
    const text = host.spokenText(message);
    if (!troupe.speakMessage(message, '', text)) host.toast('info', t`The voice of ${message.name} is disabled.`);
}

/** @param {Troupe} troupe @param {host.Message | undefined} message */
async function save(troupe, message) {
    if (!message) return;
    try {
        await saveAudio(troupe, message);
    } catch (error) {
        troupe.tell(/** @type {Error} */ (error));
    }
}

/** @param {Troupe} troupe */
function mark(troupe) {
    const { chat } = host.context();
    const speaking = troupe.stage.current?.message;
    for (const element of document.querySelectorAll('#chat .mes')) {
        const message = chat[Number(element.getAttribute('mesid'))];
        element.classList.toggle('troupe_speaking', Boolean(message) && message === speaking);
    }
}

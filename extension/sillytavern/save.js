// @ts-check
/** Saves what was spoken of a message as a sound file. */

import * as host from './host.js';
import { t } from './i18n.js';

/** @typedef {import('./troupe.js').Troupe} Troupe */

/** @param {Troupe} troupe @param {host.Message} message */
export async function saveAudio(troupe, message) {
    const last = troupe.stage.last(message);
    const path = last?.complete && last.audioUrl ? last.audioUrl : await make(troupe, message);
    const response = await troupe.client.request(`${path}?format=mp3`, { open: true });
    download(await response.blob(), fileName(message));
}

/**
 * Nothing has been spoken to its end yet, so it is made now, unheard.
 * @param {Troupe} troupe
 * @param {host.Message} message
 * @returns {Promise<string>} path of the sound
 */
async function make(troupe, message) {
    await troupe.connected();
    const options = troupe.optionsFor(message);
    if (!options) throw new Error(t`The voice of ${message.name} is disabled.`);
    const json = { ...options, text: host.spokenText(message), final: true };
    return (await troupe.client.json('/api/narrations', { method: 'POST', json })).audio_url;
}

/** @param {host.Message} message */
function fileName(message) {
    const name = message.name.replace(/[^\p{L}\p{N} _-]/gu, '').trim() || 'message';
    return `${name} ${host.context().chat.indexOf(message)}.mp3`;
}

/** @param {Blob} blob @param {string} name */
function download(blob, name) {
    const url = URL.createObjectURL(blob);
    const link = document.createElement('a');
    link.href = url;
    link.download = name;
    link.click();
    // The browser has taken the blob when the click's task is over; a moment more costs nothing.
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

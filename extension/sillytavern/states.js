// @ts-check
/** What the connection's light shows and says. */

import { t } from './i18n.js';

/** @typedef {import('./connection.js').Connection} Connection */
/** @typedef {{light: 'off' | 'wait' | 'good' | 'bad', text: string, help: boolean}} Shown */

/** @param {Connection} connection @param {string} address @returns {Shown} */
export function explain(connection, address) {
    const { state, detail, version, engine } = connection;
    switch (state) {
        case 'off':
            return { light: 'off', text: t`Not in use yet: switch it on below, or choose Troupe in the TTS panel.`, help: false };
        case 'connecting':
            return { light: 'wait', text: t`Looking for the server at ${address} …`, help: false };
        case 'starting':
        case 'loading':
            return { light: 'wait', text: t`The server is getting ready. ${detail}`.trim(), help: false };
        case 'draining':
            return { light: 'bad', text: t`The server is stopping.`, help: true };
        case 'ready':
            // Ready, and perhaps still busy with something that a reply may have to wait for.
            return { light: 'good', text: [t`Connected: ${engine?.title ?? ''}, version ${version}`, detail].filter(Boolean).join('. '), help: false };
        case 'degraded':
            return { light: 'wait', text: t`Connected, but not all is well: ${detail}`, help: false };
        case 'key':
            return { light: 'bad', text: t`The server wants its API key, or another one than this.`, help: false };
        case 'mixed':
            return { light: 'bad', text: mixed(address), help: false };
        case 'refused':
            return { light: 'bad', text: refused(address, detail), help: false };
        case 'other-device':
            return { light: 'bad', text: otherDevice(address), help: true };
        default:
            return { light: 'bad', text: t`Nothing answers at ${address}. Is the server running?`, help: true };
    }
}

/** @param {string} address */
function mixed(address) {
    return t`This page came over https, and browsers let such a page talk to https servers only. ${address} is http. Give the speech server an https address (a reverse proxy does it), or open SillyTavern over http.`;
}

/** @param {string} address @param {string} detail */
function refused(address, detail) {
    if (detail) return t`${address} answers, but not as Troupe should: ${detail}`;
    return t`${address} answers, but does not accept this page. Start it with: --allow-origin ${location.origin}`;
}

/** @param {string} address */
function otherDevice(address) {
    return t`${address} means the device you are holding. Enter the address of the computer where the server runs, and start it there with --listen.`;
}

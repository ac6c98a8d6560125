// @ts-check
/** Where the speech server is, and what a person can do when the page cannot reach it. */

export const DEFAULT_PORT = 7851;

/** @typedef {Pick<Location, 'protocol' | 'hostname' | 'origin'>} Page */

/** @param {string} host @returns {boolean} */
export function isLoopback(host) {
    return /^(localhost|.+\.localhost|127(\.\d+){3}|\[::1\]|::1)$/i.test(host);
}

/**
 * The server is looked for on the machine the page came from: the page may be open on a phone.
 * @param {Page} page
 * @returns {string}
 */
export function defaultAddress(page) {
    return `http://${page.hostname || '127.0.0.1'}:${DEFAULT_PORT}`;
}

/**
 * What was typed, as an origin with an optional path and no slash at the end.
 * @param {string} typed
 * @param {Page} page
 * @returns {string}
 */
export function normalAddress(typed, page) {
    let text = typed.trim();
    if (!text) return defaultAddress(page);
    if (!/^[a-z]+:\/\//i.test(text)) text = `http://${text}`;
    let url;
    try {
        url = new URL(text);
    } catch {
        return text; // shown as unreachable, with what was typed
    }
    if (!/^https?:$/.test(url.protocol)) return text;
    if (!url.port && url.protocol === 'http:' && !/:\d+/.test(text)) url.port = String(DEFAULT_PORT);
    // People paste the OpenAI base URL, which ends in /v1.
    return url.origin + url.pathname.replace(/\/+$/, '').replace(/\/v1(\/audio\/speech)?$/, '');
}

/**
 * Why this page cannot talk to that server. `blocked` is decided by the addresses alone, before any request.
 * @typedef {'mixed' | 'other-device' | 'refused' | 'down'} Obstacle
 */

/**
 * @param {string} address
 * @param {Page} page
 * @returns {Obstacle | null} an obstacle that no server could clear away
 */
export function obstacleBetween(address, page) {
    let url;
    try {
        url = new URL(address);
    } catch {
        return 'down';
    }
    if (page.protocol === 'https:' && url.protocol === 'http:' && !isLoopback(url.hostname)) return 'mixed';
    return null;
}

/**
 * Tells a server that is down from one that refuses this page's origin: a `no-cors` request succeeds, unreadable, only
 * if something answered.
 * @param {string} address
 * @param {Page} page
 * @param {typeof fetch} fetcher
 * @returns {Promise<Obstacle>}
 */
export async function findObstacle(address, page, fetcher = fetch) {
    const known = obstacleBetween(address, page);
    if (known) return known;
    try {
        await fetcher(`${address}/health`, { mode: 'no-cors', cache: 'no-store', signal: AbortSignal.timeout(4000) });
        return 'refused';
    } catch {
        return isLoopback(new URL(address).hostname) && !isLoopback(page.hostname) ? 'other-device' : 'down';
    }
}

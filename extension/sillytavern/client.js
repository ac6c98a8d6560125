// @ts-check
/** The one place that builds HTTP requests to the speech server. */

/** A refusal, with what the server said about it. */
export class ServerError extends Error {
    /**
     * @param {number} status
     * @param {Record<string, any>} body the parsed answer, `{}` where it was not JSON
     * @param {number} retryAfter seconds, 0 where the server named none
     */
    constructor(status, body, retryAfter = 0) {
        super(body?.error?.message ?? `The speech server answered ${status}.`);
        this.name = 'ServerError';
        this.status = status;
        this.body = body;
        /** @type {string | null} */
        this.code = body?.error?.code ?? null;
        /** The field at fault. @type {string | null} */
        this.param = body?.error?.param ?? null;
        this.retryAfter = retryAfter;
    }
}

/** No answer came: not running, another address, or the browser did not let the request out. */
export class Unreachable extends Error {
    /** @param {string} address @param {unknown} cause */
    constructor(address, cause) {
        super(`No answer from ${address}.`, { cause });
        this.name = 'Unreachable';
    }
}

/**
 * @typedef {object} RequestOptions
 * @property {string} [method]
 * @property {unknown} [json] sent as the body
 * @property {AbortSignal} [signal]
 * @property {boolean} [open] no key is wanted there; without it the browser need not ask for permission first (preflight)
 * @property {boolean} [keepalive] finish the request although the page goes away
 */

/** Requests to one server; address and key are asked for anew each time, since a person may change them. */
export class Client {
    #address;
    #key;
    #fetch;

    /**
     * @param {() => string} address
     * @param {() => string} key
     * @param {typeof fetch} fetcher
     */
    constructor(address, key, fetcher = globalThis.fetch) {
        this.#address = address;
        this.#key = key;
        this.#fetch = fetcher.bind(globalThis);
    }

    get address() {
        return this.#address();
    }

    /**
     * @param {string} path from the server's root, as the server's own answers give it
     * @param {RequestOptions} [options]
     * @returns {Promise<Response>} an answer with a status below 300
     * @throws {ServerError | Unreachable | DOMException} the last for an aborted signal
     */
    async request(path, { method = 'GET', json, signal, open = false, keepalive } = {}) {
        const key = open ? '' : this.#key();
        /** @type {Record<string, string>} */
        const headers = {};
        // No `cache` here: with it, browsers would not remember a permission either, and ask before every push.
        /** @type {RequestInit} */
        const init = { method, headers, referrerPolicy: 'no-referrer' };
        if (key) headers['Authorization'] = `Bearer ${key}`;
        if (json !== undefined) {
            headers['Content-Type'] = 'application/json';
            init.body = JSON.stringify(json);
        }
        if (signal) init.signal = signal;
        if (keepalive) init.keepalive = true;
        const address = this.address;
        const url = resolve(address, path);
        let response;
        try {
            response = await this.#fetch(url, init);
        } catch (error) {
            if (signal?.aborted) throw error;
            throw new Unreachable(address, error);
        }
        if (response.ok) return response;
        const body = await response.json().catch(() => ({}));
        throw new ServerError(response.status, body, Number(response.headers.get('Retry-After')) || 0);
    }

    /**
     * @param {string} path
     * @param {RequestOptions} [options]
     * @returns {Promise<any>}
     */
    async json(path, options) {
        return (await this.request(path, options)).json();
    }
}

/**
 * The key must reach no other server, whatever URL an answer carried.
 * @param {string} address
 * @param {string} path
 */
function resolve(address, path) {
    if (!path.startsWith('/') || path.startsWith('//')) throw new Error(`Not a path on the speech server: ${path}`);
    return address + path;
}

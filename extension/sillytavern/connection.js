// @ts-check
/** Whether the server is there, what it speaks with, and the lease that keeps it running while this page uses it. */

import { findObstacle, obstacleBetween } from './address.js';
import { ServerError } from './client.js';
import { forEngine } from './settings.js';
import { NO_RVC, VoiceCatalogue } from './voices.js';

/** @typedef {import('./client.js').Client} Client */
/** @typedef {import('./settings.js').Settings} Settings */
/** @typedef {import('./address.js').Obstacle} Obstacle */
/**
 * `off`: nobody wants it. `key`: it wants a key, or another one. Otherwise the server's own words, or why it is out of reach.
 * @typedef {'off' | 'connecting' | 'starting' | 'loading' | 'ready' | 'degraded' | 'draining' | 'key' | Obstacle} State
 */
/** @typedef {{name: string, title: string, blends: boolean}} Engine */

const LOST_MS = 4000;
const HEALTH_MS = 8000;
/** A busy server takes its time for its lists; a machine that sleeps must not keep the page waiting for ever. */
const LISTS_MS = 30_000;
/** Also how soon a voice added on the server, or another engine, is noticed. */
const WATCH_MS = 15_000;
/** Without the lease a server started by a host may stop, so a broken one is taken up again. */
const LEASE_RETRY_MS = 3000;

export class Connection {
    /** @type {State} */
    state = 'off';
    /** What the server says about its state. */
    detail = '';
    version = '';
    /** @type {Engine | null} */
    engine = null;
    catalogue = new VoiceCatalogue();
    /** RVC voices; empty while RVC is off. @type {string[]} */
    rvcVoices = [];
    /** Called after every change of any of the above. @type {Set<() => void>} */
    listeners = new Set();
    #client;
    #settings;
    #page;
    #fetch;
    /** @type {Set<string>} */
    #users = new Set();
    #abort = new AbortController();
    /** Of the last look: two at a time might end in the wrong order. */
    #overtaken = new AbortController();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    #timer;
    #seen = '';

    /**
     * @param {Client} client
     * @param {Settings} settings
     * @param {import('./address.js').Page} page
     * @param {typeof fetch} [fetcher]
     */
    constructor(client, settings, page, fetcher = globalThis.fetch) {
        this.#client = client;
        this.#settings = settings;
        this.#page = page;
        this.#fetch = fetcher;
    }

    get ready() {
        return this.state === 'ready' || this.state === 'degraded';
    }

    /** @param {string} user who wants the server from now on */
    use(user) {
        const first = this.#users.size === 0;
        this.#users.add(user);
        if (first) void this.reconnect();
    }

    /** @param {string} user */
    release(user) {
        if (!this.#users.delete(user) || this.#users.size) return;
        this.#stop();
        this.#set('off');
    }

    /** Starts anew, as after another address or key. Resolves with the first answer. */
    async reconnect() {
        this.#stop();
        if (!this.#users.size) return;
        this.#abort = new AbortController();
        this.#seen = '';
        this.#set('connecting');
        const { signal } = this.#abort;
        await this.#look(signal);
        if (!signal.aborted) void this.#lease(signal);
    }

    /** Fetches voices and engine again. */
    async refresh() {
        this.#seen = '';
        await this.#look(this.#abort.signal);
    }

    #stop() {
        this.#abort.abort();
        clearTimeout(this.#timer);
    }

    /** @param {AbortSignal} signal */
    async #look(signal) {
        clearTimeout(this.#timer);
        this.#overtaken.abort();
        this.#overtaken = new AbortController();
        const current = AbortSignal.any([signal, this.#overtaken.signal]);
        const state = await this.#ask(current);
        if (current.aborted) return;
        this.#set(state);
        this.#timer = setTimeout(() => void this.#look(signal), this.ready ? WATCH_MS : LOST_MS);
    }

    /** @param {AbortSignal} signal @param {boolean} [again] @returns {Promise<State>} */
    async #ask(signal, again = true) {
        const blocked = obstacleBetween(this.#client.address, this.#page);
        if (blocked) return blocked;
        const within = (/** @type {number} */ ms) => AbortSignal.any([signal, AbortSignal.timeout(ms)]);
        let lists;
        try {
            this.detail = '';
            const health = await this.#client.json('/health', { open: true, signal: within(HEALTH_MS) });
            this.detail = String(health.detail ?? '');
            this.version = String(health.version ?? '');
            if (['starting', 'loading', 'draining'].includes(health.state)) return health.state;
            await this.#learn(health, (lists = within(LISTS_MS)));
            return health.state === 'degraded' ? 'degraded' : 'ready';
        } catch (error) {
            if (signal.aborted) return this.state;
            if (error instanceof ServerError && error.status === 401) return 'key';
            if (error instanceof ServerError) {
                this.detail = error.message;
                return 'refused';
            }
            if (lists?.aborted) return 'loading';
            const obstacle = await findObstacle(this.#client.address, this.#page, this.#fetch);
            // One that has just been started may answer the second question, though not the first.
            return obstacle === 'refused' && again && !signal.aborted ? this.#ask(signal, false) : obstacle;
        }
    }

    /** @param {any} health @param {AbortSignal} signal */
    async #learn(health, signal) {
        const [voices, engines, rvc] = await Promise.all([
            this.#client.json('/v1/audio/voices', { signal, open: true }),
            withoutFail(this.#client.json('/api/engine', { signal })),
            withoutFail(this.#client.json('/api/rvcvoices', { signal })),
        ]);
        signal.throwIfAborted();
        const seen = JSON.stringify([health.instance, voices, engines, rvc]);
        if (seen === this.#seen) return;
        this.#seen = seen;
        const current = engines.engines?.find((/** @type {any} */ engine) => engine.current) ?? {};
        const name = String(engines.current ?? health.engine);
        this.engine = { name, title: String(current.title ?? name), blends: Boolean(current.blends) };
        this.catalogue = new VoiceCatalogue(voices.voices, forEngine(this.#settings, this.engine.name).blends);
        this.rvcVoices = (rvc.rvcvoices ?? []).map(String).filter((/** @type {string} */ name) => name !== NO_RVC);
    }

    /** @param {AbortSignal} signal */
    async #lease(signal) {
        while (!signal.aborted) {
            if (this.ready) {
                try {
                    const response = await this.#client.request('/api/lease', { signal });
                    const reader = response.body?.getReader();
                    while (reader && !(await reader.read()).done);
                } catch {
                    // The next look says why, if it is more than a broken connection.
                }
                if (!signal.aborted) void this.refresh();
            }
            await new Promise((resolve) => setTimeout(resolve, LEASE_RETRY_MS));
        }
    }

    /** @param {State} state */
    #set(state) {
        this.state = state;
        for (const listener of this.listeners) listener();
    }
}

/**
 * A server that speaks is of use, even if it cannot say what else it can do. A wrong key is another matter.
 * @param {Promise<any>} answer
 */
async function withoutFail(answer) {
    try {
        return await answer;
    } catch (error) {
        if (error instanceof ServerError && error.status !== 401) return {};
        throw error;
    }
}

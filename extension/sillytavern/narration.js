// @ts-check
/** One narration session on the server: text goes in as it grows, clips come out in order. */

import { ServerError, Unreachable } from './client.js';
import { graft, nextPush } from './edits.js';
import { readEvents } from './sse.js';
import { NO_RVC } from './voices.js';

/** @typedef {import('./client.js').Client} Client */
/** @typedef {{voice?: string, speed?: number, pitch?: number, volume?: number, rvc?: string | null, rvc_pitch?: number}} Member */
/** @typedef {{start: number, end: number, from: number, to: number}} WordTime */
/**
 * @typedef {object} Clip
 * @property {number} index
 * @property {string} role
 * @property {number} start
 * @property {number} end
 * @property {string} text
 * @property {number} duration
 * @property {WordTime[]} words
 * @property {string} url
 */
/**
 * @typedef {object} NarrationOptions
 * @property {Record<string, Member>} cast
 * @property {string} [speaker]
 * @property {string} [unmarked]
 * @property {string[]} [skip]
 * @property {string | null} [language]
 * @property {string} [format]
 * @property {string} [markup]
 * @property {string} [context]
 */
/**
 * @typedef {object} NarrationListener
 * @property {(clip: Clip) => void} [clip]
 * @property {(error: {message: string, code?: string | null}) => void} [clipFailed] not spoken, or without its RVC voice
 * @property {(end: {complete: boolean}) => void} [end] nothing more will come; `complete` when all of the text was made
 * @property {(error: Error) => void} [error] the session is lost; `end` follows
 */

/** Between two pushes, so that a fast model does not make a request per token. */
const PUSH_INTERVAL_MS = 60;
/** Waits before a lost request is sent again. */
const RETRY_MS = [200, 500, 1000, 2000, 4000];
/** How often a session whose opening was lost is opened again; then a person is told that nobody answers. */
const OPEN_RETRIES = 2;
/** The server answers 503 while a model is loading; that may take a while, and a person is waiting. */
const OPEN_RETRY_S = 30;

/** @param {number} ms @param {AbortSignal} signal */
function pause(ms, signal) {
    return new Promise((resolve) => {
        const end = () => (clearTimeout(timer), signal.removeEventListener('abort', end), resolve(undefined));
        const timer = setTimeout(end, ms);
        signal.addEventListener('abort', end);
    });
}

/**
 * A conversion that is gone is no reason to be silent: what is set on the server counts, as for a person without a choice,
 * and where that is gone too, there is none.
 * @param {Record<string, any>} body
 * @param {ServerError} error
 * @returns {boolean} whether there was one to leave out
 */
function withoutRvc(body, error) {
    const role = /^cast\.(.+)\.rvc$/s.exec(error.param ?? '')?.[1];
    if (!role) return false;
    const own = Object.hasOwn(body.cast, role) ? body.cast[role] : {};
    const gone = own.rvc;
    if (gone === NO_RVC) return false;
    if (!gone) {
        body.cast = { ...body.cast, [role]: { ...own, rvc: NO_RVC } };
        return true;
    }
    // That of others, too, or each of them would be told.
    const members = Object.entries(/** @type {Record<string, Member>} */ (body.cast)).map(([name, member]) => {
        const { rvc, rvc_pitch, ...rest } = member;
        return [name, rvc === gone ? rest : member];
    });
    body.cast = Object.fromEntries(members);
    return true;
}

export class Narration {
    #client;
    #listener;
    #abort = new AbortController();
    #held = '';
    #wanted = '';
    #final = false;
    #finalSent = false;
    #pushing = false;
    #ended = false;
    /** @type {{url: string, events_url: string, audio_url: string} | null} */
    #session = null;

    /**
     * @param {Client} client
     * @param {NarrationListener} listener
     */
    constructor(client, listener) {
        this.#client = client;
        this.#listener = listener;
    }

    /** The text as the server has it or will have it; clips' ranges count in it. */
    get text() {
        return this.#held;
    }

    /** Path of the whole sound, once the session is open. */
    get audioUrl() {
        return this.#session?.audio_url ?? null;
    }

    /**
     * Opens the session and keeps reading its events. Text written before this returns is not lost.
     * @param {NarrationOptions} options
     */
    async open(options) {
        await null; // so that what the caller writes right after this call goes into the same request
        let session;
        try {
            session = this.#session = await this.#opened({ format: 'wav', ...options });
        } catch (error) {
            this.#fail(error);
            return;
        }
        if (this.#abort.signal.aborted) {
            this.#delete();
            return;
        }
        void this.#listen(session.events_url);
        void this.#push();
    }

    /**
     * @param {string} text all of it so far
     * @param {boolean} final whether nothing will follow
     */
    write(text, final) {
        if (this.#final) return;
        this.#wanted = text;
        this.#final = final;
        void this.#push();
    }

    /** What was written is all. */
    finish() {
        this.write(this.#wanted, true);
    }

    /** Ends it inside the sentence. @param {{keepalive?: boolean}} [options] */
    cancel({ keepalive = false } = {}) {
        if (this.#ended) return;
        this.#ended = true;
        this.#abort.abort();
        this.#delete(keepalive);
    }

    /** @param {Record<string, unknown>} body @returns {Promise<{url: string, events_url: string, audio_url: string}>} */
    async #opened(body) {
        const signal = this.#abort.signal;
        const started = performance.now();
        /** What several parts have in common is told once. @type {Set<string>} */
        const told = new Set();
        let lost = 0;
        for (;;) {
            const text = this.#wanted;
            const final = this.#final;
            try {
                const session = await this.#client.json('/api/narrations', { method: 'POST', json: { ...body, text, final }, signal });
                this.#held = text;
                this.#finalSent = final;
                return session;
            } catch (error) {
                if (error instanceof ServerError && withoutRvc(body, error)) {
                    if (!told.has(error.message)) this.#listener.clipFailed?.(error);
                    told.add(error.message);
                    continue;
                }
                // Should the first one have come through after all, it ends by itself, since nobody reads it.
                if (error instanceof Unreachable && lost < OPEN_RETRIES) {
                    await pause(RETRY_MS[lost++], signal);
                    signal.throwIfAborted();
                    continue;
                }
                const waited = (performance.now() - started) / 1000;
                if (!(error instanceof ServerError) || error.status !== 503 || waited > OPEN_RETRY_S) throw error;
                await pause(Math.min(Math.max(error.retryAfter, 0.5), 5) * 1000, signal);
                signal.throwIfAborted();
            }
        }
    }

    async #push() {
        if (this.#pushing || !this.#session) return;
        this.#pushing = true;
        const { signal } = this.#abort;
        let lost = 0;
        try {
            while (!signal.aborted && (this.#held !== this.#wanted || this.#final !== this.#finalSent)) {
                try {
                    await this.#pushOnce(this.#session.url);
                    lost = 0;
                } catch (error) {
                    if (!(error instanceof Unreachable) || lost >= RETRY_MS.length) throw error;
                    await pause(RETRY_MS[lost++], signal);
                }
                if (!this.#final) await pause(PUSH_INTERVAL_MS, signal);
            }
        } catch (error) {
            this.#fail(error);
        } finally {
            this.#pushing = false;
        }
    }

    /** @param {string} url */
    async #pushOnce(url) {
        const wanted = this.#wanted;
        const final = this.#final;
        const push = nextPush(this.#held, wanted) ?? { offset: this.#held.length, text: '' };
        try {
            await this.#client.request(`${url}/text`, { method: 'POST', json: { ...push, final }, signal: this.#abort.signal });
            this.#held = wanted;
            this.#finalSent = final;
        } catch (error) {
            if (!(error instanceof ServerError)) throw error;
            if (error.code === 'already_spoken') {
                const grafted = graft(this.#held, wanted, Number(error.body.spoken_until));
                // Text written meanwhile wins; it is grafted in its own turn.
                if (this.#wanted === wanted) this.#wanted = grafted;
            } else if (error.code === 'text_gap') {
                this.#held = this.#held.slice(0, Number(error.body.length));
            } else if (error.status === 503) {
                await pause(Math.max(error.retryAfter, 0.1) * 1000, this.#abort.signal);
            } else throw error;
        }
    }

    /** @param {string} url */
    async #listen(url) {
        const { signal } = this.#abort;
        let last = '';
        let lost = 0;
        while (!signal.aborted && !this.#ended) {
            try {
                const response = await this.#client.request(last ? `${url}?after=${last}` : url, { signal, open: true });
                for await (const event of readEvents(response)) {
                    last = event.id || last;
                    lost = 0;
                    this.#heard(event.event, JSON.parse(event.data));
                    if (this.#ended) return;
                }
            } catch (error) {
                if (signal.aborted) return;
                if (error instanceof ServerError || lost >= RETRY_MS.length) return this.#fail(error);
            }
            await pause(RETRY_MS[Math.min(lost++, RETRY_MS.length - 1)], signal);
            if (lost > RETRY_MS.length) return this.#fail(new Unreachable(this.#client.address, null));
        }
    }

    /** @param {string} event @param {any} data */
    #heard(event, data) {
        if (event === 'clip') {
            this.#listener.clip?.(data);
        } else if (event === 'clip_failed' || event === 'conversion_failed') this.#listener.clipFailed?.(data.error);
        else if (event === 'done') this.#end(data.failed === 0);
        else if (event === 'cancelled') this.#end(false);
    }

    /** @param {boolean} complete */
    #end(complete) {
        if (this.#ended) return;
        this.#ended = true;
        this.#listener.end?.({ complete });
    }

    /** @param {unknown} error */
    #fail(error) {
        if (this.#ended || this.#abort.signal.aborted) return;
        this.#listener.error?.(error instanceof Error ? error : new Error(String(error)));
        this.#end(false);
        this.#abort.abort();
        this.#delete();
    }

    #delete(keepalive = false) {
        if (!this.#session) return;
        // A narration that cannot be cancelled ends by itself when nobody reads it.
        this.#client.request(this.#session.url, { method: 'DELETE', keepalive }).catch(() => undefined);
    }
}

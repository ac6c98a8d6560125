// @ts-check
/** Short samples of voices, one at a time. */

import { ServerError } from './client.js';
import { t } from './i18n.js';

/** @typedef {import('./client.js').Client} Client */

export class Preview {
    #client;
    #catalogue;
    /** @type {HTMLAudioElement | null} */
    #audio = null;
    #abort = new AbortController();

    /** @param {Client} client @param {() => import('./voices.js').VoiceCatalogue} catalogue */
    constructor(client, catalogue) {
        this.#client = client;
        this.#catalogue = catalogue;
    }

    /** @param {string} id @returns {Promise<void>} resolves when it was heard or stopped */
    async play(id) {
        this.stop();
        const { signal } = this.#abort;
        try {
            const blob = await (await this.#sample(id, signal)).blob();
            if (signal.aborted) return;
            await this.#playBlob(blob, signal);
        } catch (error) {
            if (!signal.aborted) throw error;
        }
    }

    stop() {
        this.#abort.abort();
        this.#abort = new AbortController();
        this.#audio?.pause();
        this.#audio = null;
    }

    /** @param {string} id @param {AbortSignal} signal */
    async #sample(id, signal) {
        const voice = this.#catalogue().find(id);
        if (voice?.kind !== 'blend') {
            try {
                return await this.#client.request(`/api/voices/${encodeURIComponent(id)}/preview`, { signal });
            } catch (error) {
                if (!(error instanceof ServerError) || error.status !== 404) throw error;
            }
        }
        const json = { model: 'tts-1', voice: id, input: t`Hello! This is how I sound.`, response_format: 'mp3' };
        return this.#client.request('/v1/audio/speech', { method: 'POST', json, signal });
    }

    /** @param {Blob} blob @param {AbortSignal} signal */
    async #playBlob(blob, signal) {
        const url = URL.createObjectURL(blob);
        const audio = (this.#audio = new Audio(url));
        try {
            await new Promise((resolve, reject) => {
                for (const event of ['ended', 'pause']) audio.addEventListener(event, resolve, { once: true });
                audio.addEventListener('error', () => reject(new Error(t`The sample could not be played.`)), { once: true });
                signal.addEventListener('abort', resolve, { once: true });
                audio.play().catch(reject);
            });
        } finally {
            URL.revokeObjectURL(url);
        }
    }
}

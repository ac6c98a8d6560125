// @ts-check
/** Our voices in the host's own text-to-speech panel. The host makes one of these each time the provider is chosen. */

import { labelFor } from './cast.js';
import * as host from './host.js';
import { t } from './i18n.js';
import { Narration } from './narration.js';
import { decodeId, encodeId, matchEngine } from './voices.js';

/** @typedef {import('./troupe.js').Troupe} Troupe */
/** @typedef {import('./narration.js').Clip} Clip */

/**
 * @param {Troupe} troupe
 * @param {string} html of the panel
 * @param {(element: HTMLElement) => () => void} mount fills the panel; its result takes it down
 * @returns {new () => object} the class the host wants
 */
export function providerClass(troupe, html, mount) {
    return class TroupeProvider {
        settings = {};
        settingsHtml = html;
        separator = ' ... ';
        #abort = new AbortController();
        /** @type {() => void} */
        #unmount = () => undefined;
        #watch = () => void this.#changed();
        /** The host tells a provider of no stop, and would play what arrives after it. */
        #stop = () => {
            this.#abort.abort();
            this.#abort = new AbortController();
        };
        /** What the host's voice map was built from. */
        #catalogue = troupe.connection.catalogue;

        /** @param {Record<string, any>} saved with the host's `voiceMap` in it; the host saves what `settings` then is */
        async loadSettings(saved) {
            this.settings = saved;
            this.#unmount();
            const panel = document.querySelector('#tts_provider_settings .troupe_provider');
            if (panel) this.#unmount = mount(/** @type {HTMLElement} */ (panel));
            troupe.connection.listeners.add(this.#watch);
            troupe.hostStops.add(this.#stop);
            troupe.connection.use('provider');
        }

        /** @throws {Error} with what a person can do about it; the host shows it in its panel */
        async checkReady() {
            await troupe.connected();
            const missing = matchEngine(
                troupe.settings,
                (/** @type {any} */ (this.settings).voiceMap ??= {}),
                troupe.connection.engine?.name ?? '',
                troupe.connection.catalogue,
            );
            this.#catalogue = troupe.connection.catalogue;
            troupe.tellMissing(missing);
        }

        async onRefreshClick() {
            await troupe.connection.reconnect();
            await troupe.connected();
        }

        async fetchTtsVoiceObjects() {
            await troupe.connected();
            // No preview_url: the host would load the sample of every voice as soon as the list is opened.
            return troupe.connection.catalogue.voices.map((voice) => ({
                name: voice.label,
                voice_id: encodeId(voice.id),
                lang: voice.languages.join(', '),
            }));
        }

        /** @param {string} name a label of the voice map; one that this engine lacks is spoken by the default voice */
        async getVoice(name) {
            await troupe.connected();
            const { catalogue } = troupe.connection;
            const chosen = catalogue.find(name);
            const voice = chosen ?? catalogue.find(labelFor(host.company(), '')) ?? catalogue.find(catalogue.first);
            if (!voice) throw new Error(t`The speech server has no voices.`);
            if (!chosen) troupe.tellMissing({ [name]: name });
            return { name: voice.label, voice_id: encodeId(voice.id) };
        }

        /** @param {string} voiceId */
        async previewTtsVoice(voiceId) {
            await troupe.preview.play(decodeId(voiceId));
        }

        /**
         * Sentence by sentence, so that the host plays the first while the next is made.
         * @param {string} text
         * @param {string} voiceId
         * @param {string | null} [row] of the voice map: a name, perhaps with ` ("Quotes")` behind it
         * @returns {AsyncGenerator<Response>}
         */
        async *generateTts(text, voiceId, row = null) {
            const { signal } = this.#abort;
            await troupe.connected();
            if (signal.aborted) return;
            const [name, part] = (row ?? '').split(/ \(("Quotes"|\*Text inside asterisks\*|Other text)\)$/);
            const queue = new ClipQueue();
            const narration = new Narration(troupe.client, queue);
            const stop = () => (narration.cancel(), queue.end());
            signal.addEventListener('abort', stop, { once: true });
            try {
                narration.write(text, true);
                void narration.open({ cast: troupe.castFor(decodeId(voiceId), name, part?.startsWith('*')), format: 'mp3' });
                for await (const clip of queue.clips()) {
                    const response = await troupe.client.request(clip.url, { signal, open: true });
                    if (signal.aborted) return;
                    yield response;
                }
                troupe.spokeWell();
            } catch (error) {
                if (signal.aborted) return;
                troupe.note(/** @type {Error} */ (error));
                throw error;
            } finally {
                signal.removeEventListener('abort', stop);
                narration.cancel();
            }
        }

        dispose() {
            this.#stop();
            this.#unmount();
            troupe.connection.listeners.delete(this.#watch);
            troupe.hostStops.delete(this.#stop);
            troupe.connection.release('provider');
        }

        async #changed() {
            if (!troupe.connection.ready || this.#catalogue === troupe.connection.catalogue) return;
            this.#catalogue = troupe.connection.catalogue;
            await host.rebuildVoiceMap();
        }
    };
}

/** Clips as they are announced, for a consumer that takes them one by one. */
class ClipQueue {
    /** @type {Clip[]} */
    #clips = [];
    /** @type {Error | null} */
    #error = null;
    #ended = false;
    /** @type {() => void} */
    #wake = () => undefined;

    /** @param {Clip} clip */
    clip(clip) {
        this.#clips.push(clip);
        this.#wake();
    }

    /** @param {{message: string}} error */
    clipFailed(error) {
        this.#error ??= new Error(error.message);
    }

    /** @param {Error} error */
    error(error) {
        this.#error = error;
    }

    end() {
        this.#ended = true;
        this.#wake();
    }

    /** @returns {AsyncGenerator<Clip>} */
    async *clips() {
        for (;;) {
            const clip = this.#clips.shift();
            if (clip) yield clip;
            else if (this.#ended) break;
            else await new Promise((resolve) => (this.#wake = () => resolve(undefined)));
        }
        if (this.#error) throw this.#error;
    }
}

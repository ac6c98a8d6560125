// @ts-check
/** The voices in the host's text-to-speech panel: find, listen, choose, set a speed, blend, convert. */

import * as host from './host.js';
import { t } from './i18n.js';
import { mountServerBox } from './server-box.js';
import { clampSpeed, forEngine } from './settings.js';
import { DEFAULT_VOICE, NO_RVC } from './voices.js';

/** @typedef {import('./troupe.js').Troupe} Troupe */
/** @typedef {import('./voices.js').Voice} Voice */

/**
 * @param {HTMLElement} panel
 * @param {string} serverBox
 * @param {Troupe} troupe
 * @returns {() => void} takes it down
 */
export function mountVoicePanel(panel, serverBox, troupe) {
    const view = new VoicePanel(panel, troupe);
    const slot = /** @type {HTMLElement} */ (panel.querySelector('.troupe_server_slot'));
    const unmountBox = mountServerBox(slot, serverBox, troupe);
    const draw = () => view.draw();
    troupe.connection.listeners.add(draw);
    troupe.listeners.add(draw);
    const endWatch = host.onVoiceChosen(draw);
    view.draw();
    return () => {
        endWatch();
        troupe.connection.listeners.delete(draw);
        troupe.listeners.delete(draw);
        troupe.preview.stop();
        unmountBox();
    };
}

class VoicePanel {
    #panel;
    #troupe;
    #drawn = '';

    /** @param {HTMLElement} panel @param {Troupe} troupe */
    constructor(panel, troupe) {
        this.#panel = panel;
        this.#troupe = troupe;
        for (const name of ['search', 'language', 'gender']) this.#part(name).addEventListener('input', () => this.#drawList());
        this.#part('person').addEventListener('input', () => (this.#drawList(), this.#drawRvc()));
        // The people of the chat change without a word to us; they are asked for when they are needed.
        this.#part('person').addEventListener('focus', () => this.#drawPeople());
        this.#part('rvc_voice').addEventListener('input', () => this.#setRvc());
        this.#part('rvc_pitch').addEventListener('change', () => this.#setRvc());
        this.#part('blend_listen').addEventListener('click', () => void this.#listen(this.#recipe()));
        this.#part('blend_save').addEventListener('click', () => void this.#keepBlend());
        panel.addEventListener('keydown', (event) => {
            if (event.key === 'Enter' && event.target instanceof HTMLInputElement) event.preventDefault();
        });
    }

    draw() {
        const { connection, missing, settings } = this.#troupe;
        const lost = Object.entries(missing).map(([name, label]) => (name === label ? label : `${name}: ${label}`));
        this.#part('missing').textContent = lost.length
            ? t`This engine does not have these voices, so the default voice speaks: ${lost.join(', ')}`
            : '';
        this.#part('voices').hidden = !connection.ready;
        const state = JSON.stringify([connection.catalogue.voices, connection.rvcVoices, host.company(), settings.engines]);
        if (state === this.#drawn) return; // a list being used must not be torn down under the finger
        this.#drawn = state;
        this.#drawPeople();
        fill(this.#part('language'), [['', t`all languages`], ...connection.catalogue.languages.map(same)]);
        fill(this.#part('gender'), [['', t`all voices`], ...connection.catalogue.genders.map(same)]);
        this.#drawList();
        this.#drawRvc();
        this.#drawBlend();
    }

    /** @param {string} name @returns {any} */
    #part(name) {
        return this.#panel.querySelector(`.troupe_${name}`);
    }

    get #person() {
        return this.#part('person').value || DEFAULT_VOICE;
    }

    #drawPeople() {
        const { user, people } = host.company();
        const names = [...new Set([DEFAULT_VOICE, ...people, user])];
        fill(this.#part('person'), names.map((name) => [name, name === DEFAULT_VOICE ? t`everybody without a choice` : name]));
    }

    #drawList() {
        const voices = this.#troupe.connection.catalogue.search({
            text: this.#part('search').value,
            language: this.#part('language').value,
            gender: this.#part('gender').value,
        });
        const rows = voices.map((voice) => this.#row(voice));
        const none = document.createElement('small');
        none.textContent = t`No voice is like that.`;
        this.#part('voice_list').replaceChildren(...(rows.length ? rows : [none]));
    }

    /** @param {Voice} voice */
    #row(voice) {
        const chosen = host.company().map[this.#person] === voice.label;
        const row = element('div', `troupe_voice${chosen ? ' troupe_chosen' : ''}`);
        row.setAttribute('role', 'listitem');
        const play = button('fa-solid fa-play', t`Listen`, () => void this.#listen(voice.id, play));
        const name = element('button', 'troupe_voice_name');
        name.setAttribute('type', 'button');
        name.title = t`Choose this voice`;
        name.append(element('b', '', voice.label), element('small', '', about(voice)));
        name.addEventListener('click', () => void this.#choose(voice));
        row.append(play, name, this.#speedInput(voice));
        if (voice.kind === 'blend') row.append(button('fa-solid fa-trash-can', t`Remove`, () => void this.#removeBlend(voice)));
        return row;
    }

    /** @param {Voice} voice */
    #speedInput(voice) {
        const { speeds } = this.#engine;
        const input = /** @type {HTMLInputElement} */ (element('input', 'text_pole troupe_voice_speed'));
        Object.assign(input, { type: 'number', min: '0.5', max: '2', step: '0.05', title: t`Speed of this voice` });
        input.value = String(speeds[voice.id] ?? 1);
        input.addEventListener('change', () => {
            const speed = clampSpeed(input.value);
            input.value = String(speed);
            if (speed === 1) delete speeds[voice.id];
            else speeds[voice.id] = speed;
            host.save();
        });
        return input;
    }

    get #engine() {
        return forEngine(this.#troupe.settings, this.#troupe.connection.engine?.name ?? '');
    }

    /** @param {Voice} voice */
    async #choose(voice) {
        await host.assignVoice(this.#person, voice.label);
        delete this.#troupe.missing[this.#person];
        this.draw();
        this.#drawList();
    }

    /** @param {string} id @param {HTMLElement} [control] shows that it plays */
    async #listen(id, control) {
        if (control?.classList.contains('troupe_playing')) return this.#troupe.preview.stop();
        control?.classList.add('troupe_playing');
        try {
            await this.#troupe.preview.play(id);
        } catch (error) {
            this.#troupe.tell(/** @type {Error} */ (error));
        } finally {
            control?.classList.remove('troupe_playing');
        }
    }

    #drawRvc() {
        const { rvcVoices } = this.#troupe.connection;
        const { settings } = this.#troupe;
        this.#part('rvc').hidden = rvcVoices.length === 0;
        const own = settings.rvc[this.#person];
        const everybody = this.#person !== DEFAULT_VOICE && settings.rvc[DEFAULT_VOICE];
        const usual = everybody ? t`as for everybody without a choice` : t`as set on the server`;
        fill(this.#part('rvc_voice'), rvcOptions(usual, rvcVoices, own?.voice));
        this.#part('rvc_voice').value = own?.voice ?? '';
        this.#part('rvc_pitch').value = String(own?.pitch ?? 0);
    }

    #setRvc() {
        const { rvc } = this.#troupe.settings;
        const voice = this.#part('rvc_voice').value;
        const pitch = Math.max(-24, Math.min(24, Math.round(Number(this.#part('rvc_pitch').value)) || 0));
        if (voice) rvc[this.#person] = { voice, pitch };
        else delete rvc[this.#person];
        host.save();
    }

    #drawBlend() {
        const { engine, catalogue } = this.#troupe.connection;
        this.#part('blend').hidden = !engine?.blends;
        const pure = catalogue.voices.filter(({ kind, elsewhere }) => kind !== 'openai' && kind !== 'blend' && !elsewhere);
        for (const name of ['blend_a', 'blend_b']) fill(this.#part(name), pure.map(({ id, label }) => [id, label]));
    }

    #recipe() {
        const balance = Number(this.#part('blend_balance').value);
        return `${this.#part('blend_a').value}(${10 - balance})+${this.#part('blend_b').value}(${balance})`;
    }

    async #keepBlend() {
        const voice = this.#recipe();
        this.#engine.blends.push({ name: this.#part('blend_name').value.trim() || voice, voice });
        this.#part('blend_name').value = '';
        await this.#blendsChanged();
    }

    /** @param {Voice} voice */
    async #removeBlend(voice) {
        this.#engine.blends = this.#engine.blends.filter((blend) => blend.voice !== voice.id);
        await this.#blendsChanged();
    }

    async #blendsChanged() {
        host.save();
        await this.#troupe.connection.refresh();
    }
}

/** @param {string} text @returns {[string, string]} */
const same = (text) => [text, text];

/** @param {Voice} voice */
function about(voice) {
    if (voice.kind === 'openai') return t`OpenAI name, mapped on the server`;
    if (voice.kind === 'blend') return voice.id;
    return [voice.languages.join(', '), voice.gender, voice.licence].filter(Boolean).join(' · ');
}

/** @param {string} tag @param {string} classes @param {string} [text] */
function element(tag, classes, text = '') {
    const made = document.createElement(tag);
    if (classes) made.className = classes;
    if (text) made.textContent = text;
    return made;
}

/** @param {string} icon @param {string} title @param {() => void} action */
function button(icon, title, action) {
    const made = element('button', `menu_button ${icon}`);
    made.setAttribute('type', 'button');
    made.title = title;
    made.setAttribute('aria-label', title);
    made.addEventListener('click', action);
    return made;
}

/**
 * What can be converted to; a choice that is not there any more stays in sight.
 * @param {string} usual what no choice means
 * @param {string[]} voices
 * @param {string} [chosen]
 * @returns {[string, string][]}
 */
export function rvcOptions(usual, voices, chosen = '') {
    const gone = chosen && chosen !== NO_RVC && !voices.includes(chosen) ? [chosen] : [];
    return [['', usual], [NO_RVC, t`Disabled`], ...[...voices, ...gone].map(same)];
}

/** @param {HTMLSelectElement} select @param {[string, string][]} options */
export function fill(select, options) {
    const { value } = select;
    select.replaceChildren(...options.map(([key, text]) => new Option(text, key)));
    if (options.some(([key]) => key === value)) select.value = value;
}

// @ts-check
/** The live narrator's own panel. */

import * as host from './host.js';
import { t } from './i18n.js';
import { mountServerBox } from './server-box.js';
import { clampSpeed } from './settings.js';
import { fill, rvcOptions } from './voice-panel.js';

/** @typedef {import('./troupe.js').Troupe} Troupe */

/**
 * @param {{drawer: string, serverBox: string}} html
 * @param {Troupe} troupe
 */
export function mountDrawer(html, troupe) {
    const place = document.querySelector('#extensions_settings2') ?? document.querySelector('#extensions_settings');
    place?.insertAdjacentHTML('beforeend', html.drawer);
    const drawer = /** @type {HTMLElement} */ (document.querySelector('#troupe_settings'));
    const part = (/** @type {string} */ selector) => /** @type {any} */ (drawer.querySelector(selector));
    const { settings, connection } = troupe;

    mountServerBox(part('.troupe_server_slot'), html.serverBox, troupe);
    const draw = () => {
        part('.troupe_live').checked = settings.live;
        part('.troupe_voices_hint').hidden = host.providerChosen();
        const labels = connection.catalogue.voices.map(({ label }) => label);
        if (settings.narrator && !labels.includes(settings.narrator)) labels.push(settings.narrator);
        fill(part('#troupe_narrator'), [['', t`the speaking character's`], ...labels.map((label) => /** @type {[string, string]} */ ([label, label]))]);
        part('#troupe_narrator').value = settings.narrator;
        for (const each of drawer.querySelectorAll('#troupe_narrator_rvc, [for="troupe_narrator_rvc"]')) {
            /** @type {HTMLElement} */ (each).hidden = connection.rvcVoices.length === 0;
        }
        const usual = settings.narrator ? t`as set on the server` : t`the speaking character's`;
        fill(part('#troupe_narrator_rvc'), rvcOptions(usual, connection.rvcVoices, settings.narratorRvc));
        part('#troupe_narrator_rvc').value = settings.narratorRvc;
        part('#troupe_unmarked').value = settings.unmarked;
        for (const box of /** @type {NodeListOf<HTMLInputElement>} */ (drawer.querySelectorAll('.troupe_skip input'))) {
            box.checked = settings.skip.includes(box.value);
        }
        for (const name of /** @type {const} */ (['speed', 'volume'])) {
            part(`#troupe_${name}`).value = String(settings[name]);
            part(`.troupe_${name}_value`).textContent = `${Math.round(settings[name] * 100)} %`;
        }
        for (const box of drawer.querySelectorAll('[data-setting]')) {
            const input = /** @type {HTMLInputElement & {dataset: {setting: 'user' | 'interrupt' | 'highlight'}}} */ (box);
            input.checked = settings[input.dataset.setting];
        }
    };
    drawer.addEventListener('input', ({ target }) => {
        const input = /** @type {HTMLInputElement} */ (target);
        if (input.matches('.troupe_live')) return troupe.setLive(input.checked);
        if (input.matches('#troupe_narrator')) settings.narrator = input.value;
        else if (input.matches('#troupe_narrator_rvc')) settings.narratorRvc = input.value;
        else if (input.matches('#troupe_unmarked')) settings.unmarked = input.value;
        else if (input.matches('.troupe_skip input')) settings.skip = ticked(drawer);
        else if (input.matches('#troupe_speed')) settings.speed = clampSpeed(input.value);
        else if (input.matches('#troupe_volume')) settings.volume = troupe.player.volume = Number(input.value);
        else if (input.dataset.setting) Object.assign(settings, { [input.dataset.setting]: input.checked });
        else return;
        troupe.save();
    });
    part('.troupe_choose').addEventListener('click', () => {
        host.chooseProvider();
        const panel = document.querySelector('#tts_settings');
        const content = /** @type {HTMLElement | null | undefined} */ (panel?.querySelector('.inline-drawer-content'));
        if (content && !content.offsetParent) /** @type {HTMLElement | null} */ (panel?.querySelector('.inline-drawer-toggle'))?.click();
        panel?.scrollIntoView({ behavior: 'smooth' });
        draw();
    });
    keepHostSilent(troupe);
    connection.listeners.add(draw);
    troupe.listeners.add(draw);
    draw();
}

/** Ours and the host's automatic narration are one or the other: ticking the host's switches ours off. @param {Troupe} troupe */
function keepHostSilent(troupe) {
    $(document).on('change', '#tts_auto_generation', () => {
        if (!troupe.settings.live || !$('#tts_auto_generation').prop('checked')) return;
        troupe.settings.hostAuto = true;
        troupe.setLive(false);
        host.toast('info', t`Troupe's live narrator is off now, so that nothing is spoken twice.`);
    });
}

/** @param {HTMLElement} drawer */
function ticked(drawer) {
    const boxes = /** @type {NodeListOf<HTMLInputElement>} */ (drawer.querySelectorAll('.troupe_skip input:checked'));
    return Array.from(boxes, (box) => box.value);
}

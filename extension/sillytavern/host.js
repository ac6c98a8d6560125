// @ts-check
/** SillyTavern, as far as this extension knows it. The only module that touches the host's globals and controls. */

/** @typedef {{name: string, mes: string, is_user: boolean, is_system: boolean, extra?: Record<string, any>}} Message */
/** @typedef {import('./cast.js').Company} Company */

const TTS_MODULE = '/scripts/extensions/tts/index.js';
export const PROVIDER = 'Troupe';

/** A snapshot; ask again each time. @returns {any} */
export const context = () => SillyTavern.getContext();

/** @returns {Promise<any | null>} the built-in TTS extension; null when a person has switched it off */
export async function ttsModule() {
    if (context().extensionSettings.disabledExtensions?.includes('tts')) return null;
    return import(/* the host's own instance */ TTS_MODULE);
}

/** @returns {any} settings of the built-in TTS extension */
export const ttsSettings = () => context().extensionSettings.tts ?? {};

/**
 * The host awaits its listeners one after another, for every token too, so nothing here may be waited for.
 * @param {string} event name in the host's table; unknown to older hosts: never called
 * @param {(...args: any[]) => void} listener
 */
export function on(event, listener) {
    const { eventSource, eventTypes } = context();
    if (!eventTypes[event]) return;
    eventSource.on(eventTypes[event], (/** @type {any[]} */ ...args) => void listener(...args));
}

/**
 * Resolves when the host's page is built; at once when it already is.
 * The host does not tell a listener that is added while it tells the others (as when we are installed just then), but one
 * that is added afterwards: so it is added anew until it is told.
 */
export function appReady() {
    const { eventSource, eventTypes } = context();
    return new Promise((resolve) => {
        const told = () => {
            clearInterval(again);
            resolve(undefined);
        };
        const listen = () => {
            eventSource.removeListener(eventTypes.APP_READY, told);
            eventSource.on(eventTypes.APP_READY, told);
        };
        const again = setInterval(listen, 500);
        listen();
    });
}

/** @returns {Message | null} the message being written */
export function streamedMessage() {
    const { chat, streamingProcessor } = context();
    const message = chat[streamingProcessor?.messageId ?? chat.length - 1];
    return message && !message.is_user ? message : null;
}

/** Whether the host has the rest of this message still to come. @param {Message} message */
export function isWriting(message) {
    const { chat, streamingProcessor } = context();
    return Boolean(streamingProcessor && !streamingProcessor.isStopped && !streamingProcessor.isFinished) && chat[streamingProcessor.messageId] === message;
}

/** What is to be spoken of a message. @param {Message} message @returns {string} */
export function spokenText(message) {
    if (!speaksTranslation()) return context().substituteParams(message.mes);
    return message.extra?.display_text || message.mes;
}

/** A translation exists only when the message is complete. */
export const speaksTranslation = () => Boolean(ttsSettings().narrate_translated_only);

/** @returns {Company} */
export function company() {
    const { name1, name2, groupId, groups, characters } = context();
    const tts = ttsSettings();
    const group = groupId ? groups.find((/** @type {any} */ entry) => entry.id == groupId) : null;
    const people = group
        ? group.members.map((/** @type {string} */ avatar) => characters.find((/** @type {any} */ c) => c.avatar === avatar)?.name)
        : [name2];
    const map = tts[PROVIDER]?.voiceMap;
    return {
        map: map && typeof map === 'object' ? map : {},
        multiVoice: Boolean(tts.multi_voice_enabled),
        user: name1,
        people: people.filter(Boolean),
    };
}

/** The host's automatic narration, which would say everything a second time. */
export const hostNarrates = () => Boolean(ttsSettings().auto_generation) && Boolean(ttsSettings().enabled);

/** @param {boolean} on */
export function setHostNarration(on) {
    const tts = ttsSettings();
    if (tts.auto_generation === on) return;
    tts.auto_generation = on;
    $('#tts_auto_generation').prop('checked', on);
    save();
}

export const providerChosen = () => ttsSettings().currentProvider === PROVIDER && Boolean(ttsSettings().enabled);

/** What makes the host empty its own narration queue. @param {() => void} reset */
export function onQueueReset(reset) {
    on('MESSAGE_SWIPED', reset);
    on('CHAT_CHANGED', reset);
    let last = context().chat.at(-1);
    on('MESSAGE_DELETED', () => {
        // An older message may go while the last one is being read.
        if (!context().chat.includes(last)) reset();
    });
    for (const event of ['CHARACTER_MESSAGE_RENDERED', 'USER_MESSAGE_RENDERED']) on(event, () => (last = context().chat.at(-1)));
    $(document).on('click', '#ttsExtensionMenuItem, .mes_narrate', reset);
}

/** Chooses our provider by the host's own controls, so that everything behind them happens. */
export function chooseProvider() {
    if ($('#tts_provider').val() !== PROVIDER) $('#tts_provider').val(PROVIDER).trigger('change');
    if (!$('#tts_enabled').prop('checked')) $('#tts_enabled').trigger('click');
    $('#tts_refresh').trigger('click');
}

/**
 * Gives a person of the chat a voice, through the host's own drop-down where it stands.
 * @param {string} name a row of the voice map
 * @param {string} label
 */
export async function assignVoice(name, label) {
    const rows = Array.from(document.querySelectorAll('#tts_voicemap_block .tts_voicemap_block_char'));
    const row = rows.find((element) => element.querySelector('span')?.textContent === name);
    if (row) {
        $(row.querySelector('select')).val(label).trigger('change');
        return;
    }
    const own = (ttsSettings()[PROVIDER] ??= {});
    (own.voiceMap ??= {})[name] = label;
    save();
    await rebuildVoiceMap();
}

/** The host's drop-downs. @param {() => void} listener @returns {() => void} ends it */
export function onVoiceChosen(listener) {
    const rows = '#tts_voicemap_block select';
    $(document).on('change.troupe', rows, listener);
    return () => $(document).off('change.troupe', rows, listener);
}

/** The host reads provider and voices anew. */
export async function rebuildVoiceMap() {
    if (providerChosen()) await (await ttsModule())?.initVoiceMap?.();
}

export const save = () => context().saveSettingsDebounced();

/**
 * @param {'info' | 'warning' | 'error' | 'success'} kind
 * @param {string} text
 * @param {{stays?: boolean}} [how] until it is clicked
 * @returns {() => void} takes it away
 */
export function toast(kind, text, { stays = false } = {}) {
    const lasting = { timeOut: 0, extendedTimeOut: 0, closeButton: true, preventDuplicates: true };
    const shown = toastr[kind](text, 'Troupe', { escapeHtml: true, ...(stays ? lasting : {}) });
    return () => void (shown && toastr.clear(shown, { force: true }));
}

/** @param {object} message @returns {HTMLElement | null} its text on the page */
export function textElement(message) {
    const id = context().chat.indexOf(message);
    return id < 0 ? null : document.querySelector(`#chat .mes[mesid="${id}"] .mes_text`);
}

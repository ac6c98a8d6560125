// @ts-check
/** Entry of the SillyTavern extension. */

import { mountBar } from './bar.js';
import { addCommands } from './commands.js';
import { mountDrawer } from './drawer.js';
import * as host from './host.js';
import { t } from './i18n.js';
import { mountMessageButtons } from './message-buttons.js';
import { providerClass } from './provider.js';
import { Troupe } from './troupe.js';
import { mountVoicePanel } from './voice-panel.js';

const TEMPLATES = ['drawer', 'server-box', 'provider', 'bar', 'message-buttons'];

/** @returns {Promise<Record<string, string>>} the folder may have any name, so it is asked of this module */
async function loadTemplates() {
    const load = async (/** @type {string} */ name) => {
        const response = await fetch(new URL(`./${name}.html`, import.meta.url));
        if (!response.ok) throw new Error(`${name}.html: ${response.status}`);
        return [name, await response.text()];
    };
    return Object.fromEntries(await Promise.all(TEMPLATES.map(load)));
}

async function start() {
    const [tts, html] = await Promise.all([host.ttsModule(), loadTemplates()]);
    if (tts && !tts.registerTtsProvider) {
        toastr.error(t`Troupe needs SillyTavern 1.13.1 or newer.`, 'Troupe', { timeOut: 0 });
        return null;
    }
    const troupe = new Troupe();
    // Before the built-in extension reads which provider was chosen, or a reload would not find ours.
    tts?.registerTtsProvider(
        host.PROVIDER,
        providerClass(troupe, html.provider, (panel) => mountVoicePanel(panel, html['server-box'], troupe)),
    );
    void host.appReady().then(() => {
        mountDrawer({ drawer: html.drawer, serverBox: html['server-box'] }, troupe);
        mountBar(html.bar, troupe);
        mountMessageButtons(html['message-buttons'], troupe);
        addCommands(troupe);
        troupe.start();
    });
    return troupe;
}

// Hosts before 1.17 know no hooks, so evaluating the module is what starts it everywhere; the hooks below wait for that.
const started = start();

/** Hook: the host waits for it before it goes on to its own text-to-speech extension. */
export async function activate() {
    await started;
}

/** Hooks: whoever takes the extension away gets the host's own narration back as it was. */
export async function disable() {
    (await started)?.setLive(false);
}

// SillyTavern's own providers, unchanged, against our server at TROUPE_URL (engine `tone`).
// Page and server are reached once by the same host name and once by `localhost` and `127.0.0.1`: then the browser calls
// the sound a cross-site one, and says so without naming an origin.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as tv from './tavern.mjs';

const server = process.env.TROUPE_URL ?? '';
const port = new URL(server).port;
const hosts = ['127.0.0.1', 'localhost'];
const LINE = '*She turns around.* "Hello." A door closes,';
const closing = [];
let browser, tavern, voices;

before(async () => {
    voices = (await (await fetch(`${server}/api/voices`)).json()).voices;
    tavern = await tv.startTavern();
    closing.push(tavern.stop);
    browser = await tv.startBrowser();
    closing.push(() => browser.close());
});
after(async () => {
    for (const close of closing.reverse()) await close();
});

/** A page on SillyTavern by that host name, with its TTS panel open and that provider chosen. */
async function withProvider(name, host, setUp) {
    const { page, problems } = await tv.openPage(browser, `http://${host}:${tavern.port}`);
    await tv.chooseSeraphina(page);
    await tv.openExtensions(page);
    await tv.openDrawer(page, '#tts_settings');
    await page.locator('#tts_provider').selectOption(name);
    await page.waitForTimeout(400);
    await setUp(page);
    for (const box of ['#tts_enabled', '#tts_auto_generation']) await page.locator(box).check();
    await page.locator('#tts_refresh').click();
    await page.locator('#tts_voicemap_char_Seraphina_voice').waitFor({ state: 'attached' });
    await page.waitForTimeout(800);
    return { page, problems };
}
const type = async (page, selector, value) => {
    await page.locator(selector).fill(value);
    await page.locator(selector).dispatchEvent('input');
    await page.locator(selector).dispatchEvent('change');
};
/** A select that may be filled later. */
const pick = async (page, selector, value) => {
    await tv.until(() => page.locator(`${selector} option`).evaluateAll((all, wanted) => all.some((o) => o.value === wanted), value), `${selector} to offer ${value}`);
    await page.locator(selector).selectOption(value);
};
const speaks = (page, voice) => pick(page, '#tts_voicemap_char_Seraphina_voice', voice);
const toasts = (page) => page.locator('#toast-container .toast-error').allTextContents();

let said = 0;
/** What the host's player played of a message to its end. The host says nothing twice, so every message differs. */
async function narrate(page) {
    const before = (await tv.sounds(page, 'element')).length;
    // The first message after a chat was opened is never narrated by the host.
    if (before === 0) await tv.slash(page, '/send Good evening.');
    await tv.slash(page, `/sendas name="Seraphina" ${LINE} ${'One two three four five'.split(' ')[said++ % 5]}.`);
    const heard = async () => (await tv.sounds(page, 'element')).slice(before).filter(({ id, ended, src }) => id === 'tts_audio' && ended && !/silence/.test(src));
    await tv.until(async () => (await heard()).length >= 1, `sound; said: ${await toasts(page)}`);
    return heard();
}

for (const pageHost of hosts) {
    let page;

    for (const serverHost of hosts) {
        const endpoint = `http://${serverHost}:${port}`;

        test(`AllTalk with the page at ${pageHost} and the server at ${serverHost}`, async () => {
            const address = async (fresh) => {
                await type(fresh, '#at_server', endpoint);
                await fresh.waitForTimeout(1200);
            };
            if (page) await address(page);
            else ({ page } = await withProvider('AllTalk', pageHost, address));
            await speaks(page, voices[0]);
            await pick(page, '#at_generation_method', 'standard_generation');
            const [whole] = await narrate(page);
            assert.match(whole.src, /^data:audio\//); // the host has fetched the file itself
            assert.ok(whole.duration > 0.8, `${whole.duration} s`);
            await pick(page, '#at_generation_method', 'streaming_enabled');
            const [stream] = await narrate(page);
            assert.ok(stream.src.startsWith(`${endpoint}/api/tts-generate-streaming`), stream.src);
            assert.ok(stream.duration > 0.8, `${stream.duration} s`);
            assert.match(await page.locator('#status_info').innerText(), /Ready/);
        });
    }

    if (pageHost !== hosts.at(-1)) continue;

    test('AllTalk with a narrator, and with the narrator silent', async () => {
        await pick(page, '#at_generation_method', 'standard_generation');
        await pick(page, '#at_narrator_enabled', 'true');
        await pick(page, '#narrator_voice', voices[1]);
        const [both] = await narrate(page);
        await pick(page, '#at_narrator_enabled', 'silent');
        const [quotes] = await narrate(page);
        assert.ok(quotes.duration < both.duration - 0.3, `${quotes.duration} s of ${both.duration} s`);
    });

    test('AllTalk with RVC for character and narrator', async () => {
        for (const who of ['character', 'narrator']) {
            assert.deepEqual(await page.locator(`#rvc_${who}_voice option`).allTextContents(), ['Disabled', 'Ghost', 'Wraith']);
        }
        await pick(page, '#at_narrator_enabled', 'true');
        await pick(page, '#rvc_character_voice', 'Ghost');
        await pick(page, '#rvc_narrator_voice', 'Wraith');
        await pick(page, '#rvc_narrator_pitch', '5');
        assert.ok((await narrate(page))[0].duration > 0.8); // what the server was asked for is looked at there
        for (const who of ['character', 'narrator']) await pick(page, `#rvc_${who}_voice`, 'Disabled');
    });

    test('AllTalk: the sample of a voice is heard', async () => {
        const before = (await tv.sounds(page, 'element')).length;
        await page.locator('#tts_voices').click();
        await page.locator('dialog.popup[open] .voice_preview .fa-play').first().click();
        const samples = async () => (await tv.sounds(page, 'element')).slice(before);
        await tv.until(async () => (await samples()).some(({ ended, duration }) => ended && duration > 0.1), 'the sample');
        await page.close();
    });
}

test('OpenAI Compatible, with names as people type them', async () => {
    const { page } = await withProvider('OpenAI Compatible', hosts[0], async (fresh) => {
        await type(fresh, '#openai_compatible_tts_endpoint', `${server}/v1/audio/speech`);
        await type(fresh, '#openai_compatible_model', 'tts-1');
        await type(fresh, '#openai_compatible_tts_voices', 'nova, Onyx,nobody');
    });
    await speaks(page, ' Onyx');
    const [clip] = await narrate(page);
    assert.ok(clip.duration > 0.8, `${clip.duration} s`);
    await speaks(page, 'nobody');
    await tv.slash(page, '/sendas name="Seraphina" This voice does not exist.');
    const said = await tv.until(async () => (await toasts(page)).find((text) => text.includes('nobody')), 'the refusal in a toast');
    assert.ok(said.length < 400, said);
    await page.close();
});

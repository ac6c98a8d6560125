// How soon a streamed reply is heard, by hand: node first-sound.mjs (environment as in tavern.mjs, and TROUPE_URL).
// Printed in seconds, for a model that types 12 words per second: from the first token, and from the end of the first sentence.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { startModel } from './stub-llm.mjs';
import * as tv from './tavern.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
const model = await startModel({ wordsPerSecond: 12 });
const tavern = await tv.startTavern({ extension: root });
const browser = await tv.startBrowser();
try {
    const { page } = await tv.openPage(browser, tavern.url);
    await page.locator('#troupe_settings').waitFor({ state: 'attached' });
    await page.evaluate((url) => {
        $('#troupe_settings .troupe_address').val(url)[0].dispatchEvent(new Event('change', { bubbles: true }));
        $('#troupe_settings .troupe_live').prop('checked', true)[0].dispatchEvent(new Event('input', { bubbles: true }));
    }, process.env.TROUPE_URL);
    await page.waitForTimeout(2000);
    await page.evaluate(() => document.querySelector('#troupe_settings .troupe_choose').click());
    await tv.chooseSeraphina(page);
    await tv.connectModel(page, model.url);
    await page.waitForTimeout(3000);
    await tv.slash(page, '/troupe-stop'); // the greeting
    await page.waitForTimeout(1000);
    const rows = { live: [], queue: [], paragraphs: [] };
    for (const way of ['live', 'live', 'live', 'queue', 'queue', 'paragraphs', 'paragraphs']) {
        await page.evaluate((wanted) => {
            const box = $('#troupe_settings .troupe_live');
            if (box.prop('checked') !== (wanted === 'live')) box.prop('checked', wanted === 'live')[0].dispatchEvent(new Event('input', { bubbles: true }));
            const paragraphs = $('#tts_periodic_auto_generation');
            if (paragraphs.prop('checked') !== (wanted === 'paragraphs')) paragraphs.trigger('click');
        }, way);
        model.reply = `*She looks up from the book, ${rows[way].length + 1}.* "You came back," she says softly.\n\nThe candle flickers, and rain drums on the glass. "Sit down by the fire and tell me what you saw on the road."`;
        const before = (await tv.sounds(page)).length;
        await tv.send(page, `Hello, ${way} ${rows[way].length}.`);
        const first = await tv.until(async () => (await tv.sounds(page)).slice(before).find(({ src }) => !/silence/.test(src ?? '')), 'sound', 90_000);
        const origin = await page.evaluate(() => performance.timeOrigin);
        const at = origin + first.t + (first.kind === 'buffer' ? (first.at - first.now) * 1000 : 0);
        const sentence = model.sent.find(({ word }) => word.includes('.*'));
        rows[way].push([at - model.sent[0].t, at - sentence.t].map((ms) => (ms / 1000).toFixed(2)));
        await tv.until(() => page.evaluate(() => $('#send_but').is(':visible')), 'the model to be idle', 30_000);
        await tv.slash(page, '/troupe-stop');
        await page.waitForTimeout(5000); // the host's queue takes a reply up late; only then can it be stopped
        for (let i = 0; i < 5; i++) {
            await page.evaluate(() => document.querySelector('#tts_media_control.fa-stop-circle')?.click());
            await page.waitForTimeout(1000);
        }
    }
    for (const [way, list] of Object.entries(rows)) {
        process.stdout.write(`${way.padEnd(12)} from the first token: ${list.map(([a]) => a).join(', ')} s; from the end of the first sentence: ${list.map(([, b]) => b).join(', ')} s\n`);
    }
} finally {
    await browser.close();
    await tavern.stop();
    await model.close();
}

// Our extension in a real SillyTavern: installed through its dialog, heard, stopped, loaded anew.
// Against the server at TROUPE_URL, or a stub that follows docs/narration.md.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { serveRepository } from './git-http.mjs';
import { startModel } from './stub-llm.mjs';
import { startStub } from './stub-server.mjs';
import * as tv from './tavern.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
const REPLY =
    '*She looks up from the book.* "You came back," she says softly. "I had almost given up hope, you know." ' +
    '*The candle flickers, and rain drums on the glass.* "Sit down by the fire and tell me what you saw on the road."';
const closing = [];
let page, problems, speech, model, git, tavern;

before(async () => {
    const stub = process.env.TROUPE_URL ? null : await startStub({ latency: 80, rvc: ['Ghost', 'Wraith'] });
    if (stub) closing.push(stub.close);
    speech = process.env.TROUPE_URL || stub.url;
    model = await startModel();
    closing.push(model.close);
    git = await serveRepository(root);
    closing.push(git.close);
    tavern = await tv.startTavern();
    closing.push(tavern.stop);
    const browser = await tv.startBrowser();
    closing.push(() => browser.close());
    ({ page, problems } = await tv.openPage(browser, tavern.url));
});
after(async () => {
    for (const close of closing.reverse()) await close();
});

const own = () => page.evaluate(() => SillyTavern.getContext().extensionSettings.troupe);
const light = () => page.locator('#troupe_settings .troupe_light').getAttribute('data-light');
const lastMessage = () => page.evaluate(() => SillyTavern.getContext().chat.at(-1));
const speaking = () => page.locator('#troupe_bar').isVisible();
const playing = (notes) => notes.filter(({ state, stopped }) => state === 'running' && stopped === null);

test('it is installed from a git URL through the dialog', async () => {
    await tv.openExtensions(page);
    await page.locator('#third_party_extension_button').click();
    const popup = page.locator('dialog.popup[open]').last();
    await popup.locator('.popup-input').fill(git.url);
    const asked = await popup.elementHandle();
    await popup.locator('.popup-button-ok').click();
    await asked?.waitForElementState('hidden');
    // Newer hosts ask once more, since the code is not theirs.
    const sure = page.locator('dialog.popup[open] .popup-button-ok').last();
    const installed = async () => {
        if (await page.locator('#troupe_settings').count()) return true;
        await sure.click({ timeout: 1000 }).catch(() => undefined);
        return false;
    };
    await tv.until(installed, 'the panel', 240_000);
    assert.equal(await page.locator('#tts_provider option[value="Troupe"]').count(), 1);
    assert.equal(await page.locator('#tts_provider option').evaluateAll((all) => new Set(all.map((o) => o.value)).size - all.length), 0);
});

test('without a server it says how to start one', async () => {
    await tv.openDrawer(page, '#troupe_settings');
    await page.locator('#troupe_settings .troupe_address').fill('http://127.0.0.1:9');
    await page.locator('#troupe_settings .troupe_address').press('Enter');
    await tv.until(async () => (await light()) === 'bad', 'the light to go red');
    assert.match(await page.locator('#troupe_settings .troupe_help').innerText(), /python3 -m server[\s\S]*py -m server/);
    await tv.shot(page, 'no-server');
});

test('it connects, and the host lists the voices', async () => {
    await page.locator('#troupe_settings .troupe_address').fill(speech);
    await page.locator('#troupe_settings .troupe_address').press('Enter');
    await tv.until(async () => (await light()) === 'good', 'the light to go green');
    await tv.chooseSeraphina(page);
    await page.locator('#troupe_settings .troupe_choose').click();
    const row = page.locator('#tts_voicemap_char_Seraphina_voice');
    await row.waitFor({ state: 'attached' });
    const options = await row.locator('option').allTextContents();
    for (const name of ['alloy', 'echo', 'fable', 'onyx', 'nova', 'shimmer']) assert.ok(options.includes(name), name);
    assert.ok(options.length > 8, 'the engine has voices of its own');
    await page.locator('#tts_settings .troupe_voice_list').waitFor({ state: 'visible' });
});

test('a voice is found, heard and chosen', async () => {
    await page.locator('.troupe_person').focus();
    await page.locator('.troupe_person').selectOption('Seraphina');
    await page.locator('.troupe_search').fill('nova');
    const row = page.locator('.troupe_voice').first();
    await row.locator('.fa-play').click();
    await tv.until(async () => (await tv.sounds(page, 'element')).some(({ ended, duration }) => ended && duration > 0.1), 'the sample to be heard');
    await row.locator('.troupe_voice_name').click();
    assert.equal(await page.locator('#tts_voicemap_char_Seraphina_voice').inputValue(), 'nova');
    await tv.shot(page, 'voices');
});

test('a reply is spoken while it is being written, once and without gaps', async () => {
    await page.locator('#troupe_settings .troupe_live').check();
    await tv.connectModel(page, model.url);
    await tv.closeExtensions(page);
    await page.evaluate(() => {
        const { eventSource, eventTypes } = SillyTavern.getContext();
        eventSource.on(eventTypes.GENERATION_ENDED, () => (globalThis.__written = performance.now()));
    });
    model.reply = REPLY;
    await tv.send(page, 'Hello.');
    await tv.until(speaking, 'the bar to show');
    await tv.until(async () => (await page.evaluate(() => CSS.highlights.has('troupe-sentence'))), 'the sentence to be marked');
    await tv.shot(page, 'speaking');
    await tv.until(async () => !(await speaking()), 'all to be spoken');
    const clips = await tv.sounds(page, 'buffer');
    const written = await page.evaluate(() => globalThis.__written);
    assert.ok(clips[0].t < written, `first sound ${Math.round(written - clips[0].t)} ms before the end of the reply`);
    assert.ok(clips.length >= 4, `${clips.length} clips`);
    for (let i = 1; i < clips.length; i++) {
        const due = clips[i - 1].at + clips[i - 1].seconds;
        // One that comes in the last moment begins 30 ms later, or its beginning would be cut.
        if (clips[i].now + 0.03 < due) assert.ok(Math.abs(clips[i].at - due) < 1e-6, `clip ${i} joins`);
    }
    assert.deepEqual(playing(clips).length, clips.length, 'every clip was heard to its end');
    assert.ok(!(await tv.sounds(page, 'element')).some(({ id }) => id === 'tts_audio'), "the host's own narration is silent");
    assert.equal((await lastMessage()).mes, REPLY);
});

test('character and narrator are converted by RVC, as chosen in the panels', async () => {
    await page.evaluate(() => {
        const set = (/** @type {string} */ part, /** @type {string} */ value, event = 'input') => {
            const field = Object.assign(document.querySelector(part), { value });
            field.dispatchEvent(new Event(event, { bubbles: true }));
        };
        set('.troupe_person', 'Seraphina');
        set('.troupe_rvc_voice', 'Ghost');
        set('.troupe_rvc_pitch', '-3', 'change');
        set('#troupe_narrator_rvc', 'Wraith');
    });
    assert.deepEqual((await own()).rvc, { Seraphina: { voice: 'Ghost', pitch: -3 } });
    const before = (await tv.sounds(page, 'buffer')).length;
    await tv.slash(page, '/sendas name="Seraphina" *He nods.* "Yes."');
    await tv.until(async () => (await tv.sounds(page, 'buffer')).length === before + 2, 'both to be heard');
    await tv.until(async () => !(await speaking()), 'the end');
});

test('stop is silence within 200 ms', async () => {
    const before = (await tv.sounds(page, 'buffer')).length;
    await tv.send(page, 'Again, please.');
    await tv.until(async () => (await tv.sounds(page, 'buffer')).length > before, 'sound');
    await page.waitForTimeout(300);
    const clicked = await page.evaluate(() => {
        document.querySelector('#troupe_bar .troupe_bar_stop').click();
        return performance.now();
    });
    const started = (await tv.sounds(page, 'buffer')).slice(before);
    const unstopped = started.filter(({ stopped, t, at, seconds, now }) => stopped === null && t + (at - now + seconds) * 1000 > clicked);
    assert.deepEqual(unstopped, []);
    assert.ok(started.every(({ stopped }) => stopped === null || stopped - clicked < 200));
    assert.ok(!(await speaking()));
    const count = before + started.length;
    await tv.until(async () => (await lastMessage()).mes === REPLY, 'the reply to be written');
    await page.waitForTimeout(1500);
    assert.equal((await tv.sounds(page, 'buffer')).length, count, 'nothing of this reply is spoken after the stop');
});

test("the host's own queue speaks with our voices", async () => {
    await page.locator('#troupe_settings .troupe_live').evaluate((box) => box.click());
    assert.equal(await page.evaluate(() => SillyTavern.getContext().extensionSettings.tts.auto_generation), true);
    await tv.slash(page, '/send Good evening.');
    await page.waitForTimeout(1500);
    await tv.slash(page, '/sendas name="Seraphina" "Good evening. It is late, and the roads are dark."');
    const heard = async () => (await tv.sounds(page, 'element')).filter(({ id, ended }) => id === 'tts_audio' && ended);
    await tv.until(async () => (await heard()).length >= 2, 'two sentences from the queue');
    assert.ok((await heard()).every(({ duration }) => duration > 0.2));
});

test('after a reload everything is as it was', async () => {
    const saved = page.waitForResponse((response) => response.url().endsWith('/api/settings/save') && response.request().postData()?.includes('"live":true'));
    await page.locator('#troupe_settings .troupe_live').evaluate((box) => box.click());
    await saved; // the host saves a second after the last change
    await page.reload({ waitUntil: 'domcontentloaded' });
    await tv.settled(page);
    await tv.until(async () => (await light()) === 'good', 'the light to go green again');
    assert.equal(await page.locator('#tts_provider').inputValue(), 'Troupe');
    assert.equal((await own()).live, true);
    assert.equal((await own()).narratorRvc, 'Wraith');
    await tv.chooseSeraphina(page);
    await tv.until(async () => (await page.locator('#tts_voicemap_char_Seraphina_voice').inputValue().catch(() => '')) === 'nova', "Seraphina's voice");
    assert.equal(await speaking(), false);
    assert.deepEqual(problems.filter((text) => /troupe|third-party|constructor/i.test(text)), []);
});

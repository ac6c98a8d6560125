// What the live narrator does when the chat does something: real SillyTavern, stub speech server.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startModel } from './stub-llm.mjs';
import { startStub } from './stub-server.mjs';
import * as tv from './tavern.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
const LONG = 'This is the first sentence of a long answer. Here is the second one, a little longer. And the third ends it all. Or does it? No, there is a fifth sentence too.';
const closing = [];
let page, stub, model, browser, tavern;

before(async () => {
    stub = await startStub({ latency: 60, rvc: ['deep_voice'] });
    closing.push(stub.close);
    model = await startModel({ wordsPerSecond: 25 });
    model.reply = LONG;
    closing.push(model.close);
    tavern = await tv.startTavern({ extension: root });
    closing.push(tavern.stop);
    browser = await tv.startBrowser();
    closing.push(() => browser.close());
    ({ page } = await tv.openPage(browser, tavern.url));
    await useTroupe(page, stub.url);
    await page.evaluate(noteWhatHappens);
    await tv.chooseSeraphina(page);
    await tv.connectModel(page, model.url);
});
after(async () => {
    for (const close of closing.reverse()) await close();
});
afterEach(async () => {
    await tv.slash(page, '/troupe-stop');
    await page.waitForTimeout(150);
});

/** Sets our extension up as its panels would. */
async function useTroupe(target, address) {
    await target.locator('#troupe_settings').waitFor({ state: 'attached', timeout: 60_000 });
    await target.evaluate((url) => {
        $('#troupe_settings .troupe_address').val(url)[0].dispatchEvent(new Event('change', { bubbles: true }));
        $('#troupe_settings .troupe_live').prop('checked', true)[0].dispatchEvent(new Event('input', { bubbles: true }));
    }, address);
    await tv.until(() => target.evaluate(() => document.querySelector('#troupe_settings .troupe_light')?.dataset.light === 'good'), 'the connection');
    await target.evaluate(() => document.querySelector('#troupe_settings .troupe_choose').click());
    await target.locator('#tts_voicemap_block select').first().waitFor({ state: 'attached' });
}

const narrations = () => [...stub.narrations.values()];
const last = () => narrations().at(-1);
const click = (selector) => page.evaluate((one) => document.querySelector(one).click(), selector);
async function idle() {
    const typing = () => Boolean(document.body.dataset.generating) || !$('#send_but').is(':visible');
    await tv.until(async () => !(await page.evaluate(typing)), 'the model to be idle');
    await page.waitForTimeout(300); // the host saves the chat before it takes another order
}

/** A reply that is being heard. */
async function reply() {
    await idle();
    const count = narrations().length;
    await tv.send(page, 'Go on.');
    return heard(count);
}
async function heard(count) {
    await tv.until(() => narrations().length > count, 'a narration');
    await tv.until(() => page.evaluate(() => CSS.highlights.has('troupe-sentence')), 'sound');
    return last();
}
/** Remembers in the page when the host told of something, or a person did something: from then on silence is wanted. */
function noteWhatHappens() {
    const note = () => (globalThis.__happened = performance.now());
    const { eventSource, eventTypes } = SillyTavern.getContext();
    for (const event of ['GENERATION_STOPPED', 'MESSAGE_SWIPED', 'MESSAGE_EDITED', 'MESSAGE_DELETED', 'CHAT_CHANGED']) {
        eventSource.makeFirst(eventTypes[event], note);
    }
    // The host counts tokens with dry runs, at any time.
    eventSource.makeFirst(eventTypes.GENERATION_STARTED, (_type, _options, dryRun) => dryRun || note());
    for (const event of ['click', 'change']) document.addEventListener(event, note, true);
}
/** Nothing of this narration will be heard any more, nor made; it was silent in time by the page's own clock. */
async function silenced(narration) {
    const ends = () => globalThis.__sound.filter(({ kind }) => kind === 'buffer').map(({ t, at, now, seconds, stopped }) => [t, stopped ?? t + (at - now + seconds) * 1000]);
    const loud = async () => (await page.evaluate(`(${ends})().some(([, end]) => end > performance.now())`));
    await tv.until(async () => !(await loud()) || last() !== narration, 'silence');
    const replaced = last() !== narration;
    // What another narration speaks by now began after it.
    const late = await page.evaluate(`Math.max(...(${ends})().filter(([start]) => !${replaced} || start < globalThis.__happened).map(([, end]) => end)) - globalThis.__happened`);
    assert.ok(late < 3000, `silence came after ${Math.round(late)} ms`);
    await tv.until(() => narration.state !== 'open', 'the end of the session');
}

test('swiping stops the old reply and speaks the new one', async () => {
    const old = await reply();
    await idle();
    await page.evaluate(() => SillyTavern.getContext().swipe.right());
    await silenced(old);
    const fresh = await heard(narrations().indexOf(old) + 1);
    await idle();
    await tv.until(() => fresh.final, 'the end of the new one');
    assert.equal(fresh.text, LONG);
    assert.equal(narrations().length, narrations().indexOf(old) + 2);
    // Back to the stored one: silence, as the host keeps it too.
    await page.evaluate(() => SillyTavern.getContext().swipe.left());
    await silenced(fresh);
    await page.waitForTimeout(500);
    assert.equal(last(), fresh);
});

test('regenerating stops the old reply and speaks the new one', async () => {
    const old = await reply();
    await idle();
    await click('#option_regenerate');
    await silenced(old);
    const fresh = await heard(narrations().indexOf(old) + 1);
    await idle();
    await tv.until(() => fresh.final, 'the end of the new one');
    assert.equal(fresh.text, LONG);
    assert.equal(last(), fresh);
});

test('continuing speaks what is new, in the light of what stands before it', async () => {
    const old = await reply();
    await idle();
    model.reply = ' "And this was added," she says.';
    await click('#option_continue');
    const more = await heard(narrations().indexOf(old) + 1);
    await idle();
    await tv.until(() => more.final, 'the end');
    model.reply = LONG;
    assert.equal(more.body.context, LONG);
    assert.equal(more.text.trim(), '"And this was added," she says.');
    const marked = await page.evaluate(() => [...CSS.highlights.get('troupe-sentence')].map(String));
    assert.match(marked[0], /And this was added/);
});

test('stopping the model stops the voice, and the rest is not spoken', async () => {
    model.wordsPerSecond = 8;
    const narration = await reply();
    await click('#mes_stop');
    await silenced(narration);
    await idle();
    model.wordsPerSecond = 25;
    await page.waitForTimeout(800);
    assert.equal(last(), narration);
});

test('what is written for the user is not spoken', async () => {
    await idle();
    const count = narrations().length;
    await click('#option_impersonate');
    await page.waitForTimeout(300);
    await idle();
    await page.waitForTimeout(800);
    await page.locator('#send_textarea').fill('');
    assert.equal(narrations().length, count);
});

test('editing the message being spoken stops it', async () => {
    const narration = await reply();
    await idle();
    const message = page.locator('#chat .mes').last();
    await message.locator('.mes_edit').evaluate((button) => button.click());
    await page.locator('#curEditTextarea').fill('Entirely different words.');
    await message.locator('.mes_edit_done').evaluate((button) => button.click());
    await silenced(narration);
});

test("another server's address ends what this one is speaking", async () => {
    const narration = await reply();
    await idle();
    const move = (address) => page.evaluate((url) => $('#troupe_settings .troupe_address').val(url)[0].dispatchEvent(new Event('change', { bubbles: true })), address);
    await move(stub.url.replace('127.0.0.1', 'localhost'));
    await silenced(narration);
    await move(stub.url);
    await tv.until(() => page.evaluate(() => document.querySelector('#troupe_settings .troupe_light')?.dataset.light === 'good'), 'the connection');
});

test('deleting the message being spoken stops it; deleting another does not', async () => {
    const narration = await reply();
    await idle();
    await tv.slash(page, '/cut 1');
    await page.waitForTimeout(300);
    assert.ok(await page.locator('#troupe_bar').isVisible());
    await page.evaluate(() => SillyTavern.getContext().deleteLastMessage());
    await silenced(narration);
});

test("the user's messages are spoken in the user's voice, if that is wanted", async () => {
    await idle();
    let count = narrations().length;
    await tv.slash(page, '/send Nobody reads this aloud.');
    await page.waitForTimeout(500);
    assert.equal(narrations().length, count);
    await page.evaluate(() => (SillyTavern.getContext().extensionSettings.troupe.user = true));
    count = narrations().length;
    await tv.slash(page, '/send Read this aloud.');
    const narration = await heard(count);
    await page.evaluate(() => (SillyTavern.getContext().extensionSettings.troupe.user = false));
    assert.equal(narration.body.speaker, 'user');
    assert.equal(narration.text, 'Read this aloud.');
});

test('voices, narrator and conversion reach the server as they were set', async () => {
    await idle();
    await page.evaluate(() => {
        $('#tts_voicemap_char_Seraphina_voice').val('Heart (en-us, female)').trigger('change');
        $('#tts_voicemap_char_Tester_voice').val('echo').trigger('change');
        const { troupe } = SillyTavern.getContext().extensionSettings;
        Object.assign(troupe, { narrator: 'onyx', unmarked: 'narrator', skip: ['code'], speed: 1.2 });
        troupe.engines.tone.speeds.af_heart = 1.5;
        troupe.rvc.Seraphina = { voice: 'deep_voice', pitch: -3 };
    });
    const { body } = await reply();
    await page.evaluate(() => {
        const { troupe } = SillyTavern.getContext().extensionSettings;
        Object.assign(troupe, { narrator: '', unmarked: '', skip: [], speed: 1, rvc: {} });
        troupe.engines.tone.speeds = {};
    });
    assert.deepEqual(body.cast.Seraphina, { speed: 1.2 * 1.5, voice: 'af_heart', rvc: 'deep_voice', rvc_pitch: -3 });
    assert.deepEqual(body.cast.character, body.cast.Seraphina);
    assert.deepEqual(body.cast.narrator, { speed: 1.2, voice: 'onyx' });
    assert.deepEqual(body.cast.user, { speed: 1.2, voice: 'echo' });
    assert.equal(body.unmarked, 'narrator');
    assert.deepEqual(body.skip, ['code']);
});

test('conversions are offered while the server has some, and chosen for each', async () => {
    await idle();
    await tv.openExtensions(page);
    for (const drawer of ['#tts_settings', '#troupe_settings']) await tv.openDrawer(page, drawer);
    const rows = [page.locator('.troupe_rvc'), page.locator('#troupe_narrator_rvc')];
    const shown = async (wanted) => (await Promise.all(rows.map((row) => row.isVisible()))).every((visible) => visible === wanted);
    const reconnect = () => page.locator('#troupe_settings .troupe_reconnect').click();
    stub.state.rvc = [];
    await reconnect();
    await tv.until(() => shown(false), 'the lists to go with the switch');
    stub.state.rvc = ['deep_voice', 'thin_voice'];
    await reconnect();
    await tv.until(() => shown(true), 'the lists to come with the switch');
    const voice = page.locator('.troupe_rvc_voice');
    assert.deepEqual(await voice.locator('option').allTextContents(), ['as set on the server', 'Disabled', 'deep_voice', 'thin_voice']);
    await page.locator('.troupe_person').selectOption('[Default Voice]');
    await voice.selectOption('thin_voice');
    await page.locator('.troupe_person').focus();
    await page.locator('.troupe_person').selectOption('Tester');
    assert.equal((await voice.locator('option').first().textContent()) ?? '', 'as for everybody without a choice');
    await voice.selectOption('Disabled');
    await page.locator('#troupe_narrator_rvc').selectOption('deep_voice');
    for (const [name, row] of rows.entries()) {
        await row.scrollIntoViewIfNeeded();
        await tv.shot(page, `rvc-${name}`);
    }
    await tv.closeExtensions(page);
    const { body } = await reply();
    const rvc = Object.fromEntries(Object.entries(body.cast).map(([name, member]) => [name, member.rvc]));
    await page.evaluate(() => Object.assign(SillyTavern.getContext().extensionSettings.troupe, { rvc: {}, narratorRvc: '' }));
    assert.deepEqual(rvc, { character: 'thin_voice', narrator: 'deep_voice', user: 'Disabled', Seraphina: 'thin_voice' });
});

test('the command speaks with the voice it was given, and waits if told to', async () => {
    await idle();
    const count = narrations().length;
    await tv.slash(page, '/troupe-say voice=onyx speed=1.5 wait=true The door opens.');
    assert.equal(narrations().length, count + 1);
    assert.deepEqual(last().body.cast.character, { speed: 1.5, voice: 'onyx' });
    assert.equal(last().state, 'done');
    assert.equal(await page.locator('#troupe_bar').isVisible(), false);
    await tv.slash(page, '/troupe-say voice=Seraphina Hello.');
    assert.equal(last().body.cast.character.voice, 'af_heart');
});

test('the button on a message speaks it and stops it', async () => {
    await idle();
    const count = narrations().length;
    await click('#chat .mes[mesid="0"] .troupe_speak');
    const narration = await heard(count);
    assert.ok(await page.locator('#chat .mes[mesid="0"].troupe_speaking').count());
    await click('#chat .mes[mesid="0"] .troupe_speak');
    await silenced(narration);
    assert.equal(await page.locator('#chat .mes.troupe_speaking').count(), 0);
});

test('the sound of a message is saved, made anew where it was not heard to its end', async () => {
    await idle();
    const [download] = await Promise.all([page.waitForEvent('download'), click('#chat .mes[mesid="0"] .troupe_save')]);
    assert.equal(download.suggestedFilename(), 'Seraphina 0.mp3');
    assert.equal(last().fetched, Infinity);
    const count = narrations().length;
    await tv.slash(page, '/sendas name="Seraphina" Short words.');
    await tv.until(() => last().state === 'done' && narrations().length > count, 'all of it');
    const made = narrations().length;
    const id = await page.evaluate(() => SillyTavern.getContext().chat.length - 1);
    await Promise.all([page.waitForEvent('download'), click(`#chat .mes[mesid="${id}"] .troupe_save`)]);
    assert.equal(narrations().length, made, 'what was heard is saved as it was');
});

test('a trouble can be read until the next reply is spoken well', async () => {
    await idle();
    await tv.slash(page, '/troupe-stop');
    const trouble = page.locator('#troupe_settings .troupe_trouble');
    const shown = () => trouble.evaluate((element) => (element.hidden ? '' : element.textContent));
    const told = () => page.locator('#toast-container .toast-error').allTextContents();
    await page.evaluate(() => toastr.clear());
    assert.equal(await shown(), '');
    await tv.slash(page, '/sendas name="Seraphina" Good. FAIL.');
    await tv.until(async () => (await told()).some((text) => text.includes('stub cannot say this')), 'the toast');
    assert.match(await shown(), /^Last trouble, at .*: stub cannot say this$/);
    await tv.slash(page, '/sendas name="Seraphina" UNINSTALLED.');
    await tv.until(async () => (await told()).some((text) => text.includes('RVC is not installed')), 'the other toast');
    await tv.until(async () => !(await told()).some((text) => text.includes('stub cannot say this')), 'the first toast to go by itself');
    await page.waitForTimeout(2000);
    assert.match((await told()).join(), /RVC is not installed/, 'what asks for something to be done stays');
    assert.match(await shown(), /: RVC is not installed$/);
    await tv.slash(page, '/sendas name="Seraphina" All is well.');
    await tv.until(async () => (await shown()) === '' && !(await told()).length, 'both to go');

    const light = (wanted) => tv.until(() => page.evaluate((one) => document.querySelector('#troupe_settings .troupe_light').dataset.light === one, wanted), `the light to be ${wanted}`);
    stub.state.health = 'draining';
    await click('#troupe_settings .troupe_reconnect');
    await light('bad');
    await tv.slash(page, '/sendas name="Seraphina" Unheard.');
    await tv.until(async () => (await told()).some((text) => text.includes('The server is stopping')), 'why nothing is heard');
    assert.equal(await shown(), '', 'the light says it, and stops saying it');
    stub.state.health = 'ready';
    await click('#troupe_settings .troupe_reconnect');
    await light('good');
    await tv.until(async () => !(await told()).length, 'the toast to go with its reason');
});

test('a choice is kept for each engine', async () => {
    await idle();
    const map = () => page.evaluate(() => SillyTavern.getContext().extensionSettings.tts.Troupe.voiceMap);
    const reconnect = () => page.evaluate(() => document.querySelector('#troupe_settings .troupe_reconnect').click());
    await page.evaluate(() => toastr.clear());
    stub.state.engine = 'other';
    await reconnect();
    await tv.until(async () => (await map()).Seraphina === '[Default Voice]', 'the voice that this engine lacks to be replaced');
    assert.equal((await map()).Tester, 'echo', 'a name that every engine knows stays');
    assert.match(await page.locator('.troupe_missing').innerText(), /Seraphina: Heart/);
    stub.state.engine = 'tone';
    await reconnect();
    await tv.until(async () => (await map()).Seraphina === 'Heart (en-us, female)', 'the choice to come back');
});

test("the host's narration and ours are one or the other", async () => {
    assert.equal(await page.evaluate(() => SillyTavern.getContext().extensionSettings.tts.auto_generation), false);
    await click('#tts_auto_generation');
    await tv.until(() => page.evaluate(() => !SillyTavern.getContext().extensionSettings.troupe.live), 'ours to go off');
    await page.evaluate(() => $('#troupe_settings .troupe_live').prop('checked', true)[0].dispatchEvent(new Event('input', { bubbles: true })));
    assert.equal(await page.locator('#tts_auto_generation').isChecked(), false);
});

test('several people are a cast by their names', async () => {
    await idle();
    await makeGroup();
    const count = narrations().length;
    await tv.slash(page, '/sendas name="Bruno" Good day to you all.');
    const { body } = await heard(count);
    assert.deepEqual(Object.keys(body.cast).sort(), ['Bruno', 'Seraphina', 'character', 'narrator', 'user']);
    assert.equal(body.cast.Seraphina.voice, 'af_heart');
    await tv.slash(page, '/troupe-stop');
    const before = narrations().length;
    await tv.send(page, 'Who are you?');
    const replies = () => narrations().slice(before);
    await tv.until(() => replies().length === 2 && replies().every(({ final }) => final), 'a reply of each of them');
    assert.deepEqual(replies().map(({ text }) => text), [LONG, LONG]);
    assert.ok(replies().every(({ state }) => state !== 'cancelled'), 'the second waits for the first');
});

async function makeGroup() {
    await page.evaluate(async () => {
        const context = SillyTavern.getContext();
        const headers = context.getRequestHeaders();
        const form = new FormData();
        for (const [name, value] of Object.entries({ ch_name: 'Bruno', description: 'A bear.', first_mes: 'Growl.' })) form.append(name, value);
        const plain = Object.fromEntries(Object.entries(headers).filter(([name]) => name.toLowerCase() !== 'content-type'));
        await fetch('/api/characters/create', { method: 'POST', headers: plain, body: form });
        await context.getCharacters();
        const members = SillyTavern.getContext().characters.filter(({ name }) => ['Bruno', 'Seraphina'].includes(name)).map(({ avatar }) => avatar);
        const body = { name: 'Both', members, allow_self_responses: false, activation_strategy: 1, disabled_members: [], chat_metadata: {}, fav: false, chat_id: 'both', chats: ['both'] };
        await fetch('/api/groups/create', { method: 'POST', headers, body: JSON.stringify(body) });
        await context.getCharacters();
        const group = SillyTavern.getContext().groups.find(({ name }) => name === 'Both');
        const { openGroupById } = await import('/scripts/group-chats.js');
        await openGroupById(group.id);
    });
    await page.waitForFunction(() => SillyTavern.getContext().groupId);
    await page.waitForTimeout(1200);
}

test('another chat, or leaving the page, ends the voice', async () => {
    await tv.chooseSeraphina(page);
    await page.waitForTimeout(800);
    const narration = await reply();
    await idle();
    await tv.chooseCharacter(page, 'Bruno');
    await silenced(narration);
    await tv.chooseSeraphina(page);
    await page.waitForTimeout(800);
    await idle();
    const count = narrations().length;
    model.wordsPerSecond = 5;
    await tv.send(page, 'Go on.');
    const second = await heard(count);
    await page.reload({ waitUntil: 'domcontentloaded' });
    model.wordsPerSecond = 25;
    const ended = () => stub.requests.some(({ method, path: url }) => method === 'DELETE' && url === second.url);
    await tv.until(ended, 'the page that goes to end its session');
    await tv.settled(page);
    await tv.until(() => stub.state.leases === 1, 'one lease for one page');
});

test('the key is kept in the browser alone', async () => {
    const locked = await startStub({ key: 'open-sesame' });
    try {
        const fresh = await (await browser.newContext()).newPage();
        await fresh.goto(tavern.url, { timeout: 120_000 });
        await tv.settled(fresh);
        const text = () => fresh.locator('#troupe_settings .troupe_status_text').textContent();
        const type = (part, value) => fresh.evaluate(([name, typed]) => $(`#troupe_settings .troupe_${name}`).val(typed)[0].dispatchEvent(new Event('change', { bubbles: true })), [part, value]);
        await type('address', locked.url);
        await tv.until(async () => /API key/.test((await text()) ?? ''), 'the key to be asked for');
        await type('key', 'open-sesame');
        await tv.until(async () => /Connected/.test((await text()) ?? ''), 'the connection');
        assert.equal(await fresh.evaluate(() => localStorage.getItem('troupe.key')), 'open-sesame');
        assert.ok(!(await fresh.evaluate(() => JSON.stringify(SillyTavern.getContext().extensionSettings))).includes('open-sesame'));
        assert.ok(locked.requests.every(({ path: url }) => !url.includes('sesame')));
        await fresh.evaluate((url) => $('#troupe_settings .troupe_address').val(url)[0].dispatchEvent(new Event('change', { bubbles: true })), stub.url);
        await fresh.waitForTimeout(1500);
        await fresh.context().close();
    } finally {
        await locked.close();
    }
});

test('where the browser refuses sound, a tap brings it', async () => {
    const shy = await tv.startBrowser({ gesture: true });
    try {
        const fresh = await shy.newPage({ viewport: { width: 390, height: 844 } });
        await fresh.goto(tavern.url, { timeout: 120_000 });
        // Everything that playwright evaluates counts as a person's gesture, so the page is asked over the protocol itself.
        const protocol = await fresh.context().newCDPSession(fresh);
        const ask = async (expression) => (await protocol.send('Runtime.evaluate', { expression, userGesture: false })).result.value;
        await tv.until(() => ask(`document.querySelector('#troupe_settings .troupe_light')?.dataset.light === 'good'`), 'the connection');
        await ask(`void SillyTavern.getContext().executeSlashCommandsWithOptions('/troupe-say Can you hear me? It is a long way down to the sea.')`);
        await tv.until(() => ask(`document.querySelector('.troupe_bar_hint').offsetHeight > 0`), 'the hint');
        assert.equal(await ask(`document.querySelector('#troupe_bar').classList.contains('troupe_waiting')`), true);
        await tv.shot(fresh, 'phone-hint');
        await fresh.locator('.troupe_bar_hint').click();
        await fresh.locator('.troupe_bar_hint').waitFor({ state: 'hidden' });
        await tv.until(async () => !(await fresh.locator('#troupe_bar').isVisible()), 'all to be heard');
    } finally {
        await shy.close();
    }
});

test('it fits a phone', async () => {
    const { page: phone } = await tv.openPage(browser, tavern.url, { width: 390, height: 844 });
    await tv.chooseSeraphina(phone);
    await phone.evaluate(() => void SillyTavern.getContext().executeSlashCommandsWithOptions('/troupe-say A sentence that is a good deal longer than a phone is wide, so that it has to be cut.'));
    await phone.locator('#troupe_bar').waitFor({ state: 'visible' });
    await phone.waitForTimeout(500);
    await tv.shot(phone, 'phone-speaking');
    const bar = await phone.locator('#troupe_bar').boundingBox();
    assert.ok(bar && bar.x >= 0 && bar.x + bar.width <= 390);
    await tv.openExtensions(phone);
    for (const drawer of ['#troupe_settings', '#tts_settings']) {
        await tv.openDrawer(phone, drawer);
        const wide = await phone.locator(`${drawer} .inline-drawer-content`).first().evaluate((box) => box.scrollWidth - box.clientWidth);
        assert.ok(wide <= 0, `${drawer} is ${wide} px too wide`);
        await phone.locator(drawer === '#tts_settings' ? '.troupe_provider' : drawer).scrollIntoViewIfNeeded();
        await tv.shot(phone, `phone${drawer.replace('#', '-')}`);
    }
    await tv.closeExtensions(phone);
    await phone.setViewportSize({ width: 360, height: 780 });
    const message = phone.locator('#chat .mes').last();
    await message.locator('.extraMesButtonsHint').click();
    await message.locator('.troupe_speak').waitFor({ state: 'visible' });
    await phone.waitForTimeout(500);
    await tv.shot(phone, 'phone-buttons');
    const [row, speak] = await Promise.all(['.extraMesButtons', '.troupe_speak'].map((part) => message.locator(part).boundingBox()));
    assert.ok(row && speak && speak.x >= row.x && speak.y + speak.height <= row.y + row.height + 1, 'our buttons are not cut off');
});

test('in German it speaks German', async () => {
    const { page: german } = await tv.openPage(browser, tavern.url, { locale: 'de-DE' });
    await german.waitForTimeout(500);
    assert.equal(await german.locator('#troupe_settings b').first().textContent(), 'Troupe: Live-Erzähler');
    await tv.until(async () => /Verbunden/.test((await german.locator('#troupe_settings .troupe_status_text').textContent()) ?? ''), 'the state in German');
});

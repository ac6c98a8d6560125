// A real SillyTavern and a headless Chromium on it, on loopback only.
//
// Environment: TROUPE_ST_DIR (an installed SillyTavern), TROUPE_ST_NODE (a folder whose node_modules holds playwright-core),
// CHROMIUM (the browser), TROUPE_ST_SHOTS (optional: a folder for screenshots).
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** @returns {Promise<number>} */
export async function freePort() {
    const server = net.createServer();
    await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
    const address = server.address();
    await new Promise((resolve) => server.close(resolve));
    return typeof address === 'object' && address ? address.port : 0;
}

/**
 * Starts SillyTavern on an empty data folder.
 * @param {{extension?: string, dir?: string}} [options] `extension` is copied into the user's extensions, as a clone would lie there
 */
export async function startTavern({ extension, dir = process.env.TROUPE_ST_DIR ?? '' } = {}) {
    const home = fs.mkdtempSync(path.join(os.tmpdir(), 'troupe-st-'));
    const data = path.join(home, 'data');
    const config = path.join(home, 'config.yaml');
    fs.mkdirSync(data);
    fs.writeFileSync(config, quietConfig(fs.readFileSync(path.join(dir, 'default/config.yaml'), 'utf8')));
    if (extension) {
        const target = path.join(data, 'default-user/extensions/troupe');
        fs.mkdirSync(target, { recursive: true });
        fs.cpSync(path.join(extension, 'manifest.json'), path.join(target, 'manifest.json'));
        fs.cpSync(path.join(extension, 'extension/sillytavern'), path.join(target, 'extension/sillytavern'), { recursive: true });
    }
    const port = await freePort();
    const log = fs.openSync(path.join(home, 'st.log'), 'w');
    const options = ['--configPath', config, '--dataRoot', data, '--port', String(port), '--listen', 'false', '--browserLaunchEnabled', 'false'];
    const child = spawn(process.execPath, ['server.js', ...options], { cwd: dir, stdio: ['ignore', log, log] });
    const url = `http://127.0.0.1:${port}`;
    const stop = async () => {
        child.kill();
        if (child.exitCode === null && child.signalCode === null) await new Promise((resolve) => child.once('exit', resolve));
        fs.closeSync(log);
        fs.rmSync(home, { recursive: true, force: true, maxRetries: 5 });
    };
    for (let i = 0; i < 720; i++) {
        await sleep(250);
        if (child.exitCode !== null) break;
        if (await fetch(`${url}/csrf-token`).then((r) => r.ok, () => false)) return { url, port, data, stop };
    }
    const why = fs.readFileSync(path.join(home, 'st.log'), 'utf8').slice(-2000);
    await stop();
    throw new Error(`SillyTavern did not start:\n${why}`);
}

/** The shipped configuration without browser window, updates and downloads; a request that is not loopback meets a closed port. */
function quietConfig(yaml) {
    return yaml
        .replace(/(browserLaunch:\n(?:\s+#.*\n)*\s+enabled: )true/, '$1false')
        .replace(/(requestProxy:\n(?:\s+#.*\n)*\s+enabled: )false/, '$1true')
        .replace(/url: "socks5:[^"]*"/, 'url: "http://127.0.0.1:9"')
        .replace(/autoUpdate: true/, 'autoUpdate: false')
        .replace(/autoDownload: true/, 'autoDownload: false')
        .replace(/enableDownloadableTokenizers: true/, 'enableDownloadableTokenizers: false');
}

/** @param {{gesture?: boolean}} [options] `gesture`: sound waits for a click, as it does for people */
export async function startBrowser({ gesture = false } = {}) {
    const { chromium } = createRequire(path.join(process.env.TROUPE_ST_NODE ?? '', 'package.json'))('playwright-core');
    const args = [
        '--no-sandbox',
        '--disable-gpu',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        '--mute-audio',
        `--autoplay-policy=${gesture ? 'document-user-activation-required' : 'no-user-gesture-required'}`,
        '--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE localhost',
    ];
    return chromium.launch({ executablePath: process.env.CHROMIUM || '/usr/bin/chromium', headless: true, args });
}

/** A page of SillyTavern, past its welcome, with notes of what it played and said. */
export async function openPage(browser, url, { width = 1400, height = 900, locale = 'en-US' } = {}) {
    const page = await browser.newPage({ viewport: { width, height }, locale });
    // A machine with other work takes its time; what has to be quick is measured where it matters.
    page.setDefaultTimeout(60_000);
    page.setDefaultNavigationTimeout(120_000);
    const problems = [];
    page.on('pageerror', (error) => problems.push(String(error)));
    page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
    await page.addInitScript(spy);
    await page.goto(url, { waitUntil: 'domcontentloaded' });
    await settled(page);
    await ready(page);
    return { page, problems };
}

/** Waits until the host has built its page. */
export async function settled(page) {
    await page.waitForFunction(
        () => globalThis.SillyTavern?.getContext?.().chat && !document.querySelector('#loader') && (document.querySelector('#rm_print_characters_block .character_select') || document.querySelector('dialog.popup[open]')),
        null,
        { timeout: 120_000 },
    );
    await sleep(600);
}

/** Waits until the host has told its extensions that its page is built: with the questions of a first start it does so when they are answered. */
async function ready(page) {
    const told = () =>
        new Promise((resolve) => {
            SillyTavern.getContext().eventSource.on('app_ready', () => resolve(true));
            setTimeout(resolve, 500, false);
        });
    const look = async () => {
        await answer(page);
        // The host forgets whoever asks while it tells the others, so it is asked again.
        return page.evaluate(told);
    };
    await until(look, 'the page to be built', 120_000);
}

/** Answers one of the questions of a first start, if there is one. */
async function answer(page) {
    const popup = page.locator('dialog.popup[open]').last();
    if (!(await popup.count())) return;
    const box = popup.locator('.popup-input');
    if (await box.isVisible().catch(() => false)) await box.fill('Tester');
    await popup.locator('.popup-button-ok').click({ timeout: 3000 }).catch(() => undefined);
    await sleep(600);
}

/** Runs in the page before anything else: notes every start and end of sound. */
function spy() {
    const notes = (globalThis.__sound = []);
    const start = AudioBufferSourceNode.prototype.start;
    AudioBufferSourceNode.prototype.start = function (when = 0, ...rest) {
        const note = { kind: 'buffer', t: performance.now(), at: when, now: this.context.currentTime, seconds: this.buffer?.duration ?? 0, state: this.context.state, stopped: null };
        notes.push(note);
        const stop = this.stop;
        this.stop = (...args) => ((note.stopped = performance.now()), stop.apply(this, args));
        return start.call(this, when, ...rest);
    };
    const play = HTMLMediaElement.prototype.play;
    HTMLMediaElement.prototype.play = function () {
        const note = { kind: 'element', t: performance.now(), id: this.id, src: String(this.src).slice(0, 300), ended: null, duration: 0, error: null };
        notes.push(note);
        this.addEventListener('ended', () => ((note.ended = performance.now()), (note.duration = this.duration)), { once: true });
        this.addEventListener('error', () => (note.error = this.error?.message ?? 'error'), { once: true });
        return play.call(this);
    };
}

/** What was played since, newest last. */
export const sounds = (page, kind) => page.evaluate((wanted) => globalThis.__sound.filter((note) => !wanted || note.kind === wanted), kind);

export const chooseSeraphina = (page) => chooseCharacter(page, 'Seraphina');

export async function chooseCharacter(page, wanted) {
    // While the host still builds its welcome screen it forgets the choice, and while it saves a chat it refuses it: so it
    // is made until it holds.
    const choose = async (name) => {
        const chosen = () => {
            const { characterId, groupId, name2 } = SillyTavern.getContext();
            return characterId !== undefined && !groupId && name2 === name;
        };
        const context = SillyTavern.getContext();
        if (!chosen()) await context.selectCharacterById(Math.max(0, context.characters.findIndex((each) => each.name === name)));
        return chosen() && Boolean(document.querySelector('#chat .mes'));
    };
    await until(() => page.evaluate(choose, wanted), `the chat with ${wanted}`);
    await sleep(500);
}

/** Connects SillyTavern to a chat model that streams. */
export async function connectModel(page, modelUrl) {
    await page.evaluate(async (url) => {
        const pause = () => new Promise((resolve) => setTimeout(resolve, 300));
        const context = SillyTavern.getContext();
        $('#main_api').val('openai').trigger('change');
        await pause();
        $('#chat_completion_source').val('custom').trigger('change');
        await pause();
        $('#custom_api_url_text').val(url).trigger('input');
        $('#custom_model_id').val('stub-llm').trigger('input');
        $('#stream_toggle').prop('checked', true).trigger('change').trigger('input');
        context.chatCompletionSettings.stream_openai = true;
        context.chatCompletionSettings.custom_model = 'stub-llm';
        $('#api_button_openai').trigger('click');
    }, `${modelUrl}/v1`);
    await page.waitForFunction(() => !['no_connection', undefined, ''].includes(SillyTavern.getContext().onlineStatus), null, { timeout: 60_000 });
}

export async function openExtensions(page) {
    const open = await page.locator('#rm_extensions_block').evaluate((element) => element.classList.contains('openDrawer'));
    if (!open) await page.locator('#extensions-settings-button > .drawer-toggle').click();
    await sleep(500);
}

export async function closeExtensions(page) {
    const open = await page.locator('#rm_extensions_block').evaluate((element) => element.classList.contains('openDrawer'));
    if (open) await page.locator('#extensions-settings-button > .drawer-toggle').click();
    await sleep(500);
}

/** Opens an inline drawer by its id, if it is closed. */
export async function openDrawer(page, selector) {
    const content = page.locator(`${selector} .inline-drawer-content`).first();
    if (!(await content.isVisible())) await page.locator(`${selector} .inline-drawer-toggle`).first().click();
    await content.waitFor({ state: 'visible' });
    await sleep(400);
}

export async function send(page, text) {
    await page.locator('#send_textarea').fill(text);
    await page.locator('#send_but').click();
}

export const slash = (page, command) => page.evaluate((text) => SillyTavern.getContext().executeSlashCommandsWithOptions(text), command);

export async function shot(page, name) {
    const folder = process.env.TROUPE_ST_SHOTS;
    if (!folder) return;
    fs.mkdirSync(folder, { recursive: true });
    await page.screenshot({ path: path.join(folder, `${name}.png`) });
}

/** Until `condition` holds. @template T @param {() => Promise<T> | T} condition @param {string} what @param {number} [ms] @returns {Promise<T>} */
export async function until(condition, what, ms = 60_000) {
    const end = Date.now() + ms;
    for (;;) {
        const value = await condition();
        if (value) return value;
        if (Date.now() > end) throw new Error(`Waited in vain for: ${what}`);
        await sleep(50);
    }
}

// One narration session against a server that follows docs/narration.md.
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { after, before, test } from 'node:test';
import { Client } from '../../../../extension/sillytavern/client.js';
import { Narration } from '../../../../extension/sillytavern/narration.js';
import { startStub } from '../stub-server.mjs';

let stub;
before(async () => (stub = await startStub({ latency: 5, rvc: ['ghost'] })));
after(() => stub.close());

function listen(client = new Client(() => stub.url, () => '')) {
    const heard = { clips: [], failed: [], errors: [] };
    let narration;
    const ended = new Promise((resolve) => {
        narration = new Narration(client, {
            clip: (clip) => heard.clips.push(clip),
            clipFailed: (error) => heard.failed.push(error.message),
            error: (error) => heard.errors.push(error),
            end: resolve,
        });
    });
    return { narration, heard, ended };
}
const held = () => [...stub.narrations.values()].at(-1);

test('a text given at once goes out with the first request', async () => {
    const { narration, heard, ended } = listen();
    const before = stub.requests.length;
    narration.open({ cast: {} });
    narration.write('One sentence. And another one.', true);
    assert.deepEqual(await ended, { complete: true });
    assert.deepEqual(heard.clips.map((clip) => clip.text), ['One sentence.', 'And another one.']);
    assert.equal(stub.requests.slice(before).filter(({ method }) => method === 'POST').length, 1);
});

test('a growing text arrives whole, and each word once', async () => {
    const { narration, heard, ended } = listen();
    const text = '*She looks up.* "Oh, it is you," she says. The door 🚪 closes behind her. Nobody speaks.';
    narration.open({ cast: {} });
    for (let i = 1; i <= text.length; i += 3) {
        narration.write(text.slice(0, i), false);
        await new Promise((resolve) => setTimeout(resolve, 4));
    }
    narration.write(text, true);
    await ended;
    assert.equal(held().text, text);
    assert.equal(narration.text, text);
    assert.deepEqual(heard.clips.map(({ start, end }) => text.slice(start, end)).join(''), text);
});

test('a text that took many pushes leaves nothing of them behind', async () => {
    let signal;
    const fetcher = (url, { signal: own, ...init }) => ((signal = own ?? signal), fetch(url, init));
    const { narration, ended } = listen(new Client(() => stub.url, () => '', fetcher));
    narration.open({ cast: {} });
    for (let i = 1; i <= 10; i++) {
        narration.write('word '.repeat(i), false);
        await new Promise((resolve) => setTimeout(resolve, 80));
    }
    narration.write('word '.repeat(11), true);
    await ended;
    const left = getEventListeners(signal, 'abort').length;
    assert.ok(left < 3, `${left} listeners`);
});

test('a conversion that is gone is told once, and the rest is spoken as it was wanted', async () => {
    const { narration, heard, ended } = listen();
    const speaking = { voice: 'nova', speed: 1.1, rvc: 'gone', rvc_pitch: 3 };
    const options = { cast: { character: speaking, 'Dr. Who': speaking, narrator: { voice: 'onyx', rvc: 'ghost' } } };
    narration.open(options);
    narration.write('One sentence.', true);
    await ended;
    assert.equal(heard.clips.length, 1);
    assert.deepEqual(heard.failed, ["There is no RVC voice 'gone'."]);
    const without = { voice: 'nova', speed: 1.1 };
    assert.deepEqual(held().body.cast, { character: without, 'Dr. Who': without, narrator: { voice: 'onyx', rvc: 'ghost' } });
    assert.equal(options.cast.character.rvc, 'gone', 'what was chosen is not changed');
});

test('a conversion that is set on the server and gone is told once, and all speak without it', async () => {
    stub.state.rvcOfAll = 'lost';
    try {
        const { narration, heard, ended } = listen();
        narration.open({ cast: { character: { voice: 'nova', rvc: 'gone' }, user: { voice: 'echo' }, narrator: { rvc: 'ghost' } } });
        narration.write('One sentence.', true);
        await ended;
        assert.equal(heard.clips.length, 1);
        assert.deepEqual(heard.failed, ["There is no RVC voice 'gone'.", "There is no RVC voice 'lost'."]);
        assert.deepEqual(held().body.cast, {
            character: { voice: 'nova', rvc: 'Disabled' }, user: { voice: 'echo', rvc: 'Disabled' }, narrator: { rvc: 'ghost' },
        });
    } finally {
        stub.state.rvcOfAll = '';
    }
});

test('a text cleaned up behind what is spoken is replaced', async () => {
    const { narration, heard, ended } = listen();
    narration.open({ cast: {} });
    narration.write('Hello there. I am so', false);
    await new Promise((resolve) => setTimeout(resolve, 150));
    narration.write('Hello there. I am sorry.', true);
    await ended;
    assert.deepEqual(heard.clips.map((clip) => clip.text), ['Hello there.', 'I am sorry.']);
});

test('a text cleaned up where it has been spoken goes on behind the same words', async () => {
    const { narration, heard, ended } = listen();
    narration.open({ cast: {} });
    narration.write('<think>Hmm.</think> Hello, my friend. How do you', false);
    await new Promise((resolve) => setTimeout(resolve, 200));
    narration.write('Hello, my friend. How do you do?', true);
    await ended;
    assert.equal(heard.clips.filter((clip) => clip.text.includes('Hello')).length, 1);
    assert.equal(heard.clips.at(-1).text, 'How do you do?');
    assert.deepEqual(heard.errors, []);
});

test('a broken event stream is taken up where it broke', async () => {
    const { narration, heard, ended } = listen();
    stub.state.dropEvents = 2;
    narration.open({ cast: {} });
    narration.write('One here. Two here. Three here. Four here.', true);
    assert.deepEqual(await ended, { complete: true });
    assert.deepEqual(heard.clips.map(({ index }) => index), [0, 1, 2, 3]);
});

test('a failed clip is told and the next goes on', async () => {
    const { narration, heard, ended } = listen();
    narration.open({ cast: {} });
    narration.write('Fine. FAIL now. Fine again.', true);
    await ended;
    assert.deepEqual(heard.clips.map((clip) => clip.text), ['Fine.', 'Fine again.']);
    assert.deepEqual(heard.failed, ['stub cannot say this']);
});

test('a conversion that goes while it speaks is told, and all is heard', async () => {
    const { narration, heard, ended } = listen();
    narration.open({ cast: {} });
    narration.write('Fine. GONE now. Fine again.', true);
    assert.deepEqual(await ended, { complete: true });
    assert.deepEqual(heard.clips.map((clip) => clip.text), ['Fine.', 'GONE now.', 'Fine again.']);
    assert.deepEqual(heard.failed, ['stub lost its RVC voice']);
});

test('a server that is loading is waited for', async () => {
    const { narration, ended } = listen();
    stub.state.loadingAnswers = 1;
    narration.open({ cast: {} });
    narration.write('There it is.', true);
    assert.deepEqual(await ended, { complete: true });
});

test('cancelling ends the session on the server, also while it is being opened', async () => {
    const { narration } = listen();
    narration.open({ cast: {} });
    narration.write('A long sentence, and not the end', false);
    await new Promise((resolve) => setTimeout(resolve, 60));
    narration.cancel();
    await new Promise((resolve) => setTimeout(resolve, 60));
    assert.equal(held().state, 'cancelled');
});

test('a server that is not there is an error and an end', async () => {
    const { narration, heard, ended } = listen(new Client(() => 'http://127.0.0.1:9', () => ''));
    narration.open({ cast: {} });
    narration.write('Anybody?', true);
    assert.deepEqual(await ended, { complete: false });
    assert.equal(heard.errors[0].name, 'Unreachable');
});

test('the key goes to the server in a header and to no other place', async () => {
    const locked = await startStub({ latency: 1, key: 'secret' });
    try {
        const { narration, ended } = listen(new Client(() => locked.url, () => 'secret'));
        narration.open({ cast: {} });
        narration.write('Hello.', true);
        assert.deepEqual(await ended, { complete: true });
        assert.ok(locked.requests.every(({ path }) => !path.includes('secret')));
        await assert.rejects(new Client(() => locked.url, () => 'wrong').json('/api/engine'), { name: 'ServerError', status: 401 });
        await assert.rejects(new Client(() => locked.url, () => 'secret').json('http://elsewhere.example/'), /Not a path/);
    } finally {
        await locked.close();
    }
});

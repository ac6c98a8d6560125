// Whether the server is there, while it comes, goes and hangs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Client } from '../../../../extension/sillytavern/client.js';
import { Connection } from '../../../../extension/sillytavern/connection.js';
import { loadSettings } from '../../../../extension/sillytavern/settings.js';

const ADDRESS = 'http://127.0.0.1:7851';
const PAGE = { protocol: 'http:', hostname: '127.0.0.1', origin: 'http://127.0.0.1:8000' };
const ANSWERS = {
    '/health': { product: 'troupe', version: '1', instance: 'a', state: 'ready', engine: 'tone', detail: '' },
    '/v1/audio/voices': { voices: [{ id: 'nova', name: 'nova', kind: 'openai' }] },
    '/api/engine': { current: 'tone', engines: [{ name: 'tone', title: 'Tone', current: true }] },
    '/api/rvcvoices': { rvcvoices: ['Disabled'] },
};
const json = (value) => new Response(JSON.stringify(value), { headers: { 'Content-Type': 'application/json' } });
/** Until it is aborted, as a request to a machine that sleeps. */
const hang = ({ signal }) => new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));

/** A connection to a server that answers as told; `answer` may be changed while it runs. */
function connect(t, answer) {
    const server = { answer };
    const usual = (path) => (path === '/api/lease' ? new Response(new ReadableStream()) : json(ANSWERS[path]));
    const fetcher = async (url, init = {}) => (await server.answer(new URL(url).pathname, init)) ?? usual(new URL(url).pathname);
    const connection = new Connection(new Client(() => ADDRESS, () => '', fetcher), loadSettings({}), PAGE, fetcher);
    t.after(() => connection.release('test'));
    const known = new Promise((resolve) => connection.listeners.add(() => connection.state === 'connecting' || resolve(connection.state)));
    connection.use('test');
    return { server, connection, known };
}

test('a server that answers is ready, with its voices', async (t) => {
    const { connection, known } = connect(t, () => null);
    assert.equal(await known, 'ready');
    assert.equal(connection.catalogue.first, 'nova');
});

test('a server that begins to answer while it is looked for does not refuse this page', async (t) => {
    let tries = 0;
    const { known } = connect(t, (path) => {
        if (path === '/health' && tries++ === 0) throw new TypeError('Failed to fetch');
        return null;
    });
    assert.equal(await known, 'ready');
});

test('a server that refuses this page is told from one that is down', async (t) => {
    const { server, connection, known } = connect(t, (_path, { mode }) => {
        if (mode === 'no-cors') return json({});
        throw new TypeError('Failed to fetch');
    });
    assert.equal(await known, 'refused');
    server.answer = () => {
        throw new TypeError('Failed to fetch');
    };
    await connection.refresh();
    assert.equal(connection.state, 'down');
});

test('a server that hangs after it said that it is well is looked at again', async (t) => {
    t.mock.method(AbortSignal, 'timeout', (ms) => {
        const abort = new AbortController();
        setTimeout(() => abort.abort(new DOMException('too long', 'TimeoutError')), ms / 300).unref();
        return abort.signal;
    });
    const { known } = connect(t, (path, init) => (path === '/v1/audio/voices' ? hang(init) : null));
    const late = new Promise((resolve) => setTimeout(resolve, 2000, 'still waiting'));
    assert.equal(await Promise.race([known, late]), 'loading');
});

test('an answer that was overtaken changes nothing', async (t) => {
    let release = () => {};
    const { server, connection, known } = connect(t, () => null);
    await known;
    server.answer = (path) => (path === '/health' ? new Promise((resolve) => (release = () => resolve(json({ ...ANSWERS['/health'], state: 'draining' })))) : null);
    const slow = connection.refresh();
    await new Promise(setImmediate);
    server.answer = () => null;
    await connection.refresh();
    release();
    await slow;
    assert.equal(connection.state, 'ready');
});

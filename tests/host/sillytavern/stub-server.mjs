// A speech server that follows docs/narration.md and speaks tones, so that the extension can be tested without models.
// Sentences end at . ! ? … or a line break; *asterisks* are the narrator's. One sentence takes `latency` ms to make.
import http from 'node:http';
import { randomBytes } from 'node:crypto';

const RATE = 24000;
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Mono 16-bit PCM WAV with a quiet tone. */
export function toneWav(seconds, hz = 330) {
    const n = Math.max(1, Math.round(seconds * RATE));
    const out = Buffer.alloc(44 + n * 2);
    out.write('RIFF', 0);
    out.writeUInt32LE(36 + n * 2, 4);
    out.write('WAVEfmt ', 8);
    out.writeUInt32LE(16, 16);
    out.writeUInt16LE(1, 20);
    out.writeUInt16LE(1, 22);
    out.writeUInt32LE(RATE, 24);
    out.writeUInt32LE(RATE * 2, 28);
    out.writeUInt16LE(2, 32);
    out.writeUInt16LE(16, 34);
    out.write('data', 36);
    out.writeUInt32LE(n * 2, 40);
    for (let i = 0; i < n; i++) out.writeInt16LE(Math.round(3000 * Math.sin((2 * Math.PI * hz * i) / RATE)), 44 + i * 2);
    return out;
}

const ENGINES = {
    tone: ['af_heart:Heart:en-us:female', 'am_onyx:Onyx:en-us:male', 'bf_emma:Emma:en-gb:female'],
    other: ['thorsten:Thorsten:de:male', 'kerstin:Kerstin:de:female'],
};
const OPENAI = ['alloy', 'echo', 'fable', 'onyx', 'nova', 'shimmer'];

class Narration {
    text = '';
    final = false;
    spokenUntil = 0;
    clips = [];
    events = [];
    state = 'open';
    fetched = -1;
    listeners = new Set();

    constructor(body, latency) {
        this.id = randomBytes(16).toString('base64url');
        this.body = body;
        this.latency = latency;
        this.url = `/api/narrations/${this.id}`;
    }

    progress() {
        return { length: this.text.length, spoken_until: this.spokenUntil, final: this.final };
    }

    /** @returns {null | {status: number, code: string}} */
    push({ offset, text, final = false }) {
        if (offset > this.text.length) return { status: 409, code: 'text_gap' };
        const next = this.text.slice(0, offset) + text;
        const same = this.text.startsWith(text, offset) && (!final || next.length === this.text.length || !text.length);
        if (this.final && !this.text.startsWith(text, offset)) return { status: 409, code: 'already_final' };
        if (!same || next.length > this.text.length) {
            let first = offset;
            while (first < next.length && first < this.text.length && next[first] === this.text[first]) first++;
            if (first < this.spokenUntil) return { status: 409, code: 'already_spoken' };
            this.text = next;
        }
        this.final ||= final;
        void this.work();
        return null;
    }

    emit(event, data) {
        this.events.push({ id: this.events.length + 1, event, data });
        for (const listener of this.listeners) listener();
    }

    async work() {
        if (this.working) return;
        this.working = true;
        while (this.state === 'open') {
            const piece = this.nextPiece();
            if (!piece) break;
            const [start, end] = piece;
            this.spokenUntil = end;
            const text = this.text.slice(start, end).replace(/[*"]/g, '').trim();
            await pause(this.latency);
            while (this.state === 'open' && this.ahead() > 30 && this.clips.length - this.fetched > 2) await pause(50);
            if (this.state !== 'open') break;
            if (!/[\p{L}\p{N}]/u.test(text)) continue;
            const index = this.clips.length;
            const role = /^\s*\*/.test(this.text.slice(start, end)) ? 'narrator' : (this.body.speaker ?? 'character');
            const duration = Math.min(4, Math.max(0.4, text.length / 20));
            if (/FAIL|UNINSTALLED/.test(text)) {
                const failure = /FAIL/.test(text) ? { message: 'stub cannot say this', code: null } : { message: 'RVC is not installed', code: 'engine_not_installed' };
                this.emit('clip_failed', { index, role, start, end, error: { type: 'server_error', param: null, ...failure } });
                continue;
            }
            if (/GONE/.test(text)) {
                this.emit('conversion_failed', { role, error: { type: 'server_error', param: null, message: 'stub lost its RVC voice', code: 'rvc_voice_not_found' } });
            }
            const words = [...this.text.slice(start, end).matchAll(/\p{L}+/gu)].map((m, i, all) => ({ start: (i * duration) / all.length, end: ((i + 1) * duration) / all.length, from: start + m.index, to: start + m.index + m[0].length }));
            this.clips.push({ wav: toneWav(duration, role === 'narrator' ? 220 : 330), duration });
            this.emit('clip', { index, role, start, end, text, duration, words, url: `${this.url}/clips/${index}` });
        }
        this.working = false;
        if (this.state === 'open' && this.final && !this.nextPiece()) {
            this.state = 'done';
            this.emit('done', { clips: this.clips.length, failed: 0, duration: this.clips.reduce((s, c) => s + c.duration, 0) });
        }
    }

    ahead() {
        return this.clips.slice(this.fetched + 1).reduce((sum, clip) => sum + clip.duration, 0);
    }

    nextPiece() {
        const rest = this.text.slice(this.spokenUntil);
        const match = /^[\s\S]*?[.!?…]+["*”»]*(?=\s)|^[\s\S]*?\n/.exec(rest);
        if (match) return [this.spokenUntil, this.spokenUntil + match[0].length];
        return this.final && rest.trim() ? [this.spokenUntil, this.text.length] : null;
    }

    cancel(reason) {
        if (this.state !== 'open') return false;
        this.state = 'cancelled';
        this.emit('cancelled', { reason });
        return true;
    }
}

/** @param {{port?: number, latency?: number, key?: string, rvc?: string[], origins?: RegExp}} [options] */
export async function startStub({ port = 0, latency = 60, key = '', rvc = [], origins = /^https?:\/\/(127\.0\.0\.1|localhost)(:\d+)?$/ } = {}) {
    const requests = [];
    const narrations = new Map();
    const state = { engine: 'tone', health: 'ready', leases: 0, dropEvents: 0, loadingAnswers: 0, rvc, rvcOfAll: '' };

    const server = http.createServer(async (req, res) => {
        const chunks = [];
        for await (const chunk of req) chunks.push(chunk);
        const raw = Buffer.concat(chunks).toString('utf8');
        const url = new URL(req.url, 'http://stub');
        const path = url.pathname;
        const body = raw ? JSON.parse(raw) : {};
        const note = { t: Date.now(), method: req.method, path: req.url, headers: req.headers, body };
        requests.push(note);
        const origin = req.headers.origin;
        if (origin && origins.test(origin)) {
            res.setHeader('Access-Control-Allow-Origin', origin);
            res.setHeader('Access-Control-Allow-Headers', 'authorization, content-type, last-event-id');
            res.setHeader('Access-Control-Allow-Methods', 'GET, POST, PUT, DELETE');
            res.setHeader('Access-Control-Max-Age', '600');
        } else if (origin) return refuse(403, 'This origin is not allowed.');
        if (req.method === 'OPTIONS') return res.writeHead(204).end();

        function json(value, status = 200) {
            res.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(value));
        }
        function refuse(status, message, code = null, more = {}, param = null) {
            json({ error: { message, type: 'invalid_request_error', param, code }, ...more }, status);
        }
        const audio = (wav, type = 'audio/wav') => res.writeHead(200, { 'Content-Type': type, 'Content-Length': wav.length }).end(wav);
        const open = path === '/health' || path === '/v1/audio/voices' || /^\/api\/narrations\/[^/]+\/(events|clips|audio)/.test(path);
        if (key && !open && req.headers.authorization !== `Bearer ${key}`) return refuse(401, 'The API key is missing or wrong.', 'invalid_api_key');

        if (path === '/health') return json({ product: 'troupe', version: '0.1.0', api: 1, instance: 'stub', state: state.health, engine: state.engine, device: 'cpu', detail: state.health === 'loading' ? 'Loading weights' : '' });
        if (path === '/v1/audio/voices') return json({ voices: [...OPENAI.map((id) => ({ id, name: id, engine: state.engine, languages: [], gender: null, licence: null, preview_url: `/api/voices/${id}/preview`, kind: 'openai' })), ...ENGINES[state.engine].map((entry) => {
            const [id, name, language, gender] = entry.split(':');
            return { id, name, engine: state.engine, languages: [language], gender, licence: 'Apache-2.0', preview_url: `/api/voices/${id}/preview`, kind: 'builtin' };
        })] });
        if (path === '/api/engine') {
            if (req.method === 'PUT') state.engine = body.engine;
            return json({ current: state.engine, state: 'ready', device: 'cpu', engines: Object.keys(ENGINES).map((name) => ({ name, title: name[0].toUpperCase() + name.slice(1), installed: true, current: name === state.engine, languages: ['en'], clones: false, blends: name === 'tone', streams: true })) });
        }
        if (path === '/api/rvcvoices') return json({ status: 'success', rvcvoices: ['Disabled', ...state.rvc] });
        if (path === '/api/lease') {
            state.leases++;
            res.writeHead(200, { 'Content-Type': 'text/plain' });
            res.write('.\n');
            res.on('close', () => state.leases--);
            return;
        }
        if (/^\/api\/voices\/[^/]+\/preview$/.test(path)) return audio(toneWav(0.4));
        if (path === '/v1/audio/speech') return audio(toneWav(0.4));
        if (path === '/api/narrations' && req.method === 'POST') {
            if (state.loadingAnswers-- > 0) {
                res.setHeader('Retry-After', '1');
                return refuse(503, 'The engine is loading.', 'loading');
            }
            for (const [role, member] of Object.entries(body.cast ?? {})) {
                const rvc = member.rvc || state.rvcOfAll;
                if (!state.rvc.length || !rvc || ['Disabled', ...state.rvc].includes(rvc)) continue;
                return refuse(member.rvc ? 400 : 404, `There is no RVC voice '${rvc}'.`, 'rvc_voice_not_found', {}, `cast.${role}.rvc`);
            }
            const narration = new Narration(body, latency);
            narrations.set(narration.id, narration);
            narration.push({ offset: 0, text: body.text ?? '', final: body.final });
            return json({ id: narration.id, format: body.format ?? 'mp3', media_type: 'audio/wav', url: narration.url, events_url: `${narration.url}/events`, audio_url: `${narration.url}/audio`, ...narration.progress() }, 201);
        }
        const [, id, rest = ''] = /^\/api\/narrations\/([^/]+)(\/.*)?$/.exec(path) ?? [];
        const narration = narrations.get(id);
        if (!narration) return refuse(404, 'Unknown path.', 'not_found');
        if (rest === '/text') {
            const refusal = narration.push(body);
            return refusal ? refuse(refusal.status, refusal.code, refusal.code, narration.progress()) : json(narration.progress());
        }
        if (rest === '/events') return sendEvents(narration, Number(req.headers['last-event-id'] ?? url.searchParams.get('after') ?? 0), res, state);
        if (rest.startsWith('/clips/')) {
            const index = Number(rest.slice(7));
            if (!narration.clips[index]) return refuse(404, 'No such clip.', 'not_found');
            narration.fetched = Math.max(narration.fetched, index);
            return audio(narration.clips[index].wav, narration.body.format === 'mp3' ? 'audio/mpeg' : 'audio/wav');
        }
        if (rest === '/audio') {
            narration.fetched = Infinity;
            while (narration.state === 'open') await pause(20);
            return audio(narration.clips[0]?.wav ?? toneWav(0.2), 'audio/mpeg');
        }
        if (req.method === 'DELETE') return json({ cancelled: narration.cancel('deleted') });
        return json({ id, state: narration.state, ...narration.progress(), clips: narration.clips.length, failed: 0, duration: 0, format: 'wav' });
    });
    await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
    const address = server.address();
    return {
        url: `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`,
        requests,
        narrations,
        state,
        close: () => (server.closeAllConnections(), new Promise((resolve) => server.close(resolve))),
    };
}

function sendEvents(narration, after, res, state) {
    res.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' });
    res.write(': listening\n\n');
    const send = () => {
        for (const { id, event, data } of narration.events.slice(after)) {
            res.write(`id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
            after = id;
            if (event === 'done' || event === 'cancelled') return res.end();
            if (state.dropEvents > 0) {
                state.dropEvents--;
                return res.destroy();
            }
        }
    };
    narration.listeners.add(send);
    res.on('close', () => narration.listeners.delete(send));
    send();
}

if (process.argv[1] && import.meta.url.endsWith(process.argv[1].replaceAll('\\', '/').split('/').at(-1) ?? '')) {
    const stub = await startStub({ port: Number(process.argv[2] ?? 8123) });
    process.stdout.write(`stub on ${stub.url}\n`);
}

// Clips on a clock of our own.
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { Player } from '../../../../extension/sillytavern/player.js';

/** As much of an AudioContext as the player uses; its time passes when told to. */
class FakeContext {
    state = 'running';
    currentTime = 0;
    outputLatency = 0;
    destination = {};
    started = [];
    createGain() {
        const calls = [];
        const gain = { value: 1, calls };
        for (const name of ['setTargetAtTime', 'setValueAtTime', 'linearRampToValueAtTime']) gain[name] = (...args) => calls.push([name, ...args]);
        return { gain, connect: (next) => next };
    }
    createBufferSource() {
        const source = { buffer: null, at: null, stoppedAt: null, connect: (next) => next };
        source.start = (at) => ((source.at = at), this.started.push(source));
        source.stop = (at = this.currentTime) => (source.stoppedAt = at);
        return source;
    }
    async resume() {
        if (!this.locked) this.state = 'running';
    }
    async suspend() {
        this.state = 'suspended';
    }
}

function stage(context = new FakeContext()) {
    mock.timers.enable({ apis: ['setInterval'] });
    const player = new Player(() => context);
    const pass = (seconds) => {
        for (let left = seconds; left > 1e-9; left -= 0.04) {
            if (context.state === 'running') context.currentTime += Math.min(0.04, left);
            mock.timers.tick(40);
        }
    };
    return { context, player, pass, heard: [], end: () => mock.timers.reset() };
}
const clip = (duration) => ({ duration });

test('clips join without a gap, and their beginnings are told in time', (t) => {
    const { context, player, pass, end } = stage();
    t.after(end);
    const told = [];
    let ended = null;
    const track = player.open({ playing: (tag) => told.push([tag, context.currentTime]), ended: (all) => (ended = all) });
    track.add(clip(1), 'a');
    track.add(clip(0.5), 'b');
    pass(0.6);
    track.add(clip(0.5), 'c');
    track.close();
    pass(2);
    const ats = context.started.map(({ at }) => at);
    assert.ok(Math.abs(ats[1] - ats[0] - 1) < 1e-9 && Math.abs(ats[2] - ats[1] - 0.5) < 1e-9);
    assert.deepEqual(told.map(([tag]) => tag), ['a', 'b', 'c']);
    told.forEach(([, time], i) => assert.ok(time - ats[i] >= 0 && time - ats[i] < 0.09));
    assert.equal(ended, true);
});

test('a clip that comes late is played at once, from its beginning', (t) => {
    const { context, player, pass, end } = stage();
    t.after(end);
    const track = player.open({});
    track.add(clip(0.4), 'a');
    pass(2);
    const late = context.currentTime;
    track.add(clip(0.4), 'b');
    assert.ok(context.started[1].at > late && context.started[1].at < late + 0.1);
});

test('stopping fades what is heard and drops what was planned', (t) => {
    const { context, player, pass, end } = stage();
    t.after(end);
    let ended = null;
    const track = player.open({ ended: (all) => (ended = all) });
    track.add(clip(2), 'a');
    track.add(clip(2), 'b');
    pass(0.5);
    track.stop();
    assert.equal(ended, false);
    assert.ok(context.started[0].stoppedAt - context.currentTime < 0.05);
    assert.equal(context.started[1].stoppedAt, context.currentTime);
    track.stop();
    assert.equal(track.secondsAhead(), 0);
});

test('a second text waits for the first', (t) => {
    const { context, player, pass, end } = stage();
    t.after(end);
    const first = player.open({});
    const second = player.open({});
    second.add(clip(1), 'second');
    first.add(clip(1), 'first');
    pass(0.2);
    assert.equal(context.started.length, 1);
    first.close();
    pass(1.2);
    assert.equal(context.started.length, 2);
    assert.ok(context.started[1].at >= context.started[0].at + 1);
});

test('skipping goes on with the next clip', (t) => {
    const { context, player, pass, end } = stage();
    t.after(end);
    const told = [];
    const track = player.open({ playing: (tag) => told.push(tag) });
    track.add(clip(3), 'a');
    track.add(clip(3), 'b');
    pass(0.5);
    player.skip();
    pass(0.3);
    assert.deepEqual(told, ['a', 'b']);
    assert.ok(context.started.at(-1).at < context.currentTime);
});

test('a browser that refuses sound is told of, and everything is there after the tap', async (t) => {
    const context = new FakeContext();
    context.state = 'suspended';
    context.locked = true;
    const { player, pass, end } = stage(context);
    t.after(end);
    const blocked = [];
    const told = [];
    player.onBlocked = (now) => blocked.push(now);
    const track = player.open({ playing: (tag) => told.push(tag) });
    track.add(clip(1), 'a');
    pass(0.2);
    assert.deepEqual(blocked, []);
    await new Promise((resolve) => setTimeout(resolve, 450));
    pass(0.1);
    assert.deepEqual([blocked, told], [[true], []]);
    context.locked = false;
    player.unlock();
    await null;
    pass(0.2);
    assert.deepEqual([blocked, told], [[true, false], ['a']]);
});

test('volume is ramped, not jumped', (t) => {
    const { player, pass, end } = stage();
    t.after(end);
    player.open({}).add(clip(1), 'a');
    pass(0.1);
    player.volume = 0.3;
    assert.equal(player.volume, 0.3);
});

test('a text that was heard or stopped keeps no sound: the messages of a long chat stay in memory with theirs', (t) => {
    const { player, pass, end } = stage();
    t.after(end);
    const heard = player.open({});
    heard.add(clip(0.2), 'a');
    heard.close();
    pass(0.1);
    assert.equal(heard.current.tag, 'a');
    pass(0.4);
    const stopped = player.open({});
    stopped.add(clip(2), 'b');
    pass(0.6);
    assert.equal(stopped.current.tag, 'b');
    stopped.stop();
    for (const track of [heard, stopped]) assert.deepEqual([track.items, track.current], [[], null]);
});

// Pure parts: events, edits, offsets, addresses.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultAddress, findObstacle, normalAddress, obstacleBetween } from '../../../../extension/sillytavern/address.js';
import { commonPrefix, graft, nextPush } from '../../../../extension/sillytavern/edits.js';
import { Alignment } from '../../../../extension/sillytavern/offsets.js';
import { EventParser } from '../../../../extension/sillytavern/sse.js';

test('events are the same however the stream was cut', () => {
    const stream = ': hello\n\nid: 1\nevent: clip\ndata: {"a":\ndata: 1}\n\nid: 2\r\nevent: done\r\ndata: {}\r\n\r\ndata:x\n\n';
    const whole = new EventParser().push(stream);
    assert.deepEqual(whole, [
        { id: '1', event: 'clip', data: '{"a":\n1}' },
        { id: '2', event: 'done', data: '{}' },
        { id: '2', event: 'message', data: 'x' },
    ]);
    for (let size = 1; size < 9; size++) {
        const parser = new EventParser();
        const events = [];
        for (let i = 0; i < stream.length; i += size) events.push(...parser.push(stream.slice(i, i + size)));
        assert.deepEqual(events, whole, `pieces of ${size}`);
    }
});

test('a push holds what differs, and never half a letter', () => {
    assert.equal(nextPush('abc', 'abc'), null);
    assert.deepEqual(nextPush('ab', 'abcd'), { offset: 2, text: 'cd' });
    assert.deepEqual(nextPush('abcd', 'ab'), { offset: 2, text: '' });
    assert.equal(commonPrefix('x😀', 'x😁'), 1);
});

test('grafting continues behind the words last spoken', () => {
    assert.equal(graft('Hi you. And', 'Hi you. Or', 7), 'Hi you. Or');
    assert.equal(graft('  Hello you. And so', 'Hello you. And then', 12), '  Hello you. And then');
    assert.equal(graft('Name: Hello my dear friend. ', 'Hello my dear friend. Bye.', 28), 'Name: Hello my dear friend. Bye.');
    assert.equal(graft('Spoken already. Rest', 'Entirely other words', 15), 'Spoken already. Rest');
});

const shownAt = (raw, shown, piece) => {
    const start = raw.indexOf(piece);
    const span = new Alignment(raw, shown).locate({ start, end: start + piece.length });
    return span && shown.slice(span.start, span.end);
};

test('a sentence is found in what the page shows of it', () => {
    const cases = [
        ['*She looks up.* "Oh, it is you."', 'She looks up. "Oh, it is you."', '"Oh, it is you."', '"Oh, it is you."'],
        ['**Bold** and _soft_. Next one.', 'Bold and soft. Next one.', '**Bold** and _soft_.', 'Bold and soft.'],
        ['{{char}} smiles. {{user}} too.', 'Seraphina smiles. Tester too.', '{{user}} too.', 'too.'],
        ['a &amp; b. Then c.', 'a & b. Then c.', 'Then c.', 'Then c.'],
        ['First. [link text](http://x.example/y) here. Last.', 'First. link text here. Last.', 'Last.', 'Last.'],
        ['你好。我很好！', '你好。我很好！', '我很好！', '我很好！'],
        ['Ja. „Nein“, sagt sie.', 'Ja. „Nein“, sagt sie.', '„Nein“, sagt sie.', '„Nein“, sagt sie.'],
        ['Same words. Same words. Other.', 'Same words. Same words. Other.', 'Other.', 'Other.'],
    ];
    for (const [raw, shown, piece, expected] of cases) assert.equal(shownAt(raw, shown, piece), expected, raw);
});

test('a reasoning block that the page does not show is passed over', () => {
    const think = `<think>${'The user wants a story about dragons, so I plan it well. '.repeat(60)}</think>`;
    const story = 'The dragon slept on its gold. A mouse came by and sneezed.';
    assert.equal(shownAt(`${think}\n${story}`, story, 'A mouse came by and sneezed.'), 'A mouse came by and sneezed.');
});

test('text the page has before ours, as after Continue, is passed over', () => {
    const before = 'A long tale was told before this. '.repeat(40);
    assert.equal(shownAt('And then it ended well for all.', `${before}And then it ended well for all.`, 'it ended well'), 'it ended well');
});

test('what is not shown has no place', () => {
    assert.equal(shownAt('Hidden words here. Shown.', 'Shown.', 'Hidden words here.'), null);
});

const page = (protocol, hostname) => ({ protocol, hostname, origin: `${protocol}//${hostname}:8000` });

test('addresses are completed as people mean them', () => {
    const here = page('http:', '192.168.1.5');
    assert.equal(defaultAddress(here), 'http://192.168.1.5:7851');
    assert.equal(normalAddress('', here), 'http://192.168.1.5:7851');
    assert.equal(normalAddress(' 10.0.0.2 ', here), 'http://10.0.0.2:7851');
    assert.equal(normalAddress('http://10.0.0.2:9000/', here), 'http://10.0.0.2:9000');
    assert.equal(normalAddress('http://10.0.0.2:80', here), 'http://10.0.0.2');
    assert.equal(normalAddress('https://voices.example/troupe/', here), 'https://voices.example/troupe');
    assert.equal(normalAddress('http://127.0.0.1:7851/v1', here), 'http://127.0.0.1:7851');
    assert.equal(normalAddress('http://[::1]:7851/v1/audio/speech', here), 'http://[::1]:7851');
});

test('what the page cannot reach is explained', async () => {
    const fails = async () => Promise.reject(new TypeError('Failed to fetch'));
    const answers = async () => new Response();
    assert.equal(obstacleBetween('http://10.0.0.2:7851', page('https:', 'tavern.example')), 'mixed');
    assert.equal(obstacleBetween('http://127.0.0.1:7851', page('https:', 'tavern.example')), null);
    assert.equal(obstacleBetween('http://10.0.0.2:7851', page('http:', '10.0.0.2')), null);
    assert.equal(await findObstacle('http://127.0.0.1:7851', page('http:', '127.0.0.1'), fails), 'down');
    assert.equal(await findObstacle('http://127.0.0.1:7851', page('http:', '192.168.1.5'), fails), 'other-device');
    assert.equal(await findObstacle('http://127.0.0.1:7851', page('http:', '127.0.0.1'), answers), 'refused');
    assert.equal(await findObstacle('not an address', page('http:', '127.0.0.1'), fails), 'down');
});

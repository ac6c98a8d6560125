// Voices, engines, and who speaks how.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Casting, labelFor } from '../../../../extension/sillytavern/cast.js';
import { clampSpeed, defaults, loadSettings } from '../../../../extension/sillytavern/settings.js';
import { DEFAULT_VOICE, VoiceCatalogue, decodeId, encodeId, matchEngine } from '../../../../extension/sillytavern/voices.js';

const listed = [
    { id: 'nova', name: 'Nova', kind: 'openai', languages: ['en'], gender: 'female' },
    { id: 'onyx', name: 'Onyx', kind: 'openai', languages: ['en'], gender: 'male' },
    { id: 'af_heart', name: 'Heart', kind: 'builtin', languages: ['en-us'], gender: 'female', licence: 'Apache-2.0' },
    { id: 'bm_george', name: 'George', kind: 'builtin', languages: ['en-gb'], gender: 'male' },
];
const catalogue = new VoiceCatalogue(listed, [{ name: 'Mine', voice: 'af_heart(2)+bm_george(1)' }]);
const company = (map, more = {}) => ({ map, multiVoice: false, user: 'Tester', people: ['Seraphina', 'Bruno'], ...more });

test('voices are found by label and id, and searched by what people know of them', () => {
    assert.equal(catalogue.find('Heart (en-us, female)')?.id, 'af_heart');
    assert.equal(catalogue.find(' AF_HEART ')?.id, 'af_heart');
    assert.equal(catalogue.find('nobody'), null);
    assert.deepEqual(catalogue.search({ text: 'male en-gb' }).map(({ id }) => id), ['bm_george']);
    assert.deepEqual(catalogue.search({ gender: 'female', language: 'en-us' }).map(({ id }) => id), ['af_heart']);
    assert.equal(catalogue.first, 'nova');
});

test('labels and ids are harmless in the HTML that the host makes of them', () => {
    const evil = new VoiceCatalogue([{ id: "x'+alert(1)+'", name: '<img src=x onerror=alert(1)>', kind: 'clone', languages: [] }]);
    assert.doesNotMatch(evil.voices[0].label, /[<>"'&]/);
    for (const id of ["x'+alert(1)+'", 'ä b%', 'af_heart(2)+bm_george(1)']) {
        assert.doesNotMatch(encodeId(id), /['"<>\\]/);
        assert.equal(decodeId(encodeId(id)), id);
    }
});

test('two voices of one name have two labels', () => {
    const twins = new VoiceCatalogue([{ id: 'a', name: 'Twin', languages: [] }, { id: 'b', name: 'Twin', languages: [] }]);
    assert.notEqual(twins.voices[0].label, twins.voices[1].label);
});

test('a voice of another engine is told apart by its id', () => {
    const voices = new VoiceCatalogue([
        { id: 'af_heart', name: 'Heart', engine: 'kokoro', languages: ['en-us'] },
        { id: 'xtts:Ana Florence', name: 'Ana Florence (XTTS v2)', engine: 'xtts', languages: ['en'] },
    ]);
    assert.deepEqual(voices.voices.map((voice) => voice.elsewhere), [false, true]);
    assert.equal(voices.find('xtts:Ana Florence')?.label, 'Ana Florence (XTTS v2) (en)');
    assert.equal(decodeId(encodeId('xtts:Ana Florence')), 'xtts:Ana Florence');
});

test('choices are kept for each engine, and what is missing is told once', () => {
    const settings = defaults();
    const map = { [DEFAULT_VOICE]: 'nova', Seraphina: 'Heart (en-us, female)', Bruno: 'onyx' };
    const other = new VoiceCatalogue([...listed.slice(0, 2), { id: 'kerstin', name: 'Kerstin', languages: ['de'], gender: 'female' }]);
    assert.deepEqual(matchEngine(settings, map, 'kokoro', catalogue), {});
    assert.deepEqual(matchEngine(settings, map, 'piper', other), { Seraphina: 'Heart (en-us, female)' });
    assert.deepEqual(map, { [DEFAULT_VOICE]: 'nova', Seraphina: DEFAULT_VOICE, Bruno: 'onyx' });
    map.Seraphina = 'Kerstin (de, female)';
    matchEngine(settings, map, 'kokoro', catalogue);
    assert.equal(map.Seraphina, 'Heart (en-us, female)');
    assert.deepEqual(matchEngine(settings, map, 'piper', other), {});
    assert.equal(map.Seraphina, 'Kerstin (de, female)');
});

test('whoever has installed voices hears one without having chosen', () => {
    const map = {};
    matchEngine(defaults(), map, 'kokoro', catalogue);
    assert.equal(map[DEFAULT_VOICE], 'nova');
});

test("the host's map decides who speaks", () => {
    const map = { [DEFAULT_VOICE]: 'nova', Seraphina: 'af_heart', Bruno: DEFAULT_VOICE, 'Seraphina ("Quotes")': 'onyx' };
    assert.equal(labelFor(company(map), 'Seraphina'), 'af_heart');
    assert.equal(labelFor(company(map), 'Bruno'), 'nova');
    assert.equal(labelFor(company(map), 'Stranger'), 'nova');
    assert.equal(labelFor(company(map, { multiVoice: true }), 'Seraphina'), 'onyx');
});

test('the cast has roles, names, speeds and conversion', () => {
    const settings = { ...defaults(), engine: 'kokoro', narrator: 'onyx', speed: 1.1 };
    settings.engines.kokoro = { choices: {}, speeds: { af_heart: 2 }, blends: [] };
    settings.rvc.Seraphina = { voice: 'deep', pitch: 3 };
    const casting = new Casting(settings, catalogue);
    const people = company({ [DEFAULT_VOICE]: 'nova', Seraphina: 'Heart (en-us, female)', Bruno: 'disabled', Tester: 'onyx' });
    const { cast, speaker } = casting.forMessage(people, { name: 'Seraphina' });
    assert.equal(speaker, 'character');
    assert.deepEqual(cast.character, { voice: 'af_heart', speed: 2.2, rvc: 'deep', rvc_pitch: 3 });
    assert.deepEqual(cast.narrator, { voice: 'onyx', speed: 1.1 });
    assert.deepEqual(Object.keys(cast).sort(), ['Seraphina', 'character', 'narrator', 'user']);
    assert.equal(casting.forMessage(people, { name: 'Bruno' }), null);
    assert.equal(casting.forMessage(people, { name: 'Tester', isUser: true })?.speaker, 'user');
    assert.equal(casting.forMessage(people, { name: 'System', isNarrator: true })?.cast.character.voice, 'onyx');
});

test('who has no conversion of its own has that of everybody, and the narrator that of his voice', () => {
    const settings = { ...defaults(), engine: 'kokoro' };
    settings.rvc[DEFAULT_VOICE] = { voice: 'ghost', pitch: 0 };
    settings.rvc.Seraphina = { voice: 'deep', pitch: 3 };
    settings.rvc.Tester = { voice: 'Disabled', pitch: 0 };
    const casting = new Casting(settings, catalogue);
    const people = company({ [DEFAULT_VOICE]: 'nova', Seraphina: 'onyx' });
    const cast = () => casting.forMessage(people, { name: 'Seraphina' }).cast;
    const rvc = (/** @type {any} */ members) => Object.fromEntries(Object.entries(members).map(([name, { rvc }]) => [name, rvc]));
    assert.deepEqual(rvc(cast()), { character: 'deep', narrator: 'deep', user: 'Disabled', Seraphina: 'deep', Bruno: 'ghost' });
    assert.equal(cast().narrator.rvc_pitch, 3);
    settings.narrator = 'af_heart';
    assert.deepEqual(cast().narrator, { speed: 1, voice: 'af_heart' }, 'a voice of his own is converted as the server has it');
    settings.narratorRvc = 'wraith';
    assert.deepEqual(cast().narrator, { speed: 1, voice: 'af_heart', rvc: 'wraith' });
    assert.equal(casting.forMessage(people, { name: 'System', isNarrator: true })?.cast.character.rvc, 'wraith');
    settings.narrator = '';
    assert.deepEqual(cast().narrator, { speed: 1, voice: 'onyx', rvc: 'wraith' });
    assert.equal(cast().character.rvc, 'deep');
});

test('a character called Narrator does not take the role', () => {
    const { cast } = new Casting(defaults(), catalogue).forMessage(company({ Narrator: 'onyx' }, { people: ['Narrator'] }), { name: 'Narrator' });
    assert.ok(!('Narrator' in cast));
    assert.equal(cast.character.voice, 'onyx');
});

test('settings of another version are mended, and the object stays the one that the host saves', () => {
    const all = { troupe: { speed: 'fast', skip: null, live: true, future: 1 } };
    const settings = loadSettings(all);
    assert.equal(settings, all.troupe);
    assert.deepEqual([settings.speed, settings.skip, settings.live], [1, [], true]);
    assert.equal(clampSpeed('nonsense'), 1);
    assert.equal(clampSpeed(9), 4);
});

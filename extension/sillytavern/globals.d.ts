/** The host's globals, loosely: their types are the host's business. */
declare const SillyTavern: { getContext(): any };
declare const toastr: any;
declare const $: any;
declare class Highlight {
    constructor(...ranges: Range[]);
}
declare namespace CSS {
    const highlights: Map<string, Highlight> | undefined;
}

/** Policies and data that take minutes to try out, and looks at what goes on meanwhile. */
import type { BundleContent } from '../../src/model/verbs.ts';
import type { PolicyStore } from '../../src/policy/store.ts';
import { bundleOf, endlessModule } from './archive.ts';

/** A bundle whose module never ends. */
export const endless = bundleOf([
  {
    name: '.manifest',
    content: JSON.stringify({ wasm: [{ entrypoint: 'assent/verdict', module: '/policy.wasm' }] }),
  },
  { name: 'policy.wasm', content: endlessModule() },
]);

/** The store, and what runs before one of its methods does. */
export function watched(store: PolicyStore) {
  const before: Partial<Record<keyof PolicyStore, () => Promise<void> | void>> = {};
  const wrapped = new Proxy(store, {
    get(target, name: keyof PolicyStore) {
      const run = before[name];
      if (run === undefined) return target[name];
      return async (...args: never[]) => {
        delete before[name];
        await run();
        return (target[name] as (...args: never[]) => unknown)(...args);
      };
    },
  });
  /** Resolves when the method is called the next time. */
  const called = (name: keyof PolicyStore) => new Promise<void>((resolve) => (before[name] = resolve));
  return { wrapped, before, called };
}

/** What became of it, and whether it is still open. */
export function follow(pushing: Promise<unknown>) {
  const state = { open: true };
  const end = pushing
    .catch((cause: unknown) => cause)
    .finally(() => {
      state.open = false;
    });
  return { state, end };
}

const sources = (rule: string): BundleContent => ({
  kind: 'sources',
  files: new Map([
    ['manifest.json', '{"name": "w", "codes": ["policy.w"], "data": ["w"]}'],
    ['data.json', '{"w": {"text": "ab", "word": "b"}}'],
    ['w.rego', `package rules.w\n\nallow contains {"code": "policy.w"} if ${rule}\n`],
  ]),
});
export const plain = sources('data.w.word');
/** Takes minutes for the one text and a word of half its length that it nearly holds everywhere. */
export const searching = sources('contains(data.w.text, data.w.word)');

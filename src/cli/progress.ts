/** Work shorter than this says nothing. */
const QUIET_MS = 1000;
const FRAME_MS = 200;

/**
 * Runs `work`; past a second says on stderr that it goes on: a line that counts on a terminal, else one line.
 * Results go to stdout and are never disturbed. `quiet`: nothing but on a terminal, where it is taken away again;
 * for commands whose stderr is one error at most, as with `--json`.
 */
export async function withProgress<T>(
  label: string,
  work: () => Promise<T>,
  quiet: boolean | undefined,
): Promise<T> {
  const { stderr } = process;
  const started = performance.now();
  let shown = false;
  const show = (): void => {
    if (stderr.isTTY) stderr.write(`\r${label} … ${Math.round((performance.now() - started) / 1000)} s `);
    else if (!shown && quiet !== true) stderr.write(`${label} …\n`);
    shown = true;
  };
  let repeat: NodeJS.Timeout | undefined;
  const first = setTimeout(() => {
    show();
    repeat = setInterval(show, FRAME_MS);
  }, QUIET_MS);
  try {
    return await work();
  } finally {
    clearTimeout(first);
    clearInterval(repeat);
    if (shown && stderr.isTTY) stderr.write('\r\u001b[K');
  }
}

/** What runs on this machine, as `ps` tells. */
import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Running {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
}

/** The processes that this one started, those that have ended left out. */
export function childrenOf(pid: number): readonly Running[] {
  return everything().filter(({ parent }) => parent === pid);
}

/** Resolves once the process has ended; whoever waits bounds it. */
export async function ended(pid: number): Promise<void> {
  while (everything().some((running) => running.pid === pid)) await sleep(50);
}

function everything(): readonly Running[] {
  const said = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,pgid=,stat=,comm='], { encoding: 'utf8' });
  return said.split('\n').flatMap((line) => {
    const [pid, parent, group, state = '', name] = line.trim().split(/\s+/);
    // One that nobody has asked after yet is gone all the same; and `ps` is a child of ours, too.
    if (state === '' || state.startsWith('Z') || name === 'ps') return [];
    return [{ pid: Number(pid), parent: Number(parent), group: Number(group) }];
  });
}

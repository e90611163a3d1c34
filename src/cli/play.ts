import { type Ask, AssentError, type Client, type Permission } from '../client/client.ts';
import { DEV_ISSUER } from '../dev.ts';
import { DEV_DIRECTORY, mintDevChain, mintDevToken } from './dev-material.ts';
import { unmet } from './expect.ts';
import type { Played, PlayedAsk, PlayedStep } from './played.ts';
import type { AskStep, Scenario, Step } from './scenario.ts';

export interface Stage {
  readonly client: Client;
  /** Where the development keys are; default `.assent/dev`. */
  readonly directory?: string;
  /** Called after each step. */
  readonly onStep?: (step: PlayedStep) => void;
}

/** The opened session and what the agent holds. */
interface Scene {
  readonly scenario: Scenario;
  readonly stage: Stage;
  readonly session: string;
  readonly token: string;
  readonly chains: ReadonlyMap<string, readonly string[]>;
}

/**
 * Plays one scenario as an enforcement point would: opens the session, asks, runs the tool when it may, reports
 * what it brought. Data that it patched is taken away again, also when it ends early.
 * @throws AssentError where the server does not answer a verb, UsageError without development keys
 */
export async function play(scenario: Scenario, stage: Stage): Promise<Played> {
  const patched = scenario.steps.flatMap((step) => ('patch_data' in step ? [step.patch_data.path] : []));
  // A demo that was cut short may have left its data behind.
  await unpatch(stage.client, patched);
  try {
    const scene = await openScene(scenario, stage);
    const steps: PlayedStep[] = [];
    for (const step of scenario.steps) {
      const played = await playStep(scene, step);
      steps.push(played);
      stage.onStep?.(played);
    }
    const { name, title } = scenario;
    return {
      name,
      title,
      session: scene.session,
      as_named: steps.every(({ problems }) => problems.length === 0),
      steps,
    };
  } finally {
    await unpatch(stage.client, patched);
  }
}

async function unpatch(client: Client, paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    try {
      await client.patchData(path, { remove: true });
    } catch (cause) {
      // There was nothing to take away.
      if (!(cause instanceof AssentError && cause.status === 'NOT_FOUND')) throw cause;
    }
  }
}

async function openScene(scenario: Scenario, stage: Stage): Promise<Scene> {
  const { mandate, agent, chains = {} } = scenario;
  const directory = stage.directory ?? DEV_DIRECTORY;
  const token = await mintDevToken(agent, { directory });
  const opened = await stage.client.openSession({
    taskType: mandate.task_type,
    purpose: mandate.purpose,
    actions: mandate.actions,
    declared: mandate.declared ?? {},
    limits: mandate.limits ?? {},
    expiresAt: Date.now() + mandate.expires_in_minutes * 60_000,
    subject: { iss: DEV_ISSUER, id: agent.sub },
    ...(mandate.actor === undefined ? {} : { actor: { iss: DEV_ISSUER, id: mandate.actor } }),
  });
  const anchor = { mandateDigest: opened.mandateDigest, task: mandate.task_type };
  const signed = new Map<string, readonly string[]>();
  for (const [name, hops] of Object.entries(chains))
    signed.set(name, await mintDevChain(hops, anchor, directory));
  return { scenario, stage, session: opened.id, token, chains: signed };
}

async function playStep(scene: Scene, step: Step): Promise<PlayedStep> {
  const { session } = scene;
  const { client } = scene.stage;
  if ('ask' in step) return playAsk(scene, step);
  const done = (label: string): PlayedStep => ({
    label,
    headline: false,
    asks: [],
    problems: [],
    ...(step.note === undefined ? {} : { note: step.note }),
  });
  if ('patch_data' in step) {
    const { path, value } = step.patch_data;
    await client.patchData(path, { value });
    return done(`data ${path} = ${JSON.stringify(value)}`);
  }
  if ('close' in step) {
    await client.closeSession(session);
    return done('the session is closed');
  }
  if ('suspend' in step) {
    await client.suspend(session, step.suspend);
    return done('the session is suspended');
  }
  await client.resume(session);
  return done('the session is resumed');
}

async function playAsk(scene: Scene, step: AskStep): Promise<PlayedStep> {
  const { ask, repeat = 1, expect, note, headline = false } = step;
  const asked = askOf(scene, step);
  const asks: PlayedAsk[] = [];
  for (let i = 0; i < repeat; i += 1) asks.push(await askOnce(scene.stage.client, step, asked));
  return {
    label: ask.action,
    headline,
    asks,
    problems: unmet(expect, asks),
    ...(note === undefined ? {} : { note }),
  };
}

async function askOnce(client: Client, step: AskStep, ask: Ask): Promise<PlayedAsk> {
  const started = performance.now();
  const permission = await client.authorize(ask);
  const us = Math.round((performance.now() - started) * 1000);
  const { decision } = permission;
  if (permission.permitted && decision !== undefined && decision.sessionId !== '' && step.hold !== true)
    await client.report({
      decisionId: decision.id,
      sessionId: decision.sessionId,
      outcome: step.outcome ?? 'executed',
      output: step.output,
      ...(step.outcome === 'failed' ? { failureProof: 'as the scenario says' } : {}),
    });
  return playedAsk(permission, us);
}

function playedAsk({ effect, reasons, decision }: Permission, us: number): PlayedAsk {
  return {
    effect,
    codes: reasons.map(({ code }) => code),
    words: reasons.map(({ words }) => words),
    cause_id: decision?.causeId ?? '',
    replayed: decision?.replayed ?? false,
    us,
  };
}

function askOf({ session, token, chains }: Scene, { ask }: AskStep): Ask {
  const { action, resource, operation_id: operationId, chain, stateless, dry_run: dryRun } = ask;
  return {
    action,
    token,
    arguments: ask.arguments ?? {},
    timeoutMs: 5000,
    ...(stateless === true ? {} : { session }),
    ...(resource === undefined ? {} : { resource }),
    ...(operationId === undefined ? {} : { operationId }),
    ...(chain === undefined ? {} : { chain: chains.get(chain) ?? [] }),
    ...(dryRun === undefined ? {} : { dryRun }),
  };
}

import { isPlainText, MAX_ID, MAX_ISSUER, sameIdentity } from '../model/identity.ts';
import { isJsonObject, type JsonValue } from '../model/json.ts';
import type { Identity } from '../model/mandate.ts';
import { Refusal } from '../model/refusal.ts';

const MOST_ACTORS = 8;

/**
 * Reads `act` (RFC 8693 §4.1): every actor, newest first. The first one acts; the others are history. One that
 * cannot be read, that is there twice, or a ninth makes the token malformed: nothing is read as far as possible.
 * @param defaultIssuer whose the ids are where an actor has no `iss`; undefined: it must have one
 */
export function readActors(
  act: JsonValue | undefined,
  defaultIssuer: string | undefined,
): readonly Identity[] {
  const actors: Identity[] = [];
  for (let level = act; level !== undefined; ) {
    if (!isJsonObject(level)) throw malformed('act is not a json object');
    if (actors.length === MOST_ACTORS) throw malformed(`act nests deeper than ${MOST_ACTORS}`);
    const actor = readActor(level['iss'] ?? defaultIssuer, level['sub']);
    if (actors.some((other) => sameIdentity(other, actor))) throw malformed('act names an actor twice');
    actors.push(actor);
    level = level['act'];
  }
  return actors;
}

function readActor(iss: JsonValue | undefined, sub: JsonValue | undefined): Identity {
  if (!isPlainText(iss, MAX_ISSUER)) throw malformed('act has no readable iss');
  if (!isPlainText(sub, MAX_ID)) throw malformed('act has no readable sub');
  return { iss, id: sub };
}

function malformed(problem: string): Refusal {
  return new Refusal('token.actor_malformed', { problem });
}

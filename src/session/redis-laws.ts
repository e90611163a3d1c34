/** What Redis does in one step. Each law touches the keys of one session only: its log and its snapshot. */
import { hash } from 'node:crypto';
import { KEPT_BELOW_SNAPSHOT } from './store.ts';

export interface Law {
  readonly lua: string;
  /** SHA-1 of the text: Redis's own name for a script it has seen. */
  readonly sha: string;
}

/** Answers `{snapshot or false, entries}` with the entries from the snapshot's own on. */
const LOADED = `
local function loaded()
  local snapshot = redis.call('HMGET', KEYS[2], 'version', 'digest', 'body', 'mac')
  if not snapshot[1] then return {false, redis.call('XRANGE', KEYS[1], '-', '+')} end
  return {snapshot, redis.call('XRANGE', KEYS[1], snapshot[1] .. '-0', '+')}
end
`;

/**
 * ARGV: expected version, expected digest, then digest and payload of each entry. Answers 1, or what was missed. The
 * first entry makes the snapshot's key too: while a cluster moves a slot, it answers no command on two keys of
 * which one is not there, so a session without a snapshot could not be asked about for as long as that takes.
 * All comparing comes before the first write, and Redis refuses a script for want of memory or disk at its first
 * write: all entries or none.
 */
export const APPEND: Law = law(`${LOADED}
local version, digest = 0, ''
local top = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
if top then
  version, digest = tonumber(string.match(top[1], '^%d+')), top[2][2]
end
local expected = tonumber(ARGV[1])
if version == expected and digest == ARGV[2] then
  if version == 0 and #ARGV > 2 then redis.call('HSET', KEYS[2], 'began', 1) end
  for i = 3, #ARGV, 2 do
    version = version + 1
    local added = redis.pcall('XADD', KEYS[1], string.format('%.0f-0', version), 'd', ARGV[i], 'p', ARGV[i + 1])
    if type(added) == 'table' and added.err then
      -- The stream remembers an entry that was taken away: this log was longer once.
      if string.find(added.err, 'equal or smaller', 1, true) then return {false, {}} end
      return added
    end
  end
  return 1
end
local missed = redis.call('XRANGE', KEYS[1], string.format('%.0f-0', expected + 1), '+')
if missed[1] and tonumber(string.match(missed[1][1], '^%d+')) ~= expected + 1 then return loaded() end
return {false, missed}
`);

/** No ARGV. */
export const LOAD: Law = law(`${LOADED}
return loaded()
`);

/** ARGV: version, digest, body, MAC. Answers 1 when kept. */
export const SNAPSHOT: Law = law(`
local id = ARGV[1] .. '-0'
local entry = redis.call('XRANGE', KEYS[1], id, id)[1]
if not entry or entry[2][2] ~= ARGV[2] then return 0 end
local kept = redis.call('HGET', KEYS[2], 'version')
if kept and tonumber(kept) >= tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[2], 'version', ARGV[1], 'digest', ARGV[2], 'body', ARGV[3], 'mac', ARGV[4])
local first = tonumber(ARGV[1]) - ${KEPT_BELOW_SNAPSHOT}
if first > 1 then redis.call('XTRIM', KEYS[1], 'MINID', string.format('%.0f-0', first)) end
return 1
`);

function law(lua: string): Law {
  return { lua, sha: hash('sha1', lua, 'hex') };
}

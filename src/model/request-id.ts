/** Unix ms of a UUIDv7 (RFC 9562 §5.7: its first 48 bits); 0 for anything else, which is older than any floor. */
export function mintedAt(request: string): number {
  const ms = Number.parseInt(request.slice(0, 8) + request.slice(9, 13), 16);
  return Number.isFinite(ms) ? ms : 0;
}

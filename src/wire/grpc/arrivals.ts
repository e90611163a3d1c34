import { KIB } from './fields.ts';

/** A message counts for no more: of large ones, few fit where they wait. */
const COUNTED = KIB;
/** What may lie unread below the library's own sixteen messages: HTTP/2's window, a frame in pieces, and some. */
const MAX_BELOW = 128 * KIB;

interface Pause {
  readonly at: number;
  /** Messages and bytes read, ever, until which they may have lain there during the pause. */
  readonly messages: number;
  readonly bytes: number;
}

/**
 * When the messages of a stream came in. One that lay unread while its stream was paused is dated back to the
 * pause, since its sender's clock ran all the while: an allow for it must not be taken for a fresh one.
 */
export class Arrivals {
  private readonly pauses: Pause[] = [];
  private pausedAt: number | undefined;
  private messages = 0;
  private bytes = 0;

  /** @param at Unix ms */
  paused(at: number): void {
    this.pausedAt ??= at;
  }

  /** The stream is read on; `buffer` is its own, which is full where more lies below it. */
  resumed(buffer: { readonly readableLength: number; readonly readableHighWaterMark: number }): void {
    if (this.pausedAt !== undefined && buffer.readableLength > 0)
      this.pauses.push({
        at: this.pausedAt,
        messages: this.messages + buffer.readableLength,
        bytes: buffer.readableLength < buffer.readableHighWaterMark ? 0 : this.bytes + MAX_BELOW,
      });
    this.pausedAt = undefined;
  }

  /** A turn of the event loop has passed since the stream was read on: whatever lay there has been read. */
  caughtUp(): void {
    this.pauses.length = 0;
  }

  /** A message of `size` bytes is read. @returns when it may have come, at the earliest, Unix ms */
  read(size: number, now: number): number {
    let [oldest] = this.pauses;
    while (oldest !== undefined && this.messages >= oldest.messages && this.bytes >= oldest.bytes) {
      this.pauses.shift();
      [oldest] = this.pauses;
    }
    this.messages += 1;
    this.bytes += Math.min(size, COUNTED);
    return oldest?.at ?? now;
  }
}

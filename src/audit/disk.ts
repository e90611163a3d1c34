import { fdatasync, fdatasyncSync, ftruncateSync, writeSync } from 'node:fs';

/** The four calls of the file system that a running log depends on; tests make them fail. */
export interface Disk {
  /** Appends and returns how many bytes went out, which a full disk makes fewer. */
  write(fd: number, bytes: Uint8Array, length: number): number;
  truncate(fd: number, length: number): void;
  /** Resolves when what was written survives a power cut. */
  sync(fd: number): Promise<void>;
  syncNow(fd: number): void;
}

export const nodeDisk: Disk = {
  write: (fd, bytes, length) => writeSync(fd, bytes, 0, length),
  truncate: ftruncateSync,
  sync: (fd) =>
    new Promise((resolve, reject) => {
      fdatasync(fd, (error) => (error === null ? resolve() : reject(error)));
    }),
  syncNow: fdatasyncSync,
};

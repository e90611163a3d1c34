import { type Logger, pino } from 'pino';

/** Structured log lines on stderr. What rooms hand over is already free of tokens, keys and arguments. */
export interface Log {
  info(facts: Readonly<Record<string, unknown>>, message: string): void;
  warn(facts: Readonly<Record<string, unknown>>, message: string): void;
  error(facts: Readonly<Record<string, unknown>>, message: string): void;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/**
 * JSON lines, one an event. Errors are written with class, message and stack under `cause`.
 * @param destination a file descriptor; 2 is stderr
 */
export function createLog(level: LogLevel, destination = 2): Log {
  const logger: Logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      serializers: { cause: pino.stdSerializers.err },
    },
    // Synchronous: a line about a crash must not die in a buffer with the process.
    pino.destination({ dest: destination, sync: true }),
  );
  return logger;
}

import { findStorage } from "../storage";

/** A value that outlives the page: read what was kept, keep what there is now. */
export interface Memory<T> {
  read(): T;
  keep(value: T): void;
}

/**
 * A value kept as JSON under `key`. `parse` judges what was kept, which may be of an older page or anyone's; it
 * gets undefined for nothing.
 */
export function createMemory<T>(
  key: string,
  parse: (kept: unknown) => T,
  storage: Storage | null = findStorage("localStorage"),
): Memory<T> {
  return {
    read() {
      try {
        return parse(JSON.parse(storage?.getItem(key) ?? "null") ?? undefined);
      } catch {
        return parse(undefined);
      }
    },
    keep(value) {
      try {
        storage?.setItem(key, JSON.stringify(value));
      } catch {
        // Full: the page works all the same, until it is closed. What was kept is not true any more.
        storage?.removeItem(key);
      }
    },
  };
}

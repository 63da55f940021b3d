import { type ReadonlySignal, signal } from "@preact/signals";
import type { Client } from "../api/client";
import type { Result, Results } from "../api/types";

/** Finished pictures as far as they were loaded, newest first. */
export interface Gallery {
  readonly results: ReadonlySignal<readonly Result[]>;
  readonly hasMore: ReadonlySignal<boolean>;
  /** Take in the newest page. */
  load(): Promise<void>;
  loadMore(): Promise<void>;
  /** Put a picture where its age says. */
  add(result: Result): void;
  remove(id: string): Promise<void>;
}

/** The gallery of `client`, empty until it is loaded. */
export function createGallery(client: Client): Gallery {
  const results = signal<readonly Result[]>([]);
  const hasMore = signal(false);
  let next: string | null = null;

  function merge(found: readonly Result[]): void {
    const byId = new Map([...results.value, ...found].map((result) => [result.id, result]));
    results.value = [...byId.values()].toSorted((a, b) => (a.id < b.id ? 1 : -1)); // ids sort by age
  }

  function goOn({ results: found, next: after }: Results): void {
    next = after;
    hasMore.value = next !== null;
    merge(found);
  }

  return {
    results,
    hasMore,
    async load() {
      const newest = await client.results(null);
      const known = new Set(results.value.map(({ id }) => id));
      if (newest.results.some(({ id }) => known.has(id))) merge(newest.results);
      else goOn(newest); // nothing was loaded, or faces are between that are not
    },
    async loadMore() {
      goOn(await client.results(next));
    },
    add: (result) => merge([result]),
    async remove(id) {
      await client.removeResult(id);
      results.value = results.value.filter((result) => result.id !== id);
    },
  };
}

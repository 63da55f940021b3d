import { type ReadonlySignal, signal } from "@preact/signals";
import type { Client } from "../api/client";
import type { Result } from "../api/types";

/** Finished pictures as far as they were loaded, newest first. */
export interface Gallery {
  readonly results: ReadonlySignal<readonly Result[]>;
  readonly hasMore: ReadonlySignal<boolean>;
  /** Begin anew with the newest page. */
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

  async function page(before: string | null): Promise<void> {
    const found = await client.results(before);
    next = found.next;
    hasMore.value = next !== null;
    merge(found.results);
  }

  return {
    results,
    hasMore,
    load: () => page(null),
    loadMore: () => page(next),
    add: (result) => merge([result]),
    async remove(id) {
      await client.removeResult(id);
      results.value = results.value.filter((result) => result.id !== id);
    },
  };
}

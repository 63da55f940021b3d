const KEY = "facemogle.token";

/** The token that the studio was started with, for as long as the tab is open. */
export interface Token {
  get(): string | null;
  set(token: string): void;
}

/**
 * The token behind the address (`#token=`), which is then taken out of the address bar, or the tab's own. Without
 * a storage it is known until the page is left.
 */
export function takeToken(place: Location, history: History, storage: Storage | null): Token {
  let known = storage?.getItem(KEY) ?? null;
  function set(token: string): void {
    known = token;
    storage?.setItem(KEY, token);
  }
  const given = new URLSearchParams(place.hash.slice(1)).get("token");
  if (given) {
    set(given);
    history.replaceState(null, "", place.pathname + place.search);
  }
  return { get: () => known, set: (token) => set(token.trim()) };
}

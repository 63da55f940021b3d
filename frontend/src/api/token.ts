const KEY = "facemogle.token";

/** The token that the studio was started with, for as long as the tab is open. */
export interface Token {
  get(): string | null;
  set(token: string): void;
}

/** The token behind the address (`#token=`), which is then taken out of the address bar, or the tab's own. */
export function takeToken(place: Location, history: History, storage: Storage): Token {
  const given = new URLSearchParams(place.hash.slice(1)).get("token");
  if (given) {
    storage.setItem(KEY, given);
    history.replaceState(null, "", place.pathname + place.search);
  }
  return {
    get: () => storage.getItem(KEY),
    set: (token) => storage.setItem(KEY, token.trim()),
  };
}

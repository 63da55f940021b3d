/** What the browser keeps for the page, or null where it is told to keep nothing: its mere mention throws then. */
export function findStorage(name: "localStorage" | "sessionStorage"): Storage | null {
  try {
    return globalThis[name];
  } catch {
    return null;
  }
}

/** Whether text is written into what an event was sent to. */
export function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof Element &&
    target.matches("input:not([type=range], [type=checkbox], [type=radio]), textarea, select")
  );
}

import type { Point } from "../mask/paint";
import type { Drawing } from "./drawing";
import type { Editor, Tool } from "./editor";
import type { View } from "./view";

/** What drags do. After two fingers, one that stays down does nothing. */
type Drag = "draw" | "pan" | "pinch" | "none";

/** What the stage does when it is pointed at: with a mouse, a pen, one finger or two. */
export interface Pointers {
  down(event: PointerEvent): void;
  move(event: PointerEvent): void;
  up(event: PointerEvent): void;
  leave(): void;
  wheel(event: WheelEvent): void;
}

/** The pointers of a stage. */
export function createPointers(editor: Editor, view: View, drawing: Drawing): Pointers {
  const places = new Map<number, Point>();
  let drag: Drag = "none";
  let hasPen = false; // where a pen draws, fingers and palms only move the mask

  function point(event: PointerEvent): void {
    view.cursor.value = { ...view.toLabels(placeOf(event)), by: "pointer" };
  }

  function start(event: PointerEvent): Drag {
    if (places.size > 2) return "none";
    if (places.size === 2) {
      drawing.cancel();
      return "pinch";
    }
    const isHand = event.pointerType === "touch" && hasPen;
    if (event.button === 1 || isHand || view.isGrabbing.peek() || editor.tool.peek() === "pan") return "pan";
    drawing.begin(toolOf(event, editor.tool.peek()), view.toLabels(placeOf(event)));
    return "draw";
  }

  return {
    down(event) {
      hasPen ||= event.pointerType === "pen";
      if (event.pointerType !== "touch") places.clear(); // there is one mouse, and its `up` may have been missed
      places.set(event.pointerId, placeOf(event));
      stageOf(event).setPointerCapture(event.pointerId);
      point(event);
      drag = start(event);
    },
    move(event) {
      const now = placeOf(event);
      point(event);
      const before = places.get(event.pointerId);
      if (!before) return;
      const fingers = [...places.values()];
      places.set(event.pointerId, now);
      if (drag === "pan") view.pan(now.x - before.x, now.y - before.y);
      if (drag === "draw") drawing.extend(placesOf(event).map(view.toLabels));
      if (drag === "pinch") view.pinch(pair(fingers), pair([...places.values()]));
    },
    up(event) {
      if (!places.delete(event.pointerId)) return;
      if (drag === "draw") drawing.end();
      if (drag === "draw" || places.size === 0) drag = "none";
      if (drag === "pinch") drag = places.size > 1 ? "pinch" : "none";
      if (event.pointerType === "touch") view.cursor.value = null;
    },
    leave() {
      if (places.size === 0 && view.cursor.peek()?.by === "pointer") view.cursor.value = null;
    },
    wheel(event) {
      event.preventDefault();
      const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 32 : 1;
      const speed = event.ctrlKey ? 0.01 : 0.0015; // a trackpad's pinch comes as small steps with Ctrl
      view.zoom(Math.exp(-event.deltaY * lines * speed), placeOf(event));
    },
  };
}

/** The tool that a press means: Alt picks, the right button and a pen's other end erase. */
function toolOf(event: PointerEvent, tool: Tool): Tool {
  if (event.altKey) return "pick";
  return event.button === 2 || event.button === 5 ? "eraser" : tool;
}

function stageOf(event: MouseEvent): Element {
  return event.currentTarget as Element; // handlers are the stage's own
}

function placeOf(event: MouseEvent): Point {
  const { left, top } = stageOf(event).getBoundingClientRect();
  return { x: event.clientX - left, y: event.clientY - top };
}

/** All places that a pointer went through since its last event: screens are slower than hands. */
function placesOf(event: PointerEvent): Point[] {
  const { left, top } = stageOf(event).getBoundingClientRect();
  const events = event.getCoalescedEvents?.() ?? [];
  return (events.length ? events : [event]).map(({ clientX, clientY }) => ({
    x: clientX - left,
    y: clientY - top,
  }));
}

function pair(places: readonly Point[]): [Point, Point] {
  const [a = { x: 0, y: 0 }, b = a] = places;
  return [a, b];
}

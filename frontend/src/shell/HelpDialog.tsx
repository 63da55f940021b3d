import { Dialog } from "../ui/Dialog";
import "./HelpDialog.css";

const KEYS: readonly (readonly [title: string, keys: readonly (readonly [keys: string, what: string])[]])[] =
  [
    [
      "Faces",
      [
        ["Ctrl Enter", "generate, or draw the edit"],
        ["Arrows", "from face to face, in the gallery"],
        ["Delete", "delete the face, in the gallery"],
        ["?", "this list"],
      ],
    ],
    [
      "Tools",
      [
        ["B", "brush"],
        ["E", "eraser"],
        ["F", "fill"],
        ["L", "lasso"],
        ["P", "pick a region"],
        ["H", "move"],
        ["[ ]", "finer and wider brush"],
        ["M", "mirror, left becomes right"],
      ],
    ],
    [
      "Steps and view",
      [
        ["Ctrl Z", "undo"],
        ["Ctrl Shift Z", "redo"],
        ["+ −", "zoom"],
        ["0", "show all"],
        ["Space", "held: drag the canvas"],
      ],
    ],
    [
      "Painting by keyboard, on the canvas",
      [
        ["Arrows", "move the cursor"],
        ["Ctrl Arrows", "by one pixel"],
        ["Shift Arrows", "paint along"],
        ["Enter", "paint; a lasso's corner"],
        ["Escape", "give up a stroke"],
      ],
    ],
  ];

/** Everything that the keyboard does. */
export function HelpDialog({ onClose }: { onClose(): void }) {
  return (
    <Dialog title="Keyboard" onClose={onClose}>
      <div class="help">
        {KEYS.map(([title, keys]) => (
          <section key={title}>
            <h3>{title}</h3>
            <dl>
              {keys.map(([pressed, what]) => (
                <div key={pressed}>
                  <dt>
                    {pressed.split(" ").map((key) => (
                      <kbd key={key}>{key}</kbd>
                    ))}
                  </dt>
                  <dd>{what}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}

import { ActButton } from "./ActButton";
import { type Editor, MAX_BRUSH, type Tool } from "./editor";
import { Icon } from "./icons";
import { TOOL_KEYS } from "./keys";
import "./Toolbar.css";

const TOOLS: readonly (readonly [tool: Tool, title: string])[] = [
  ["brush", "Brush"],
  ["eraser", "Eraser"],
  ["fill", "Fill"],
  ["lasso", "Lasso"],
  ["pick", "Pick a region"],
  ["pan", "Move"],
];

/** Tools and their settings, and what acts on the whole mask. */
export function Toolbar({ editor, mirror }: { editor: Editor; mirror: () => void }) {
  return (
    <div class="toolbar">
      <fieldset class="tool-group tool-choice">
        <legend class="visually-hidden">Tool</legend>
        {TOOLS.map(([tool, title]) => (
          <button
            key={tool}
            type="button"
            class="tool"
            title={`${title} (${TOOL_KEYS[tool]})`}
            aria-label={title}
            aria-keyshortcuts={TOOL_KEYS[tool]}
            aria-pressed={editor.tool.value === tool}
            onClick={() => {
              editor.tool.value = tool;
            }}
          >
            <Icon name={tool} />
          </button>
        ))}
      </fieldset>
      <div class="tool-group">
        <ActButton
          icon="undo"
          title="Undo"
          keys="Control+Z"
          disabled={!editor.canUndo.value}
          onClick={editor.undo}
        />
        <ActButton
          icon="redo"
          title="Redo"
          keys="Control+Shift+Z"
          disabled={!editor.canRedo.value}
          onClick={editor.redo}
        />
      </div>
      <BrushSize editor={editor} />
      <Opacity editor={editor} />
      <div class="tool-group">
        <ActButton icon="mirror" title="Mirror, left becomes right" keys="M" onClick={mirror} />
        <ActButton
          icon="clear"
          title="Erase everything"
          disabled={editor.isBlank.value}
          onClick={editor.clear}
        />
      </div>
    </div>
  );
}

/** Its slider goes by powers: as fine among small brushes as among large ones. */
function BrushSize({ editor }: { editor: Editor }) {
  const size = editor.brushSize.value;
  return (
    <label class="tool-slider" title="Brush size ([ and ])">
      <span>Size</span>
      <input
        type="range"
        min={0}
        max={100}
        step="any"
        value={(Math.log(size) / Math.log(MAX_BRUSH)) * 100}
        aria-valuetext={`${size} pixels`}
        aria-keyshortcuts="[ ]"
        onInput={(event) => {
          editor.brushSize.value = Math.round(MAX_BRUSH ** (event.currentTarget.valueAsNumber / 100));
        }}
      />
      <output>{size}</output>
    </label>
  );
}

function Opacity({ editor }: { editor: Editor }) {
  if (!editor.photo.value) return null;
  const percent = Math.round(editor.opacity.value * 100);
  return (
    <label class="tool-slider" title="How much the mask covers the photo">
      <span>Mask</span>
      <input
        type="range"
        min={0}
        max={100}
        value={percent}
        aria-valuetext={`${percent} percent over the photo`}
        onInput={(event) => {
          editor.opacity.value = event.currentTarget.valueAsNumber / 100;
        }}
      />
      <output>{percent}%</output>
    </label>
  );
}

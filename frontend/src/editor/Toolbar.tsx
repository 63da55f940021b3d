import { useComputed } from "@preact/signals";
import { type Editor, MAX_BRUSH, type Tool } from "./editor";
import { Icon } from "./icons";
import { TOOL_KEYS } from "./keys";
import type { View } from "./view";
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
export function Toolbar({ editor, view, mirror }: { editor: Editor; view: View; mirror: () => void }) {
  const percent = useComputed(() => `${Math.round(view.viewport.value.zoom * 100)}%`);
  return (
    <div class="toolbar" role="toolbar" aria-label="Mask tools">
      <fieldset class="tool-group">
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
      <BrushSize editor={editor} />
      <Opacity editor={editor} />
      <div class="tool-group">
        <Act
          icon="undo"
          title="Undo"
          keys="Control+Z"
          disabled={!editor.canUndo.value}
          onClick={editor.undo}
        />
        <Act
          icon="redo"
          title="Redo"
          keys="Control+Shift+Z"
          disabled={!editor.canRedo.value}
          onClick={editor.redo}
        />
        <Act icon="mirror" title="Mirror, left becomes right" keys="M" onClick={mirror} />
        <Act icon="clear" title="Erase everything" disabled={editor.isBlank.value} onClick={editor.clear} />
      </div>
      <div class="tool-group tool-zoom">
        <Act icon="farther" title="Zoom out" keys="-" onClick={() => view.zoom(1 / 1.25)} />
        <button type="button" class="tool" title="Show all (0)" aria-keyshortcuts="0" onClick={view.showAll}>
          <span class="visually-hidden">Show all, now </span>
          {percent}
        </button>
        <Act icon="closer" title="Zoom in" keys="+" onClick={() => view.zoom(1.25)} />
      </div>
    </div>
  );
}

interface ActProps {
  icon: Parameters<typeof Icon>[0]["name"];
  title: string;
  keys?: string;
  disabled?: boolean;
  onClick: () => void;
}

function Act({ icon, title, keys, disabled = false, onClick }: ActProps) {
  const hint = keys ? `${title} (${keys.replace("Control", "Ctrl")})` : title;
  return (
    <button
      type="button"
      class="tool"
      title={hint}
      aria-label={title}
      aria-keyshortcuts={keys}
      disabled={disabled}
      onClick={onClick}
    >
      <Icon name={icon} />
    </button>
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

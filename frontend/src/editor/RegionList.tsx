import { useSignalEffect } from "@preact/signals";
import { useRef } from "preact/hooks";
import type { Region } from "../api/types";
import { regionTitle } from "../ui/region-title";
import type { Editor } from "./editor";
import "../ui/fields.css";
import "./RegionList.css";

/** The regions to paint with, and how much of the mask each has. */
export function RegionList({ editor, regions }: { editor: Editor; regions: readonly Region[] }) {
  const counts = editor.counts.value;
  const list = useRef<HTMLFieldSetElement>(null);
  useSignalEffect(() => {
    const input = list.current?.querySelector(`input[value="${editor.region.value}"]`);
    input?.closest("label")?.scrollIntoView({ block: "nearest", inline: "nearest" }); // it may have been picked
  });
  const total = editor.raster.value.labels.length;
  return (
    <fieldset class="regions" ref={list}>
      <legend class="visually-hidden">Region</legend>
      {regions.map(({ id, name, color }) => {
        const count = counts[id] ?? 0;
        return (
          <label key={id} class="region" data-absent={count === 0}>
            <input
              type="radio"
              name="region"
              value={id}
              class="visually-hidden"
              checked={editor.region.value === id}
              onChange={() => {
                editor.region.value = id;
              }}
            />
            <span class="swatch" style={{ background: color }} />
            <span class="region-name">{regionTitle(name)}</span>
            <span class="region-count" title={`${count.toLocaleString("en")} pixels`}>
              {shareOf(count, total)}
            </span>
          </label>
        );
      })}
    </fieldset>
  );
}

/** A part in percent, and never 0 % for something. */
function shareOf(count: number, total: number): string {
  if (count === 0) return "";
  const percent = (count / total) * 100;
  return percent < 0.1 ? "<0.1%" : `${percent.toFixed(percent < 10 ? 1 : 0)}%`;
}

import type { components } from "../api/schema";
import type { Editor } from "./editor";

type Region = components["schemas"]["Region"];

/** Where a mask is drawn: tools, canvas and the list of regions. */
export function MaskEditor({ editor, regions }: { editor: Editor; regions: readonly Region[] }) {
  return <p>{`${editor.raster.value.width} ${regions.length}`}</p>;
}

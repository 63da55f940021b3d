import type { Result } from "../api/types";
import type { Studio } from "../state/studio";
import { TrashIcon } from "../ui/icons";
import { titleOf } from "./Gallery";
import { ResultPicture } from "./ResultPicture";
import "./ResultView.css";

interface ResultViewProps {
  studio: Studio;
  result: Result;
  onInspect(): void;
  onDelete(): void;
}

/** The face that is looked at, what it was made from, and all that can be done with it. */
export function ResultView({ studio, result, onInspect, onDelete }: ResultViewProps) {
  return (
    <article class="result-view" aria-label={titleOf(result)}>
      <ResultPicture key={result.id} studio={studio} result={result} />
      <p class="result-caption">{result.prompt || "Without words"}</p>
      {result.warnings.map((warning) => (
        <p key={warning} class="result-warning">
          {warning}
        </p>
      ))}
      <div class="result-actions">
        <button type="button" onClick={() => studio.restore(result)}>
          Restore
        </button>
        <button type="button" onClick={() => studio.editResult(result)}>
          Edit
        </button>
        {result.gates && (
          <button type="button" onClick={onInspect}>
            See inside
          </button>
        )}
        <button
          type="button"
          class="quiet icon"
          aria-label={`Delete ${titleOf(result)}`}
          title="Delete"
          onClick={onDelete}
        >
          <TrashIcon />
        </button>
      </div>
      <Facts result={result} />
      <Downloads studio={studio} result={result} />
    </article>
  );
}

function Facts({ result }: { result: Result }) {
  const facts: [string, string | number][] = [
    ["Seed", result.seed],
    ["Steps", result.steps],
    ["Guidance", result.guidance],
    ["Size", `${result.edit?.width ?? result.width} × ${result.edit?.height ?? result.height}`],
    ["Folder", result.id],
    ["Made", new Date(result.created).toLocaleString()],
  ];
  if (result.edit)
    facts.push(["Edited", result.edit.regions?.join(", ").replaceAll("_", " ") ?? "where the mask changed"]);
  return (
    <dl class="result-facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Downloads({ studio, result }: { studio: Studio; result: Result }) {
  const name = `face-${result.seed}-${result.id.slice(-6)}`;
  return (
    <p class="result-downloads">
      Download{" "}
      <a href={studio.client.resultUrl(result.id, "picture.png")} download={`${name}.png`}>
        picture
      </a>
      {result.mask && (
        <a href={studio.client.resultUrl(result.id, "mask.png")} download={`${name}-mask.png`}>
          mask
        </a>
      )}
      <a href={studio.client.requestUrl(result.id)} download={`${name}.json`}>
        request
      </a>
    </p>
  );
}

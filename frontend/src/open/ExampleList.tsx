import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { wordsOf } from "../api/problem";
import type { Example } from "../api/types";
import type { Studio } from "../state/studio";
import { FieldProblem } from "../ui/FieldProblem";
import { beginExample } from "./begin";
import "./ExampleList.css";

/** The examples of the package: a mask to choose, then words to begin with. */
export function ExampleList({ studio, onDone }: { studio: Studio; onDone: () => void }) {
  const examples = useSignal<readonly Example[] | null>(null);
  const chosen = useSignal<string | null>(null);
  const problem = useSignal<string | null>(null);
  useEffect(() => {
    studio.client.examples().then(
      (found) => {
        examples.value = found;
        chosen.value = found[0]?.mask ?? null;
      },
      (error: unknown) => {
        problem.value = wordsOf(error);
      },
    );
  }, [studio, examples, chosen, problem]);

  async function begin(example: Example) {
    try {
      await beginExample(studio, example);
      onDone();
    } catch (error) {
      problem.value = wordsOf(error);
    }
  }

  const masks = [...new Set(examples.value?.map(({ mask }) => mask))];
  return (
    <section aria-label="Examples">
      <h3>An example</h3>
      <ul class="example-masks">
        {masks.map((mask) => (
          <li key={mask ?? ""}>
            <button
              type="button"
              aria-pressed={chosen.value === mask}
              onClick={() => {
                chosen.value = mask;
              }}
            >
              {mask ? <img src={studio.client.exampleUrl(mask)} alt="" loading="lazy" /> : <span />}
              {titleOfMask(mask)}
            </button>
          </li>
        ))}
      </ul>
      <p>Words to begin with, which can be changed:</p>
      <ul class="example-words" aria-label={`Words to begin ${titleOfMask(chosen.value)} with`}>
        {examples.value
          ?.filter(({ mask }) => mask === chosen.value)
          .map((example) => (
            <li key={example.prompt ?? ""}>
              <button type="button" onClick={() => begin(example)}>
                {example.prompt ? `“${example.prompt}”` : "words of my own"}
              </button>
            </li>
          ))}
      </ul>
      <FieldProblem id="example-problem" text={problem.value} isAlone />
    </section>
  );
}

function titleOfMask(mask: string | null): string {
  return mask === null ? "no mask" : mask.replace(/\.png$/, "").replaceAll("_", " ");
}

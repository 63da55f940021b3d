import { type Signal, useSignal } from "@preact/signals";
import type { Result } from "./api/types";
import { MaskEditor } from "./editor/MaskEditor";
import { Gallery, titleOf } from "./panels/Gallery";
import { GenerateBar } from "./panels/GenerateBar";
import { GeneratePanel } from "./panels/GeneratePanel";
import { JobList } from "./panels/JobList";
import { ResultView } from "./panels/ResultView";
import { ConfirmDialog } from "./shell/ConfirmDialog";
import { Entrance } from "./shell/Entrance";
import { Header } from "./shell/Header";
import { HelpDialog } from "./shell/HelpDialog";
import { Notices } from "./shell/Notices";
import { type Part, Parts } from "./shell/Parts";
import { useShortcuts } from "./shell/shortcuts";
import type { Studio } from "./state/studio";
import type { Theme } from "./state/theme";
import "./app.css";

/** The page: the mask in the middle, words on one side, faces on the other; one of them at a time where it is narrow. */
export function App({ studio, theme }: { studio: Studio; theme: Signal<Theme> }) {
  const part = useSignal<Part>("mask");
  const help = useSignal(false);
  const doomed = useSignal<Result | null>(null);
  const ready = studio.phase.value === "ready";

  function generate(): void {
    part.value = "faces";
    studio.generate();
  }

  useShortcuts({
    make() {
      if (ready && studio.source.value === null) generate();
    },
    help() {
      help.value = true;
    },
  });

  const selected = studio.selected.value;
  return (
    <div class="app" data-part={part.value}>
      <Header
        studio={studio}
        theme={theme}
        onHelp={() => {
          help.value = true;
        }}
      />
      {ready ? (
        <>
          <Parts part={part} studio={studio} />
          <main class="app-parts">
            <section class="app-mask" aria-label="Mask">
              <MaskEditor editor={studio.editor} regions={studio.regions.value} />
            </section>
            <section class="app-words" aria-label="Request">
              <GeneratePanel studio={studio} />
            </section>
            <div class="app-bar">
              <GenerateBar studio={studio} onGenerate={generate} />
            </div>
            <section class="app-faces" aria-label="Pictures">
              <JobList studio={studio} />
              {selected && (
                <ResultView
                  studio={studio}
                  result={selected}
                  onInspect={() => {}}
                  onDelete={() => {
                    doomed.value = selected;
                  }}
                >
                  <img
                    class="result-picture"
                    src={studio.client.resultUrl(selected.id, "picture.png")}
                    alt={titleOf(selected)}
                  />
                </ResultView>
              )}
              <Gallery
                studio={studio}
                onDelete={(result) => {
                  doomed.value = result;
                }}
              />
            </section>
          </main>
        </>
      ) : (
        <Entrance studio={studio} />
      )}
      <Notices studio={studio} />
      {help.value && (
        <HelpDialog
          onClose={() => {
            help.value = false;
          }}
        />
      )}
      {doomed.value && (
        <ConfirmDialog
          title="Delete this face?"
          text={`${titleOf(doomed.value)}: the picture, its mask and its request are removed from the disk.`}
          action="Delete"
          onConfirm={() => {
            if (doomed.value) studio.removeResult(doomed.value);
          }}
          onClose={() => {
            doomed.value = null;
          }}
        />
      )}
    </div>
  );
}

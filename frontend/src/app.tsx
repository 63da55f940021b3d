import { type Signal, useSignal } from "@preact/signals";
import { EditBar } from "./edit/EditBar";
import { EditPanel } from "./edit/EditPanel";
import { askForEdit } from "./edit/edit-request";
import { MaskEditor } from "./editor/MaskEditor";
import { OpenMenu } from "./open/OpenMenu";
import { GenerateBar } from "./panels/GenerateBar";
import { GeneratePanel } from "./panels/GeneratePanel";
import { Pictures } from "./panels/Pictures";
import { Entrance } from "./shell/Entrance";
import { Header } from "./shell/Header";
import { HelpDialog } from "./shell/HelpDialog";
import { Notices } from "./shell/Notices";
import { Parts } from "./shell/Parts";
import { useShortcuts } from "./shell/shortcuts";
import type { Studio } from "./state/studio";
import type { Theme } from "./state/theme";
import "./app.css";

/** The page: the mask in the middle, what is asked for on one side, faces on the other; see `Studio.part`. */
export function App({ studio, theme }: { studio: Studio; theme: Signal<Theme> }) {
  const help = useSignal(false);
  const ready = studio.phase.value === "ready";
  const editing = studio.source.value !== null;

  function showHelp(): void {
    help.value = true;
  }

  useShortcuts({
    make() {
      if (!ready) return;
      if (editing) askForEdit(studio);
      else studio.generate();
    },
    help: showHelp,
  });

  return (
    <div class="app" data-part={studio.part.value}>
      <Header studio={studio} theme={theme} onHelp={showHelp}>
        {ready && <OpenMenu studio={studio} />}
      </Header>
      {ready ? (
        <main class="app-parts">
          <Parts studio={studio} />
          <section class="app-mask" aria-label="Mask" aria-busy={studio.opening.value}>
            <MaskEditor editor={studio.editor} regions={studio.regions.value} />
          </section>
          <section class="app-words" aria-label="Request">
            {editing ? <EditPanel studio={studio} /> : <GeneratePanel studio={studio} />}
          </section>
          <div class="app-bar">{editing ? <EditBar studio={studio} /> : <GenerateBar studio={studio} />}</div>
          <section class="app-faces" aria-label="Pictures">
            <Pictures studio={studio} />
          </section>
        </main>
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
    </div>
  );
}

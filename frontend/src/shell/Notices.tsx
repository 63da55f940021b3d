import { useEffect, useState } from "preact/hooks";
import type { Notice } from "../state/notices";
import type { Studio } from "../state/studio";
import { CloseIcon } from "../ui/icons";
import "./Notices.css";

/** What there is to tell; readers say it, problems at once. */
export function Notices({ studio }: { studio: Studio }) {
  const of = (kind: Notice["kind"]) => studio.notices.value.filter((notice) => notice.kind === kind);
  return (
    <div class="notices">
      <div role="alert">
        {of("problem").map((notice) => (
          <NoticeItem key={notice.id} studio={studio} notice={notice} />
        ))}
      </div>
      <div role="status">
        {of("news").map((notice) => (
          <NoticeItem key={notice.id} studio={studio} notice={notice} />
        ))}
      </div>
    </div>
  );
}

/** Milliseconds for which news are told, and those that offer a way back; problems stay until they are dismissed. */
const NEWS_STAY = 6_000;
const WAY_BACK_STAYS = 15_000;

function NoticeItem({ studio, notice }: { studio: Studio; notice: Notice }) {
  const { kind, text, action } = notice;
  const [held, setHeld] = useState(false); // by a pointer over it, or the focus in it
  useEffect(() => {
    if (kind === "problem" || held) return;
    const timer = setTimeout(() => studio.dismiss(notice), action ? WAY_BACK_STAYS : NEWS_STAY);
    return () => clearTimeout(timer);
  }, [studio, notice, kind, action, held]);
  return (
    <div
      class="notice"
      data-kind={kind}
      onPointerEnter={() => setHeld(true)}
      onPointerLeave={() => setHeld(false)}
      onFocusIn={() => setHeld(true)}
      onFocusOut={() => setHeld(false)}
    >
      <p>{text}</p>
      {action && (
        <button
          type="button"
          onClick={() => {
            action.run();
            studio.dismiss(notice);
          }}
        >
          {action.label}
        </button>
      )}
      <button type="button" class="quiet icon" aria-label="Dismiss" onClick={() => studio.dismiss(notice)}>
        <CloseIcon />
      </button>
    </div>
  );
}

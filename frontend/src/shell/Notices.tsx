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

function NoticeItem({ studio, notice }: { studio: Studio; notice: Notice }) {
  const { kind, text, action } = notice;
  return (
    <div class="notice" data-kind={kind}>
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

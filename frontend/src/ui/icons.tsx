import type { ComponentChildren } from "preact";

/** Line drawings of 16 x 16; what they mean, the button around them says. */
function icon(drawing: ComponentChildren) {
  return () => (
    <svg
      width="16"
      height="16"
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      stroke-width="1.5"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      {drawing}
    </svg>
  );
}

export const CloseIcon = icon(<path d="m4 4 8 8m0-8-8 8" />);
export const DiceIcon = icon(
  <>
    <rect x="2" y="2" width="12" height="12" rx="3" />
    <path d="M5.5 5.5h0m5 5h0m-2.5-2.5h0" stroke-width="2" />
  </>,
);
export const LockIcon = icon(
  <>
    <rect x="3" y="7" width="10" height="7" rx="1.5" />
    <path d="M5.5 7V5a2.5 2.5 0 0 1 5 0v2" />
  </>,
);
export const UnlockIcon = icon(
  <>
    <rect x="3" y="7" width="10" height="7" rx="1.5" />
    <path d="M5.5 7V4.5a2.5 2.5 0 0 1 4.8-1" />
  </>,
);
export const ResetIcon = icon(<path d="M3 8a5 5 0 1 0 1.6-3.7L3 6m0-3.5V6h3.5" />);
export const SunIcon = icon(
  <>
    <circle cx="8" cy="8" r="3" />
    <path d="M8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1m8 8 1 1M3 13l1-1m8-8 1-1" />
  </>,
);
export const MoonIcon = icon(<path d="M13 9.5A5.5 5.5 0 1 1 6.5 3 4.5 4.5 0 0 0 13 9.5Z" />);
export const HalfIcon = icon(
  <>
    <circle cx="8" cy="8" r="6" />
    <path d="M8 2a6 6 0 0 1 0 12Z" fill="currentColor" />
  </>,
);
export const TrashIcon = icon(<path d="M3 4.5h10M6 4.5V3h4v1.5m-6 0 .7 9h6.6l.7-9" />);
export const DownloadIcon = icon(<path d="M8 2v8m-3-3 3 3 3-3M3 13.5h10" />);
export const KeyboardIcon = icon(
  <>
    <rect x="1.5" y="4" width="13" height="8.5" rx="1.5" />
    <path d="M4.5 7h0m2.3 0h0m2.4 0h0m2.3 0h0M5 10h6" />
  </>,
);

/** New words for one region, put into the caption of the whole picture. */

/** What captions call the things that a region shows; the first is added to words that name none. */
const NOUNS: Readonly<Record<string, readonly string[]>> = {
  background: ["background"],
  skin: ["skin", "beard", "goatee", "stubble", "moustache", "mustache", "face", "makeup", "hairline"],
  nose: ["nose"],
  eye_glasses: ["glasses", "sunglasses", "eyeglasses", "spectacles", "shades"],
  left_eye: ["eyes", "eye", "mascara", "eyeliner"],
  left_brow: ["eyebrows", "eyebrow", "brows"],
  left_ear: ["ears", "ear"],
  mouth: ["mouth", "smile", "teeth"],
  upper_lip: ["lips", "lip", "lipstick"],
  hair: ["hair", "head", "hairline"],
  hat: ["hat", "cap", "headwear"],
  earring: ["earrings", "earring"],
  necklace: ["necklace"],
  neck: ["neck"],
  cloth: ["clothes", "shirt", "dress", "scarf", "suit", "collar"],
};

const SAME_NOUNS: Readonly<Record<string, string>> = {
  right_eye: "left_eye",
  right_brow: "left_brow",
  right_ear: "left_ear",
  lower_lip: "upper_lip",
};

/** Nouns that stand alone; all others want an article. */
const WITHOUT_ARTICLE = /^(hair|skin|stubble|makeup|headwear|teeth|lipstick|mascara|eyeliner|clothes)$|s$/;

/** Words that a description cannot reach over: what is before them is about something else. */
const LIMITS = new Set(
  "with and has have having is are wears wearing who in of the no without from or to at".split(" "),
);
const ARTICLE = /^(an?|the)\s+/i;

/**
 * The caption with `words` said of a region: in place of what it said of it, or added to its end.
 * The words may be adjectives alone ("long red"); the region's noun is added then.
 */
export function withWordsFor(region: string, words: string, caption: string): string {
  const said = words.trim().replace(/\s+/g, " ").replace(/\.$/, "");
  if (!said) return caption;
  const nouns = NOUNS[SAME_NOUNS[region] ?? region] ?? [region];
  const phrase = withArticle(namesOne(said, nouns) ? said : `${said} ${nouns[0]}`);
  const whole = caption.trim();
  if (!whole) return `a person with ${phrase}`;

  const old = findPhrase(whole, nouns);
  if (old) return whole.slice(0, old.start) + phrase + whole.slice(old.end);
  const end = whole.endsWith(".") ? "." : "";
  const body = end ? whole.slice(0, -1) : whole;
  const joined = /\b(with|wearing|wears|has)\b/.test(body) ? "and" : "with";
  return `${body} ${joined} ${phrase}${end}`;
}

function namesOne(words: string, nouns: readonly string[]): boolean {
  // "a bald head" is a phrase whole as it is, whatever its noun
  return (
    ARTICLE.test(words) ||
    words
      .toLowerCase()
      .split(" ")
      .some((word) => nouns.includes(word))
  );
}

function withArticle(phrase: string): string {
  const last = phrase.split(" ").at(-1)?.toLowerCase() ?? "";
  if (ARTICLE.test(phrase) || /^(no|some|two)\b/i.test(phrase) || WITHOUT_ARTICLE.test(last)) return phrase;
  return `${/^[aeiou]/i.test(phrase) ? "an" : "a"} ${phrase}`;
}

/** Where the caption names one of the nouns, with its adjectives and article. */
function findPhrase(caption: string, nouns: readonly string[]): { start: number; end: number } | null {
  const words = [...caption.matchAll(/[\w'-]+|[^\s\w]/g)];
  const place = words.findIndex(([word]) => nouns.includes(word.toLowerCase()));
  const noun = words[place];
  if (!noun) return null;
  let first = place;
  while (first > 0) {
    const before = words[first - 1]?.[0].toLowerCase() ?? "";
    const isArticle = /^(an?|the|no)$/.test(before);
    if (!isArticle && (LIMITS.has(before) || /^\W/.test(before))) break;
    first--;
    if (isArticle) break;
  }
  return { start: words[first]?.index ?? 0, end: noun.index + noun[0].length };
}

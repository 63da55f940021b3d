import { expect, test } from "vitest";
import { withWordsFor } from "../../src/edit/caption";

test.each([
  // what was said of the region goes
  ["hair", "black hair", "an old man with grey hair", "an old man with black hair"],
  [
    "hair",
    "black hair",
    "An old man with long grey hair and glasses.",
    "An old man with black hair and glasses.",
  ],
  ["hat", "red hat", "a man wearing a black hat, smiling", "a man wearing a red hat, smiling"],
  ["hat", "orange", "a man in a hat", "a man in an orange hat"],
  ["eye_glasses", "sunglasses", "a woman who wears reading glasses", "a woman who wears sunglasses"],
  ["lower_lip", "red lips", "a woman with lipstick and blond hair", "a woman with red lips and blond hair"],
  ["hat", "blue hat", "a man with no hat", "a man with a blue hat"],
  // nothing was said of it
  ["hair", "red hair", "a woman", "a woman with red hair"],
  ["hair", "red hair", "a smiling woman.", "a smiling woman with red hair."],
  ["hat", "red", "an old man with grey hair", "an old man with grey hair and a red hat"],
  ["earring", "golden", "she has red hair", "she has red hair and golden earrings"],
  ["hair", "curly  brown ", "", "a person with curly brown hair"],
  // nothing is said
  ["hair", "  ", "an old man", "an old man"],
])("%s: %j into %j", (region, words, caption, wanted) => {
  expect(withWordsFor(region, words, caption)).toBe(wanted);
});

import { expect, test } from "vitest";
import { editedArea, labelsInArea } from "../../src/edit/edited-area";

// As tests of the Python side have it: the hair (13) moves, the hat (14) is new.
const OLD = { width: 4, height: 1, labels: Uint8Array.from([13, 13, 1, 0]) };
const NEW = { width: 4, height: 1, labels: Uint8Array.from([14, 13, 13, 0]) };

test("without regions, what changes is drawn anew", () => {
  expect([...editedArea(OLD, NEW, null).inside]).toEqual([1, 0, 1, 0]);
  expect([...editedArea(OLD, OLD, null).inside]).toEqual([0, 0, 0, 0]);
});

test("regions are drawn anew where they were and where they will be", () => {
  expect([...editedArea(OLD, NEW, new Set([13])).inside]).toEqual([1, 1, 1, 0]);
  expect([...editedArea(OLD, NEW, new Set([1])).inside]).toEqual([0, 0, 1, 0]);
  expect([...editedArea(OLD, NEW, new Set([4])).inside]).toEqual([0, 0, 0, 0]);
});

test("an old mask of another size is read at the new one's", () => {
  const wide = { width: 8, height: 1, labels: Uint8Array.from([13, 13, 13, 13, 1, 1, 0, 0]) };
  expect([...editedArea(wide, NEW, null).inside]).toEqual([1, 0, 1, 0]);
});

test("the labels of an area are told by how much of it they have", () => {
  expect(labelsInArea(editedArea(OLD, NEW, null), OLD, NEW)).toEqual([13, 1, 14]);
  expect(labelsInArea(editedArea(OLD, OLD, null), OLD, OLD)).toEqual([]);
});

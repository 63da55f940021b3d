import type { components } from "./schema";

type Schemas = components["schemas"];

export type EditRequest = Schemas["EditRequest"];
export type Example = Schemas["Example"];
export type FieldProblem = Schemas["FieldProblem"];
export type Gates = Schemas["Gates"];
export type GenerateRequest = Schemas["GenerateRequest"];
export type JobStatus = Schemas["JobStatus"];
export type Model = Schemas["Model"];
export type Models = Schemas["Models"];
export type Parsed = Schemas["Parsed"];
export type Region = Schemas["Region"];
export type Result = Schemas["Result"];
export type Results = Schemas["Results"];
export type RegionName = NonNullable<EditRequest["regions"]>[number];
export type ResultFile = "picture.png" | "mask.png" | "old_mask.png" | "original.png" | "gates.png";

/** The name of a region as people read it: "eye_glasses" is "eye glasses". */
export function regionTitle(name: string): string {
  return name.replaceAll("_", " ");
}

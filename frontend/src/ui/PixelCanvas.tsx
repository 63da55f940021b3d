import { useLayoutEffect, useRef } from "preact/hooks";

export interface PixelCanvasProps {
  width: number;
  height: number;
  /** RGBA bytes, row by row. */
  pixels: Uint8ClampedArray<ArrayBuffer>;
  class?: string;
  /** What it shows; left out, readers pass over it. */
  label?: string;
}

/** A picture made of pixels that were computed here. */
export function PixelCanvas({ width, height, pixels, class: name, label }: PixelCanvasProps) {
  const ref = useRef<HTMLCanvasElement>(null);
  useLayoutEffect(() => {
    ref.current?.getContext("2d")?.putImageData(new ImageData(pixels, width, height), 0, 0);
  }, [pixels, width, height]);
  const seen = label === undefined ? { "aria-hidden": true } : { role: "img" as const, "aria-label": label };
  return <canvas ref={ref} class={name} width={width} height={height} {...seen} />;
}

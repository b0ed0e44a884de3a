// Colours and type of the page; uPlot and CodeMirror read the same variables from theme.css.
import { createTheme, type MantineColorsTuple } from "@mantine/core";

const spark: MantineColorsTuple = [
  "#fff1e3",
  "#ffe1cc",
  "#ffc29b",
  "#ffa064",
  "#fe8437",
  "#fe731a",
  "#f26609",
  "#d85700",
  "#c14c00",
  "#a83f00",
];

export const theme = createTheme({
  primaryColor: "spark",
  primaryShade: { light: 7, dark: 5 },
  colors: { spark },
  fontFamily: "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif",
  fontFamilyMonospace: "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace",
  defaultRadius: "md",
});

/** Line colours, told apart by people with the common kinds of colour blindness; both schemes. */
export const seriesColors = [
  "#3b82c4",
  "#e07b1f",
  "#2a9d6f",
  "#c8468f",
  "#8a63d2",
  "#b8961a",
  "#1aa6b7",
  "#d1483f",
  "#6b8e23",
  "#7a7f8c",
  "#a0522d",
  "#4f6fe0",
];

export function seriesColor(index: number): string {
  return seriesColors[index % seriesColors.length] as string;
}

import { plainLine } from '#core/plain-text.js';

export interface Column {
  readonly title: string;
  /** Numbers stand right. */
  readonly align?: 'left' | 'right';
  /** Longer cells are cut; 60 if not given. */
  readonly maxWidth?: number;
}

const MAX_WIDTH = 60;
const GAP = '  ';

const cut = (text: string, { maxWidth = MAX_WIDTH }: Column): string => plainLine(text, maxWidth);

/** Characters that take two places on a terminal: East Asian wide and full-width forms, emoji. */
const wide =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;

function width(text: string): number {
  let places = 0;
  for (const character of text) places += wide.test(character) ? 2 : 1;
  return places;
}

function pad(text: string, places: number, align: Column['align']): string {
  const space = ' '.repeat(Math.max(0, places - width(text)));
  return align === 'right' ? space + text : text + space;
}

/** A table whose rows come one by one: widths are fixed by the titles and by `widths`, what is longer pushes on. */
export function rowWriter(columns: readonly (Column & { readonly width: number })[]): {
  header: string;
  row(cells: readonly string[]): string;
} {
  const line = (cells: readonly string[]) =>
    columns
      .map((column, i) => pad(cells[i] ?? '', column.width, column.align))
      .join(GAP)
      .trimEnd();
  return {
    header: line(columns.map((c) => c.title)),
    row: (cells) => line(columns.map((column, i) => cut(cells[i] ?? '', column))),
  };
}

/** Title line and one line per row, columns as wide as their widest cell. No rows: only the titles. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => columns.map((column, i) => cut(row[i] ?? '', column)));
  const widths = columns.map((column, i) => Math.max(width(column.title), ...cells.map((row) => width(row[i] ?? ''))));
  const writer = rowWriter(columns.map((column, i) => ({ ...column, width: widths[i] ?? 0 })));
  return [writer.header, ...cells.map((row) => writer.row(row))].join('\n');
}

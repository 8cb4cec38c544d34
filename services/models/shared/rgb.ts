/** A decoded picture: three bytes a pixel, red, green, blue, row by row, no padding. */
export interface Rgb {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

export const MAX_IMAGE_BYTES = 10 * 1024 * 1024;
export const MAX_IMAGE_PIXELS = 40_000_000;
/** Super-resolution takes about 20 microseconds for each. */
export const MAX_UPSCALE_PIXELS = 500_000;
/** Unicode code points. */
export const MAX_CHARACTERS = 100_000;

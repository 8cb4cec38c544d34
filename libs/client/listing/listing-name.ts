import { WeftError } from '#core/errors.js';
import type { Directory } from './directory.js';

const MAX_LOOKED_AT = 2_000;

/**
 * What a person calls a listing as `findListing` takes it: digests, asset ids and full names of services stay, a short
 * name ("OcrService", "ocr") becomes the full name of the one service that has it. Throws LISTING_UNKNOWN, or
 * INVALID_INPUT with the candidates when several have it.
 */
export async function listingName(directory: Directory, name: string): Promise<string> {
  if (/^(0x|[0-9])/i.test(name) || name.includes('.')) return name;
  const found = new Set<string>();
  const wanted = fold(name);
  let looked = 0;
  for await (const { service } of directory.list()) {
    const short = service.slice(service.lastIndexOf('.') + 1);
    if (fold(short) === wanted || fold(short) === `${wanted}service`) found.add(service);
    looked += 1;
    if (looked >= MAX_LOOKED_AT) break;
  }
  const [only, ...others] = found;
  if (only === undefined)
    throw new WeftError('LISTING_UNKNOWN', `no service is called ${name.slice(0, 100)}`, {
      service: name.slice(0, 100),
    });
  if (others.length > 0)
    throw new WeftError('INVALID_INPUT', `"${name}" may be ${[only, ...others].join(' or ')}: give the full name`, {
      field: 'listing',
    });
  return only;
}

/** "super-resolution", "SuperResolution" and "super_resolution" are one name. */
const fold = (name: string): string => name.replace(/[-_]/g, '').toLowerCase();

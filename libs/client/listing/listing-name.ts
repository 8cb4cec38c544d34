import { WeftError } from '#core/errors.js';
import type { Directory } from './directory.js';

const MAX_LOOKED_AT = 2_000;

/**
 * What a person calls a listing as `findListing` takes it: digests, asset ids and full names of services stay, a short
 * name ("OcrService", "ocr", "superres") becomes the full name of the one service that has it. Throws LISTING_UNKNOWN, or
 * INVALID_INPUT with the candidates when several have it.
 */
export async function listingName(directory: Directory, name: string): Promise<string> {
  if (/^(0x|[0-9])/i.test(name) || name.includes('.')) return name;
  const services = new Set<string>();
  let looked = 0;
  for await (const { service } of directory.list()) {
    services.add(service);
    looked += 1;
    if (looked >= MAX_LOOKED_AT) break;
  }
  return serviceCalled(name, services);
}

/** The one of `services` (full names) that is called so. */
export function serviceCalled(name: string, services: Iterable<string>): string {
  const [only, ...others] = [...services].filter((service) => partsOf(service).includes(fold(name)));
  if (only === undefined)
    throw new WeftError('LISTING_UNKNOWN', `no service is called ${name.slice(0, 100)}`, {
      service: name.slice(0, 100),
    });
  if (others.length === 0) return only;
  throw new WeftError('INVALID_INPUT', `"${name}" may be ${[only, ...others].join(' or ')}: give the full name`, {
    field: 'listing',
  });
}

/** "models.ocr.v1.OcrService" is called "OcrService", "Ocr" and, by its package, "ocr". */
function partsOf(service: string): string[] {
  const parts = service.split('.').map(fold);
  const short = parts.pop() ?? '';
  const inPackage = parts.filter((part) => !/^v\d\w*$/.test(part));
  return [short, short.replace(/service$/, ''), ...inPackage.slice(-1)];
}

/** "super-resolution", "SuperResolution" and "super_resolution" are one name. */
const fold = (name: string): string => name.replace(/[-_]/g, '').toLowerCase();

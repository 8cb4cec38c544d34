import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

/** DER: tag, length, content. */
function der(tag: number, ...parts: Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const head = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...head]), content]);
}

const sequence = (...parts: Uint8Array[]): Buffer => der(0x30, ...parts);
const text = (tag: number, value: string): Buffer => der(tag, Buffer.from(value, 'ascii'));
const oid = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'));
const yes = der(0x01, Buffer.from([0xff]));

const ecdsaWithSha256 = sequence(oid('2a8648ce3d040302'));
const nameOf = (common: string): Buffer => sequence(der(0x31, sequence(oid('550403'), text(0x0c, common))));
const isAuthority = sequence(oid('551d13'), yes, der(0x04, sequence(yes)));
const alternativeName = (dns: string): Buffer => sequence(oid('551d11'), der(0x04, sequence(text(0x82, dns))));

const newKey = () => generateKeyPairSync('ec', { namedCurve: 'prime256v1' });

function certificate(
  subject: { name: string; key: KeyObject; extension: Buffer },
  issuer: { name: string; key: KeyObject },
  untilYear = 2120,
): string {
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    ecdsaWithSha256,
    nameOf(issuer.name),
    sequence(text(0x18, '20200101000000Z'), text(0x18, `${untilYear}0101000000Z`)),
    nameOf(subject.name),
    subject.key.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(subject.extension)),
  );
  const signature = sign('sha256', body, issuer.key);
  const whole = sequence(body, ecdsaWithSha256, der(0x03, Buffer.from([0]), signature));
  return `-----BEGIN CERTIFICATE-----\n${whole.toString('base64')}\n-----END CERTIFICATE-----\n`;
}

/**
 * A certificate authority of this test's own, and a server's certificate for a DNS name, by that authority or by the
 * server itself; all in PEM.
 */
export function makeCertificates(
  dnsName: string,
  { untilYear, selfSigned = false }: { untilYear?: number; selfSigned?: boolean } = {},
): { ca: string; certificate: string; key: string } {
  const authority = newKey();
  const server = newKey();
  const issuer = { name: 'Weft test CA', key: authority.privateKey };
  return {
    ca: certificate({ name: issuer.name, key: authority.publicKey, extension: isAuthority }, issuer),
    certificate: certificate(
      { name: dnsName, key: server.publicKey, extension: alternativeName(dnsName) },
      selfSigned ? { name: dnsName, key: server.privateKey } : issuer,
      untilYear,
    ),
    key: server.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
  };
}

import { credentials, Server, ServerCredentials } from '@grpc/grpc-js';
import { callRaw } from '#payments/rpc/raw-call.js';
import { makeCertificates } from '#test/support/tls.js';
import { openEndpoint, parseEndpoint } from './endpoint.js';

const open = async (text: string, allowPrivate: boolean, ...addresses: string[]): Promise<string> => {
  const client = await openEndpoint(text, { allowPrivate, resolve: async () => addresses });
  const target = client.getChannel().getTarget();
  client.close();
  return target;
};

const PATH = '/a.v1.S/Do';

describe('endpoints', () => {
  it('are read with scheme, host and port', () => {
    expect(parseEndpoint('grpcs://Example.org:443')).toEqual({ isSecure: true, host: 'example.org', port: 443 });
    expect(parseEndpoint('grpc://[::1]:1')).toEqual({ isSecure: false, host: '::1', port: 1 });
  });

  it.each([
    '',
    'example.org:443',
    'http://example.org:443',
    'grpc://example.org',
    'grpc://example.org:0',
    'grpc://example.org:65536',
    'grpc://user@example.org:1',
    'grpc://example.org:1/path',
    'grpc://exаmple.org:1',
    'grpc://-a:1',
    'grpc://a_b:1',
    'grpc://[::g]:1',
    'grpc://a:1\n',
    `grpc://${'a'.repeat(400)}:1`,
  ])('are refused as %j', (text) => {
    expect(() => parseEndpoint(text, 'endpoints[0]')).toThrow(
      expect.objectContaining({ reason: 'LISTING_INVALID', details: { field: 'endpoints[0]' } }),
    );
  });

  const forbidden = [
    '127.0.0.1',
    '10.1.2.3',
    '172.16.0.1',
    '192.168.1.1',
    '100.64.0.1',
    '::1',
    'fc00::1',
    'fd12::1',
    '169.254.169.254',
    'fe80::1',
    '0.0.0.0',
    '::',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '64:ff9b::7f00:1',
    '2002:7f00:1::',
    '2001::1',
    '224.0.0.1',
    '255.255.255.255',
    '192.0.2.1',
    'ff02::1',
  ];

  it.each(forbidden)('T51 that lead to %s are refused', async (address) => {
    await expect(open('grpcs://name.example:1', false, address)).rejects.toMatchObject({ reason: 'ENDPOINT_REFUSED' });
    await expect(open('grpcs://name.example:1', false, '8.8.8.8', address)).rejects.toMatchObject({
      reason: 'ENDPOINT_REFUSED',
    });
    const literal = `grpcs://${address.includes(':') ? `[${address}]` : address}:1`;
    await expect(open(literal, false)).rejects.toMatchObject({ reason: 'ENDPOINT_REFUSED' });
  });

  it.each(['127.0.0.1', '10.0.0.1', '100.64.0.1', '::1', 'fd00::1'])(
    'that lead to %s are connected to where private addresses are allowed',
    async (address) => {
      expect(await open('grpc://name.example:1', true, address)).toContain(address);
    },
  );

  it.each(['169.254.169.254', 'fe80::1', '::ffff:127.0.0.1', '64:ff9b::7f00:1', '0.0.0.0', '224.0.0.1'])(
    'T51 that lead to %s are refused even there',
    async (address) => {
      await expect(open('grpc://name.example:1', true, address)).rejects.toMatchObject({ reason: 'ENDPOINT_REFUSED' });
    },
  );

  it('T44 in public are reached with TLS only', async () => {
    expect(await open('grpcs://name.example:443', false, '8.8.8.8', '1.1.1.1')).toBe('ipv4:8.8.8.8:443,1.1.1.1:443');
    for (const allowPrivate of [false, true])
      await expect(open('grpc://name.example:443', allowPrivate, '8.8.8.8')).rejects.toMatchObject({
        reason: 'ENDPOINT_REFUSED',
      });
  });

  it('without an address are unreachable', async () => {
    await expect(open('grpc://name.example:1', true)).rejects.toMatchObject({ reason: 'ENDPOINT_UNREACHABLE' });
    await expect(openEndpoint('grpc://name.invalid:1', { allowPrivate: true })).rejects.toMatchObject({
      reason: 'ENDPOINT_UNREACHABLE',
    });
  });

  /** A server that answers "here" to /a.v1.S/Do, with the names it was called by. */
  async function startServer(secure: ServerCredentials) {
    const authorities: string[] = [];
    const server = new Server({
      interceptors: [
        (_method: unknown, call: { getHost(): string }) => {
          authorities.push(call.getHost());
          return call;
        },
      ],
    } as never);
    const same = (bytes: Buffer) => bytes;
    const method = { path: PATH, requestStream: false, responseStream: false } as const;
    server.addService(
      {
        Do: {
          ...method,
          requestSerialize: same,
          requestDeserialize: same,
          responseSerialize: same,
          responseDeserialize: same,
        },
      },
      { Do: (_call: unknown, done: (error: null, bytes: Buffer) => void) => done(null, Buffer.from('here')) },
    );
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync('127.0.0.1:0', secure, (error, bound) => (error ? reject(error) : resolve(bound))),
    );
    return { server, port, authorities };
  }

  it('T51 are connected to at the checked address under their own name, even when the name resolves elsewhere later', async () => {
    const { server, port, authorities } = await startServer(ServerCredentials.createInsecure());
    let asked = 0;
    const client = await openEndpoint(`grpc://name.example:${port}`, {
      allowPrivate: true,
      resolve: async () => (asked++ === 0 ? ['127.0.0.1'] : ['169.254.169.254']),
    });
    try {
      for (let i = 0; i < 2; i++)
        expect(String((await callRaw(client, PATH, Buffer.alloc(0), { deadlineMs: 5_000 })).bytes)).toBe('here');
      expect(asked).toBe(1);
      expect(authorities).toEqual([`name.example:${port}`, `name.example:${port}`]);
    } finally {
      client.close();
      server.forceShutdown();
    }
  });

  const startSecure = ({ certificate, key }: ReturnType<typeof makeCertificates>) =>
    startServer(
      ServerCredentials.createSsl(null, [{ private_key: Buffer.from(key), cert_chain: Buffer.from(certificate) }]),
    );

  const ask = async (endpoint: string, ca?: string) => {
    const tls = ca === undefined ? {} : { tls: credentials.createSsl(Buffer.from(ca)) };
    const client = await openEndpoint(endpoint, { allowPrivate: true, resolve: async () => ['127.0.0.1'], ...tls });
    try {
      return await callRaw(client, PATH, Buffer.alloc(0), { deadlineMs: 3_000 });
    } finally {
      client.close();
    }
  };

  it('T44 with TLS must prove the name they were listed under, to a known authority', async () => {
    const certificates = makeCertificates('name.example');
    const { ca: testCa } = certificates;
    const { server, port } = await startSecure(certificates);
    try {
      expect(String((await ask(`grpcs://name.example:${port}`, testCa)).bytes)).toBe('here');
      for (const refused of [
        await ask(`grpcs://other.example:${port}`, testCa),
        await ask(`grpcs://name.example:${port}`),
        await ask(`grpcs://127.0.0.1:${port}`, testCa),
        await ask(`grpc://name.example:${port}`),
      ])
        expect(refused.error).toMatchObject({ retryable: true });
    } finally {
      server.forceShutdown();
    }
  });

  it.each([
    ['has run out', makeCertificates('name.example', { untilYear: 2021 }), 'certificate has expired'],
    ['is signed by itself', makeCertificates('name.example', { selfSigned: true }), 'self-signed certificate'],
    ['is for another name', makeCertificates('other.example'), "does not match certificate's altnames"],
  ])('T44 whose certificate %s are refused', async (_, certificates, why) => {
    const { server, port } = await startSecure(certificates);
    try {
      const { error } = await ask(`grpcs://name.example:${port}`, certificates.ca);
      expect(error?.message).toContain(why);
    } finally {
      server.forceShutdown();
    }
  });
});

import { constants, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';

/** What a connection may do. Honest callers stay far below; whoever goes beyond loses the connection. */
const limits = {
  /** Calls taken back: as many as may be open at once, and then so many a second. */
  resets: 256,
  resetsPerSec: 50,
  /** DATA frames: so many for nothing, some for each call, one for so many bytes, and what the server allows a second. */
  frames: 1_000,
  framesPerCall: 4,
  bytesPerFrame: 512,
  /** Bytes of requests under way, in messages of the largest size. */
  messagesUnderWay: 16,
};

/** New connections of an address that lost one wait; each further loss doubles the time. */
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 8_000;
const FORGIVEN_AFTER_MS = 30_000;
/** Of one address at a time; what comes beyond is closed at once. */
const MAX_WAITING = 4;

/**
 * Ends connections that waste the server: calls begun and reset again and again, messages in tiny frames, more bytes
 * of requests than could be honest. The library limits none of it in a way that spares other callers.
 */
export function guardConnections(server: Http2Server, maxMessageBytes: number, smallFramesPerSec = 0): void {
  const usages = new WeakMap<ServerHttp2Session, Usage>();
  const offenders = new Offenders();
  offenders.holdBack(server);
  server.on('session', (session) => {
    const address = session.socket.remoteAddress ?? '';
    usages.set(
      session,
      new Usage(maxMessageBytes, smallFramesPerSec, () => {
        offenders.add(address);
        // Not now: a stream's events come while the session reads, and to be destroyed under its own feet ends the process.
        setImmediate(() => {
          if (session.destroyed) return;
          session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM);
          session.destroy();
        });
      }),
    );
  });
  server.on('stream', (stream) => {
    const { session } = stream;
    if (session !== undefined) usages.get(session as ServerHttp2Session)?.watch(stream);
  });
}

class Usage {
  private resets = limits.resets;
  private resetsAtMs = performance.now();
  private frames: number;
  private framesAtMs = performance.now();
  private bytesUnderWay = 0;
  private ended = false;
  private readonly maxBytesUnderWay: number;

  constructor(
    maxMessageBytes: number,
    private readonly framesPerSec: number,
    private readonly whenOver: () => void,
  ) {
    this.frames = this.mostFrames;
    this.maxBytesUnderWay = limits.messagesUnderWay * maxMessageBytes;
  }

  /** Listens after grpc-js does, which decides when a stream is read. */
  watch(stream: ServerHttp2Stream): void {
    let bytes = 0;
    this.earnFrames(limits.framesPerCall);
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      this.bytesUnderWay += chunk.length;
      this.frames--;
      this.earnFrames(chunk.length / limits.bytesPerFrame);
      if (this.frames < 0 || this.bytesUnderWay > this.maxBytesUnderWay) this.end();
    });
    stream.once('close', () => {
      this.bytesUnderWay -= bytes;
      if (stream.aborted || stream.rstCode !== constants.NGHTTP2_NO_ERROR) this.countReset();
    });
  }

  /** Once: the streams of a connection close with it, and each of them is counted again. */
  private end(): void {
    if (this.ended) return;
    this.ended = true;
    this.whenOver();
  }

  private get mostFrames(): number {
    return limits.frames + this.framesPerSec;
  }

  /** `more` and what time has brought. */
  private earnFrames(more: number): void {
    const nowMs = performance.now();
    const earned = ((nowMs - this.framesAtMs) / 1_000) * this.framesPerSec;
    this.frames = Math.min(this.mostFrames, this.frames + more + earned);
    this.framesAtMs = nowMs;
  }

  private countReset(): void {
    const nowMs = performance.now();
    const earned = ((nowMs - this.resetsAtMs) / 1_000) * limits.resetsPerSec;
    this.resets = Math.min(limits.resets, this.resets + earned) - 1;
    this.resetsAtMs = nowMs;
    if (this.resets < 0) this.end();
  }
}

interface Offender {
  waitMs: number;
  untilMs: number;
  waiting: number;
}

/** By address, for as long as they are remembered. */
class Offenders {
  private readonly known = new Map<string, Offender>();

  add(address: string): void {
    const offender = this.known.get(address) ?? { waitMs: FIRST_WAIT_MS / 2, untilMs: 0, waiting: 0 };
    offender.waitMs = Math.min(2 * offender.waitMs, LONGEST_WAIT_MS);
    offender.untilMs = Date.now() + offender.waitMs;
    this.known.set(address, offender);
    setTimeout(() => {
      if (offender.untilMs + FORGIVEN_AFTER_MS <= Date.now()) this.known.delete(address);
    }, offender.waitMs + FORGIVEN_AFTER_MS).unref();
  }

  /** Puts itself before whatever takes connections. */
  holdBack(server: Http2Server): void {
    const takers = server.listeners('connection');
    server.removeAllListeners('connection');
    server.on('connection', (socket: Socket) => {
      const take = () => {
        for (const taker of takers) taker.call(server, socket);
      };
      const offender = this.known.get(socket.remoteAddress ?? '');
      const leftMs = (offender?.untilMs ?? 0) - Date.now();
      if (offender === undefined || leftMs <= 0) return take();
      if (offender.waiting >= MAX_WAITING) return socket.destroy();
      offender.waiting++;
      const ignore = () => {};
      socket.on('error', ignore);
      setTimeout(() => {
        offender.waiting--;
        socket.off('error', ignore);
        if (!socket.destroyed) take();
      }, leftMs).unref();
    });
  }
}

import { create, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { Controller, Module } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import { Observable } from 'rxjs';
import { reportUnits } from '#paywall/units.js';
import { IdentifyRequest } from '#protos/models/language/v1/language.js';

/** A message with one text. */
export const Text = IdentifyRequest;

const method = <N extends string, S extends boolean>(name: N, responseStream: S) =>
  ({ name, requestType: Text, requestStream: false, responseType: Text, responseStream, options: {} }) as const;

/** A service made up for tests: every way of paying, and a handler that tests can steer. */
export const EchoDefinition = {
  name: 'EchoService',
  fullName: 'test.echo.v1.EchoService',
  methods: {
    say: method('Say', false),
    count: method('Count', false),
    peek: method('Peek', false),
    flow: method('Flow', true),
  },
} as const;

const TEXT = '.models.language.v1.IdentifyRequest';

export const echoDescriptors = toBinary(
  FileDescriptorSetSchema,
  create(FileDescriptorSetSchema, {
    file: [
      {
        name: 'test/echo/v1/echo.proto',
        package: 'test.echo.v1',
        syntax: 'proto3',
        dependency: ['models/language/v1/language.proto'],
        service: [
          {
            name: 'EchoService',
            method: Object.values(EchoDefinition.methods).map(({ name, responseStream }) => ({
              name,
              inputType: TEXT,
              outputType: TEXT,
              serverStreaming: responseStream,
            })),
          },
        ],
      },
    ],
  }),
);

export interface EchoHandlers {
  say(text: string): string | Promise<string>;
  count(text: string): string | Promise<string>;
  peek(text: string): string;
  flow(text: string): AsyncIterable<string>;
}

/** Say answers the same text; Count reports a unit per character; Flow sends a message per word and a unit per character. */
export const echoHandlers = (): EchoHandlers => ({
  say: (text) => text,
  count: (text) => {
    reportUnits(text.length);
    return text;
  },
  peek: (text) => text,
  async *flow(text) {
    for (const word of text.split(' ')) {
      reportUnits(word.length);
      yield word;
    }
  },
});

/** A handler that answers nothing gives no message, as one does that forgets to return it. */
const message = (text: string) => (text === undefined ? text : { text });

export function echoModule(handlers: EchoHandlers, calls: string[] = []) {
  @Controller()
  class EchoController {
    @GrpcMethod('EchoService', 'Say')
    async say({ text }: { text: string }) {
      calls.push(text);
      return message(await handlers.say(text));
    }

    @GrpcMethod('EchoService', 'Count')
    async count({ text }: { text: string }) {
      calls.push(text);
      return message(await handlers.count(text));
    }

    @GrpcMethod('EchoService', 'Peek')
    peek({ text }: { text: string }) {
      calls.push(text);
      return message(handlers.peek(text));
    }

    @GrpcMethod('EchoService', 'Flow')
    flow({ text }: { text: string }) {
      calls.push(text);
      return new Observable((out) => {
        void (async () => {
          try {
            for await (const word of handlers.flow(text)) {
              if (out.closed) return;
              out.next(message(word));
            }
            out.complete();
          } catch (error) {
            out.error(error);
          }
        })();
      });
    }
  }

  @Module({ controllers: [EchoController] })
  class EchoModule {}
  return EchoModule;
}
